#!/usr/bin/env bash
# run_tests.sh PROGRAM... - runs the test programs, the transcripts, the fuzz
# corpora and the layer check, and adds up Check's closing lines into one.
set -uo pipefail
BUILD=${BUILD:-build}
logs=$BUILD/logs
mkdir -p "$logs" && rm -f "$logs"/*.log "$logs"/*.rc
export CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-120} ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}

one() { # one NAME COMMAND... : output and exit status into the log folder
    local name=$1
    shift
    "$@" >"$BUILD/logs/$name.log" 2>&1
    echo $? >"$BUILD/logs/$name.rc"
}
export -f one
export BUILD

for t in "$@"; do printf '%s\0%s\0' "$(basename "$t")" "$t"; done |
    xargs -0 -r -n 2 -P "${JOBS:-2}" bash -c 'one "$@"' one
for f in tests/fuzz/fuzz_*.c; do
    [ -e "$f" ] || continue
    n=$(basename "$f" .c)
    one "replay_${n#fuzz_}" "$BUILD/replay/$n" "tests/fuzz/corpus/${n#fuzz_}"
done
if [ -f tests/cli/run.sh ] && [ -x "$BUILD/stepcast" ]; then
    STEPCAST=$BUILD/stepcast one cli bash tests/cli/run.sh
    STEPCAST=$BUILD/stepcast one machines bash tests/machines.sh
fi
one check_layers bash tests/check_layers.sh

checks=0 failures=0 errors=0 bad=()
for rc in "$logs"/*.rc; do
    name=$(basename "$rc" .rc)
    log=$logs/$name.log
    status=$(cat "$rc")
    # A program that prints no closing line counts as one check.
    line=$(grep -E '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$' "$log" | tail -n 1)
    if [[ $line =~ Checks:\ ([0-9]+),\ Failures:\ ([0-9]+),\ Errors:\ ([0-9]+) ]]; then
        c=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]} e=${BASH_REMATCH[3]}
    else
        c=1 f=0 e=0
    fi
    if [ "$status" != 0 ] && [ $((f + e)) = 0 ]; then e=1; fi
    checks=$((checks + c)) failures=$((failures + f)) errors=$((errors + e))
    if [ $((f + e)) = 0 ]; then
        printf '  %-28s %4d\n' "$name" "$c"
        grep -E '^left out: ' "$log" | sed 's/^/    /'
    else
        printf '  %-28s %4d, %d failed (exit %s)\n' "$name" "$c" $((f + e)) "$status"
        bad+=("$name")
    fi
done
# Last, where the end of a long log is all that is kept: what failed, and its words.
for name in "${bad[@]+"${bad[@]}"}"; do
    echo "failed: $name ($logs/$name.log)"
    grep -vE '^Running suite' "$logs/$name.log" | tail -n 40 | sed 's/^/    /'
done
ok=$((checks - failures - errors))
[ "$ok" -ge 0 ] || ok=0
[ "$checks" -gt 0 ] || { echo "no tests were found"; exit 1; }
printf '%d%%: Checks: %d, Failures: %d, Errors: %d\n' $((100 * ok / checks)) "$checks" "$failures" "$errors"
[ $((failures + errors)) = 0 ]
