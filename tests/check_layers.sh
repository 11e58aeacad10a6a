#!/usr/bin/env bash
# check_layers.sh - includes point down, never up and never sideways. The
# allowed edges are the data below; an unknown folder is an error.
set -euo pipefail
export LC_ALL=C

declare -A may=(
    [sim/base]=""
    [sim/engine]="sim/base"
    [hw]="sim/engine sim/base"
    [models]="sim/engine sim/base"
    [scenarios]="hw models sim/engine sim/base"
    [kernels]="hw models sim/engine sim/base"
    [sim/run]="scenarios kernels hw models sim/engine sim/base"
    [calib]="scenarios kernels hw models sim/base"
    [sim/study]="sim/run calib scenarios kernels hw models sim/engine sim/base"
    [reports]="sim/study sim/run calib scenarios kernels hw models sim/engine sim/base"
    [sim]="reports sim/study sim/run calib scenarios kernels hw models sim/engine sim/base"
    [sim/cli]="" # only the headers named in `doors`
    [kernels/cuda]=""
    [tests]="*"
)
# Single headers that a folder may include besides.
declare -A doors=([sim/cli]="sim/stepcast.h sim/base/err.h")

room_of() { # the longest known folder that holds the file; empty if none
    local d=${1%/*}
    [ "$d" != "$1" ] || { echo ""; return; }
    while :; do
        # The storeys of sim/ are named one by one: sim/new is not sim.
        if [ -n "${may[$d]+x}" ] && { [ "$d" != sim ] || [ "${1%/*}" = sim ]; }; then echo "$d"; return; fi
        case $d in */*) d=${d%/*} ;; *) echo ""; return ;; esac
    done
}

bad=0 n=0
say() { echo "$1"; bad=1; }
while IFS= read -r file; do
    room=$(room_of "$file")
    [ -n "$room" ] || { say "$file: a folder that tests/check_layers.sh does not know"; continue; }
    [ "${may[$room]}" != "*" ] || continue
    while IFS=: read -r line inc; do
        n=$((n + 1))
        case " ${doors[$room]:-} " in *" $inc "*) continue ;; esac
        case $inc in
        */*) to=$(room_of "$inc") ;;
        *) [ "$room" = kernels/cuda ] || say "$file:$line: \"$inc\": write includes from the root"; continue ;;
        esac
        [ -n "$to" ] || { say "$file:$line: \"$inc\" is in no known folder"; continue; }
        [ "$to" != "$room" ] || continue
        case " ${may[$room]} " in
        *" $to "*) ;;
        *) say "$file:$line: $room may not include $to (\"$inc\")" ;;
        esac
    done < <(sed -n '/^[[:space:]]*#[[:space:]]*include[[:space:]]*"/{=;s/^[^"]*"\([^"]*\)".*/\1/p;}' "$file" | paste -d: - -)
done < <(find . -path ./build -prune -o -path ./.git -prune -o \
    \( -name '*.c' -o -name '*.h' -o -name '*.def' -o -name '*.cu' -o -name '*.cuh' \) -type f -print | sed 's|^\./||' | sort)
[ $bad = 0 ] && echo "layers: $n includes, all downwards"
exit $bad
