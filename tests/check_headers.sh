#!/usr/bin/env bash
# check_headers.sh HEADER... - every header compiles alone, warning-free, and
# carries the guard that its path asks for.
set -euo pipefail
bad=0
for h in "$@"; do
    # shellcheck disable=SC2086
    printf '#include "%s"\nextern int stc_nothing;\n' "$h" |
        ${CC:-gcc} ${CFLAGS:-} -x c -fsyntax-only - || { echo "$h: does not compile alone"; bad=1; }
    # x_undef.h undoes the macros of an X-macro file and is meant to be read again.
    case $h in *_undef.h) continue ;; esac
    guard=STC_$(echo "${h#sim/}" | tr 'a-z/.-' 'A-Z___')
    grep -qE "^#ifndef ${guard%_H}(_[A-Z]+)?_H\$" "$h" || { echo "$h: guard should be $guard"; bad=1; }
done
exit $bad
