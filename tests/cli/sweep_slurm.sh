# A sweep as a job array, one shard a task, then merged: the script as it is printed, and
# its tasks by a loop that sets what Slurm sets (tests/machines.sh runs it under Slurm).
$STEPCAST sweep gpt3-13b-8xa100 --vary cluster.nodes=1,2,4 --vary "train.global_batch=64,128" --out "$T/p.db" --job 3 >"$T/job.sh"
cat "$T/job.sh"
for i in 0 1 2; do SLURM_ARRAY_TASK_ID=$i bash "$T/job.sh"; done
$STEPCAST sweep gpt3-13b-8xa100 --vary cluster.nodes=1,2,4 --vary "train.global_batch=64,128" --out "$T/a.db" >"$T/a.txt"
$STEPCAST sweep --merge "$T/m.db" "$T"/p.db.? >"$T/m.txt"
cmp "$T/a.txt" "$T/m.txt" && echo "job array: the same"
$STEPCAST sweep gpt3-13b-8xa100 --vary cluster.nodes=1,2 --out x.db --job 0
