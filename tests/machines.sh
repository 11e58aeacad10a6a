#!/usr/bin/env bash
# machines.sh - searches and sweeps over several processes: OpenMPI's mpirun, and a
# Slurm of one node that is started in an empty folder and ended again. What is not
# installed says so in a line "left out: …" that the list of tests shows.
set -uo pipefail
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_btl=self,vader OMPI_MCA_btl_base_warn_component_unused=0
# OpenMPI and PMIx keep memory to the end, in plugins that are gone when leaks are
# counted (no suppression finds their names): under AddressSanitizer the processes of
# this file look for everything else, and the tests of one process for leaks.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
STEPCAST=$(realpath "${STEPCAST:-build/stepcast}") || exit 1
export STEPCAST
export PATH=$PATH:/usr/sbin:/sbin
T=$(mktemp -d /tmp/stepcast-machines-XXXXXX)
export T
n=0 failed=0

ends=()
cleanup() {
    for f in "${ends[@]}"; do [ -s "$f" ] && kill "$(cat "$f")" 2>/dev/null; done
    sleep 0.2
    rm -rf "$T"
}
trap cleanup EXIT

holds() { # holds WHAT COMMAND... : one check
    local what=$1
    shift
    n=$((n + 1))
    "$@" >"$T/why" 2>&1 && return 0
    failed=$((failed + 1))
    echo "$what: failed"
    head -n 20 "$T/why"
    return 1
}

grid="--vary cluster.nodes=1,2,4 --vary layout.micro_batch=1,2,4"
search() { # search COMMAND... : a tuning under it
    timeout 100 "$@" "$STEPCAST" tune gpt3-13b-8xa100 tune.shard=none,zero1 --top 20 --no-times --threads 1
}
search env >"$T/alone" 2>&1
"$STEPCAST" sweep gpt3-13b-8xa100 $grid --out "$T/a.db" >"$T/a.txt"

# ==== OpenMPI ====

# A search of several processes that is killed under way and taken up by as many or
# fewer; a search that was over before the blow is no proof, so it must not be.
big="tune/gpt3-175b-512xa100 tune.recompute_layers=all tune.split=fixed tune.overlap_tp=none,prev
     tune.overlap_grad_reduce=fixed tune.overlap_param_gather=fixed --top 20 --no-times --threads 1"
killed() { # killed FIRST SECOND : numbers of processes
    local log=$T/journal.$1.$2 pid ranks
    [ -e "$T/whole" ] || "$STEPCAST" tune $big >"$T/whole" || return 1
    mpirun -n "$1" "$STEPCAST" tune $big --journal "$log" >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 500); do # until something was written down
        [ "$(stat -c %s "$log" 2>/dev/null || echo 0)" -gt 10000 ] && break
        sleep 0.02
    done
    ranks=$(ps -o pid= --ppid "$pid")
    kill -9 $ranks "$pid" || return 1
    wait "$pid" 2>/dev/null
    [ $? = 137 ] || return 1
    echo "journal of $(stat -c %s "$log") bytes when $1 processes were killed"
    timeout 100 mpirun -n "$2" "$STEPCAST" tune $big --journal "$log" >"$T/resumed" || return 1
    cmp "$T/whole" "$T/resumed"
}

if ! command -v mpirun >/dev/null; then
    echo "left out: no mpirun, searches of several processes did not run"
elif ! search mpirun -n 3 >"$T/three" || [ "$(grep -c '^Why the others lost' "$T/three")" != 1 ]; then
    if ldd "$STEPCAST" | grep -q libmpi; then
        holds "three MPI processes" false
    else
        echo "left out: built without MPI, searches of several processes did not run"
    fi
else
    holds "three MPI processes print what one does" cmp "$T/alone" "$T/three"
    holds "three MPI processes killed, three go on" killed 3 3
    holds "three MPI processes killed, two go on" killed 3 2
    holds "two MPI processes killed, one goes on" killed 2 1
    timeout 100 mpirun -n 2 "$STEPCAST" sweep gpt3-13b-8xa100 $grid --out "$T/s.db" >"$T/s.txt" 2>&1
    holds "a sweep of two MPI processes" cmp "$T/a.txt" "$T/s.txt"
fi

# ==== Slurm ====

slurm_start() { # one node, everything of it in $T/slurm
    local d=$T/slurm port=$((20000 + $$ % 20000))
    mkdir -p "$d/ctl" "$d/d" && chmod 755 "$T" "$d" || return 1
    head -c 1024 /dev/urandom >"$d/key" && chmod 600 "$d/key"
    ends=("$d/slurmd.pid" "$d/slurmctld.pid" "$d/munged.pid")
    cat >"$d/slurm.conf" <<CONF
ClusterName=stepcast
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$d/munge
CredType=cred/munge
StateSaveLocation=$d/ctl
SlurmdSpoolDir=$d/d
SlurmctldPidFile=$d/slurmctld.pid
SlurmdPidFile=$d/slurmd.pid
SlurmctldLogFile=$d/slurmctld.log
SlurmdLogFile=$d/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SwitchType=switch/none
MailProg=/bin/true
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=256 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=10 State=UP
CONF
    echo "CgroupPlugin=cgroup/v1" >"$d/cgroup.conf" # autodetection wants systemd
    export SLURM_CONF=$d/slurm.conf
    timeout 10 munged --force --key-file="$d/key" --socket="$d/munge" --pid-file="$d/munged.pid" \
        --log-file="$d/munged.log" --seed-file="$d/seed" >"$d/out" 2>&1 || return 1
    timeout 10 slurmctld -c >>"$d/out" 2>&1 && timeout 10 slurmd >>"$d/out" 2>&1 || return 1
    for _ in $(seq 50); do
        timeout 5 sinfo -h -o %T 2>/dev/null | grep -q idle && return 0
        sleep 0.2
    done
    return 1
}

slurm_checks() {
    "$STEPCAST" sweep gpt3-13b-8xa100 $grid --out "$T/p.db" --job 3 >"$T/job.sh"
    holds "sbatch --test-only" timeout 20 sbatch --test-only "$T/job.sh"
    holds "the job array runs" timeout 100 sbatch --wait --output="$T/log.%a" --export=ALL "$T/job.sh" ||
        cat "$T"/log.* 2>/dev/null
    "$STEPCAST" sweep --merge "$T/m.db" "$T"/p.db.? >"$T/m.txt"
    holds "shards of a job array, merged" cmp "$T/a.txt" "$T/m.txt"
    if timeout 10 srun --mpi=list 2>&1 | grep -q pmix && ldd "$STEPCAST" | grep -q libmpi; then
        search srun --quiet --overcommit -n 3 --mpi=pmix >"$T/srun" 2>"$T/srun.err"
        holds "three processes of srun print what one does" cmp "$T/alone" "$T/srun" || cat "$T/srun.err"
    else
        echo "left out: no MPI or no pmix in Slurm, srun did not run"
    fi
}

if ! command -v slurmctld >/dev/null || ! command -v slurmd >/dev/null || ! command -v munged >/dev/null; then
    echo "left out: no Slurm (slurmctld, slurmd, munged), job arrays did not run"
elif ! slurm_start; then
    echo "left out: Slurm does not start here: $(tail -qn 1 "$T"/slurm/out "$T"/slurm/slurmd.log 2>/dev/null | tail -n 1)"
else
    slurm_checks
fi

ok=100 # of nothing, when all was left out
[ $n = 0 ] || ok=$((100 * (n - failed) / n))
printf '%d%%: Checks: %d, Failures: %d, Errors: 0\n' $ok $n $failed
[ $failed = 0 ]
