#!/usr/bin/env bash
# run_bench.sh PROGRAM... - runs the benches and keeps their rows
# (name  n  value  unit) with the commit in build/bench.csv.
set -euo pipefail
build=${BUILD:-build}
out=$build/bench.csv
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -f "$out" ] || echo 'commit,name,n,value,unit' >"$out"
for b in "$@"; do
    "$b" | tee "$build/bench.log"
    awk -v c="$commit" 'NF >= 3 && $3 + 0 == $3 {print c "," $1 "," $2 "," $3 "," $4}' "$build/bench.log" >>"$out"
done
