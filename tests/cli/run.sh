#!/usr/bin/env bash
# run.sh [--golden] [NAME...] - command-line transcripts.
#
# tests/cli/NAME.sh is run by bash in the root of the tree with $STEPCAST and an
# empty folder $T; what it prints must be NAME.stdout and NAME.stderr (absent:
# nothing), its exit status NAME.exit (absent: 0). $T is printed as <T>.
# Figures that move with the cost model are masked by the transcript itself:
# `| mask` turns numbers into N and drops bars.
# --golden rewrites what is expected, and scenarios/KEYS.md; a reviewer reads the
# difference.
set -uo pipefail
export LC_ALL=C
here=$(dirname "$0")
STEPCAST=${STEPCAST:-build/stepcast}
STEPCAST=$(realpath "$STEPCAST") || exit 1
export STEPCAST
golden=0
[ "${1:-}" = --golden ] && { golden=1; shift; }
names=("$@")
[ $# -gt 0 ] || names=($(cd "$here" && ls ./*.sh | sed 's|^\./||; s|\.sh$||' | grep -v '^run$'))

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mask() {
    sed -E 's/[-+]?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?/N/g; s/ +/ /g; s/ [-+#]+$//; s/ $//; s/[A-Z]{4,}/M/g; s/(N (s|ms|us|ns|B|kB|MB|GB|TB)\b)/N u/g; s/-{5,}/-----/; s/={5,}/=====/'
}
export -f mask

same() { # same NAME SUFFIX GOT DEFAULT
    local want=$here/$1.$2
    if [ $golden = 1 ]; then
        if [ "$(cat "$3")" = "$4" ]; then rm -f "$want"; else cp "$3" "$want"; fi
        return 0
    fi
    if [ -e "$want" ]; then diff -u "$want" "$3" >"$work/diff"; else diff -u <([ -z "$4" ] || echo "$4") "$3" >"$work/diff"; fi && return 0
    echo "$1: $2 differs"
    sed 's/^/    /' "$work/diff" | head -40
    return 1
}

if [ $golden = 1 ] && [ -f scenarios/KEYS.md ]; then
    head -n 4 scenarios/KEYS.md >"$work/keys" && "$STEPCAST" help keys --markdown >>"$work/keys" &&
        cp "$work/keys" scenarios/KEYS.md
fi

n=0 failed=0
for name in "${names[@]}"; do
    T=$work/$name
    mkdir -p "$T"
    export T
    (bash "$here/$name.sh") >"$work/out" 2>"$work/err" </dev/null
    printf '%s\n' $? >"$work/exit"
    sed -i "s|$T|<T>|g; s|$STEPCAST|stepcast|g" "$work/out" "$work/err"
    n=$((n + 1))
    ok=1
    same "$name" stdout "$work/out" "" || ok=0
    same "$name" stderr "$work/err" "" || ok=0
    same "$name" exit "$work/exit" 0 || ok=0
    [ $ok = 1 ] || failed=$((failed + 1))
done
[ $n -gt 0 ] || { echo "no transcripts"; exit 1; }
printf '%d%%: Checks: %d, Failures: %d, Errors: 0\n' $((100 * (n - failed) / n)) $n $failed
[ $failed = 0 ]
