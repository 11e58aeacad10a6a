#!/usr/bin/env bash
# run_bench.sh PROGRAM... - runs the benches and keeps their rows
# (name  n  ns/op  min-of-5) with the commit in build/bench.csv.
set -euo pipefail
out=${BUILD:-build}/bench.csv
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -f "$out" ] || echo 'commit,name,n,ns_per_op,note' >"$out"
for b in "$@"; do
    "$b" | tee /dev/stderr | awk -v c="$commit" 'NF >= 3 && $3 + 0 == $3 {print c "," $1 "," $2 "," $3 "," $4}' >>"$out"
done
