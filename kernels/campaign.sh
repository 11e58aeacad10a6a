#!/usr/bin/env bash
# campaign.sh - everything that is measured on one machine, in sittings.
#
#   kernels/campaign.sh [-t SECONDS] [-w WORK] [-r BEFORE] [-m NAME] [-q] [PART ...]
#
#   -t SECONDS  how long this sitting may last (540)
#   -w WORK     folder of the CSV files (build/campaign); a next sitting goes on there
#   -r BEFORE   campaign.tar.gz of an earlier sitting, unpacked into WORK first: for
#               machines that forget everything between sittings
#   -m NAME     the machine's name in the rows (the host's)
#   -c FILE     configurations of steps.py (kernels/grids/h200_steps.json)
#   -q          the quick grids
#   PART        build sanitize bench torch steps (all but sanitize, in this order)
#
# Leaves campaign.tar.gz (CSV files, logs) and traces.tar (Kineto traces) in $OUT, or
# in WORK where OUT is not set. Needs no network. Exit codes: 0 all done, 1 a part
# failed, 3 no GPU, 5 more sittings are needed.
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
limit=540 work=$root/build/campaign before='' name='' quick=()
configs=$here/grids/h200_steps.json
begun=$SECONDS

while getopts t:w:r:m:c:q flag; do
    case $flag in
        t) limit=$OPTARG ;;
        w) work=$OPTARG ;;
        r) before=$OPTARG ;;
        m) name=$OPTARG ;;
        c) configs=$OPTARG ;;
        q) quick=(--quick) ;;
        *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- build bench torch steps

mkdir -p "$work/log" "$work/torch" "$work/steps" || exit 1
out=${OUT:-$work}
mkdir -p "$out" || exit 1
log=$work/log/campaign.log
if [ -n "$before" ]; then
    tar -xzf "$before" --skip-old-files -C "$work" || { echo "campaign: $before cannot be unpacked" >&2; exit 1; }
fi

failed=0 more=0
python=$(command -v python3 || true)
bench=$root/build/cuda/stepcast-bench
machine=()
[ -z "$name" ] || machine=(--machine "$name")

left() { echo $((limit - (SECONDS - begun))); }
say() { echo "campaign: $*" | tee -a "$log" >&2; }

# note CODE PART: what the exit code of a part means for the whole.
note() {
    case $1 in
        0) say "$2: done" ;;
        3) say "$2: no GPU"; exit 3 ;;
        5) say "$2: more is left"; more=1 ;;
        *) say "$2: failed with exit code $1"; failed=1 ;;
    esac
}

# Folders of NVIDIA's Python packages, where the toolkit lacks cuBLAS or NCCL.
packages() {
    [ -n "$python" ] || return 0
    "$python" - <<'PY'
import glob, site, sys
for base in site.getsitepackages() + sys.path:
    for d in sorted(glob.glob(base + "/nvidia/*")):
        print(d)
PY
}

# sdk NAME HEADER: links NAME's headers and library from a Python package into
# $work/sdk, under the plain names that a linker asks for. 1: there is none.
sdk() {
    local d so
    for d in $(packages); do
        [ -f "$d/include/$2" ] || continue
        mkdir -p "$work/sdk/include" "$work/sdk/lib"
        ln -sf "$d"/include/"${2%.h}"*.h "$d"/include/"${1%Lt}"*.h "$work/sdk/include/"
        for so in "$d/lib/lib$1".so*; do
            ln -sf "$so" "$work/sdk/lib/"
            ln -sf "$so" "$work/sdk/lib/lib$1.so"
        done
        return 0
    done
    return 1
}

part_build() {
    local arch toolkit set=()
    command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
    command -v nvcc >/dev/null || { say "build: no nvcc"; failed=1; return; }
    toolkit=$(dirname "$(dirname "$(realpath "$(command -v nvcc)")")")
    arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d .)
    [ -z "$arch" ] || set+=("ARCHS=$arch")
    if [ ! -f "$toolkit/include/cublasLt.h" ]; then
        if sdk cublasLt cublasLt.h; then set+=("CUBLAS_HOME=$work/sdk"); else say "build: no cuBLAS"; fi
    fi
    if [ ! -f "$toolkit/include/nccl.h" ] && [ ! -f /usr/include/nccl.h ]; then
        if sdk nccl nccl.h; then set+=("NCCL_HOME=$work/sdk"); else say "build: without NCCL"; fi
    fi
    make -C "$here/cuda" -j"$(nproc)" BUILD="$root/build/cuda" "${set[@]}" >>"$log" 2>&1
    note $? build
}

part_sanitize() {
    local tool
    tool=$(PATH=$PATH:/usr/local/cuda/bin command -v compute-sanitizer)
    [ -n "$tool" ] || { say "sanitize: no compute-sanitizer here"; return; }
    timeout "$(left)" "$tool" --tool memcheck --error-exitcode 9 "$bench" --quick \
        --suite membound,launch,copy --max-s $(($(left) / 2)) --out "$work/sanitize" \
        >"$work/log/sanitize.log" 2>&1
    local code=$?
    [ $code -ne 5 ] || code=0 # as many cases as there was time for
    note $code sanitize
}

part_bench() {
    "$bench" --out "$work" --max-s "$(left)" "${quick[@]}" "${machine[@]}" 2>&1 | tee -a "$log" >&2
    note "${PIPESTATUS[0]}" bench
}

# PyTorch takes up to 15 s to start, before its own clock runs.
part_torch() {
    "$python" "$here/torch/bench.py" --out "$work/torch" --max-s $(($(left) - 15)) "${quick[@]}" \
        "${machine[@]}" 2>&1 | tee -a "$log" >&2
    note "${PIPESTATUS[0]}" torch
}

part_steps() {
    "$python" "$here/torch/steps.py" --configs "$configs" --out "$work/steps" \
        --trace "$work/traces" --max-s $(($(left) - 15)) "${machine[@]}" 2>&1 | tee -a "$log" >&2
    note "${PIPESTATUS[0]}" steps
}

{ date -u; nvidia-smi; } >>"$log" 2>&1
# What there is so far, in case the next part is killed.
pack() {
    (cd "$work" && find . -name '*.csv' -o -name '*.log' | tar -czf "$out/campaign.tar.gz.new" -T -) &&
        mv "$out/campaign.tar.gz.new" "$out/campaign.tar.gz"
    if [ -d "$work/traces" ]; then tar -cf "$out/traces.tar" -C "$work" traces; fi
}

# has_time PART: whether it is worth starting.
has_time() {
    [ "$(left)" -lt 20 ] || return 0
    say "$1: no time left in this sitting"
    more=1
    return 1
}

for part in "$@"; do
    if [ -z "$python" ] && { [ "$part" = torch ] || [ "$part" = steps ]; }; then
        say "$part: no python3"
        continue
    fi
    has_time "$part" || continue
    case $part in
        build) part_build ;;
        sanitize) part_sanitize ;;
        bench) part_bench ;;
        torch) part_torch ;;
        steps) part_steps ;;
        *) say "no part is called $part"; exit 2 ;;
    esac
    pack
done

say "$(left) s left of $limit; results in $out/campaign.tar.gz"
[ $failed -eq 0 ] || exit 1
[ $more -eq 0 ] || exit 5
exit 0
