# the public header, where `make install` puts it, compiles as C11 and as C++
mkdir -p "$T/sim/base" && cp sim/stepcast.h "$T/" && cp sim/base/err.h "$T/sim/base/"
flags="-I $T -fsyntax-only -Wall -Wextra -Wpedantic -Werror"
gcc -std=c11 $flags tests/embed.c && echo "C11"
# without g++ only the first is tried
if command -v g++ >/dev/null; then g++ -std=c++17 $flags -x c++ tests/embed.c; fi && echo "C++"
