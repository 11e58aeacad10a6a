# One thread and two print the same, byte for byte (processes: tests/machines.sh).
ask() { "$STEPCAST" tune gpt3-13b-8xa100 tune.shard=none,zero1 --top 20 --no-times --threads "$1"; }
ask 1 >"$T/1"
ask 2 >"$T/2"
cmp "$T/1" "$T/2" && echo "two threads: the same"
