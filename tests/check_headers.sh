#!/usr/bin/env bash
# check_headers.sh HEADER... - every header compiles alone, warning-free, and
# carries the guard that its path asks for.
set -euo pipefail
bad=0
for h in "$@"; do
    # shellcheck disable=SC2086
    printf '#include "%s"\nextern int stc_nothing;\n' "$h" |
        ${CC:-gcc} ${CFLAGS:-} -x c -fsyntax-only - || { echo "$h: does not compile alone"; bad=1; }
    guard=STC_$(echo "${h#sim/}" | tr 'a-z/.-' 'A-Z___')
    grep -q "^#ifndef $guard\$" "$h" || { echo "$h: guard should be $guard"; bad=1; }
done
exit $bad
