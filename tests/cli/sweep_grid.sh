# A grid, in shards that are merged: the same table; a second run adds nothing.
V="--vary cluster.nodes=1,2,4 --vary layout.micro_batch=1,4"
"$STEPCAST" sweep gpt3-13b-8xa100 $V --out "$T/a.db" | mask
"$STEPCAST" sweep gpt3-13b-8xa100 $V --out "$T/a.db" --csv "$T/a.csv" >"$T/a.txt"
for i in 0 1 2; do "$STEPCAST" sweep gpt3-13b-8xa100 $V --shard $i/3 --out "$T/p$i.db" >/dev/null; done
"$STEPCAST" sweep --merge "$T/m.db" "$T"/p?.db >"$T/m.txt"
cmp "$T/a.txt" "$T/m.txt" && echo "shards: the same"
head -1 "$T/a.csv"
