# A sweep as a job array, one shard a task, then merged. With a Slurm that runs jobs
# it is sbatch that starts the tasks; without one, a loop sets the same variable.
cat >"$T/task.sh" <<'JOB'
#!/bin/bash
"$STEPCAST" sweep gpt3-13b-8xa100 --vary cluster.nodes=1,2,4 --shard "$SLURM_ARRAY_TASK_ID/3" --out "$T/p$SLURM_ARRAY_TASK_ID.db" >/dev/null
JOB
chmod +x "$T/task.sh"
export T
if command -v sbatch >/dev/null && timeout 5 sinfo -h 2>/dev/null | grep -q idle; then
    sbatch --quiet --wait --array=0-2 --output="$T/log.%a" --export=ALL "$T/task.sh" >/dev/null
else
    echo "sweep_slurm: no Slurm that runs jobs; a loop stands for the array" >&2
    for i in 0 1 2; do SLURM_ARRAY_TASK_ID=$i "$T/task.sh"; done
fi 2>"$T/note"
"$STEPCAST" sweep gpt3-13b-8xa100 --vary cluster.nodes=1,2,4 --out "$T/a.db" >"$T/a.txt"
"$STEPCAST" sweep --merge "$T/m.db" "$T"/p?.db >"$T/m.txt"
cmp "$T/a.txt" "$T/m.txt" && echo "job array: the same"
