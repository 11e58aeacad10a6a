#!/usr/bin/env bash
# readme.sh [--write] - README.md still tells the truth.
#
# A block that begins with `$ COMMAND` is run (with $STEPCAST for build/stepcast)
# and compared word by word: numbers within 10 %, and within 3 points where a %
# follows; bars count nothing, nor does which row of a source is the worst. --write puts in what is printed now. Commands that
# stand elsewhere must exist with their options, scenarios and keys; so must files.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
STEPCAST=$(realpath "${STEPCAST:-build/stepcast}") || exit 1
page=README.md
bad=0
say() { echo "$page: $*"; bad=1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

same() { # same WANT GOT: 0 when they say the same, rounded
    awk -v want="$1" -v got="$2" '
    function words(file, w, line, n, k, f, i) {
        while ((getline line < file) > 0) {
            sub(/  [a-z0-9-]*[0-9] [-+][0-9.]+ %$/, "", line)
            k = split(line, f, " ")
            for (i = 1; i <= k; i++)
                if (f[i] !~ /^[-=#.+]+$/) w[++n] = f[i]
        }
        return n
    }
    function is_number(s) { return s ~ /^[-+]?[0-9][0-9]*(\.[0-9]+)?$/ }
    BEGIN {
        n = words(want, a); m = words(got, b)
        if (n != m) { printf "%d words, now %d\n", n, m; exit 1 }
        for (i = 1; i <= n; i++) {
            x = a[i]; y = b[i]
            gsub(/[(),;:]/, "", x); gsub(/[(),;:]/, "", y)
            if (x == y) continue
            ok = 0
            if (is_number(x) && is_number(y)) {
                d = x - y; if (d < 0) d = -d
                s = x < 0 ? -x : x + 0
                ok = d <= 0.1 * s || (a[i + 1] ~ /^%/ && d <= 3)
            }
            if (!ok) { printf "\"%s\", now \"%s\"\n", a[i], b[i]; exit 1 }
        }
    }'
}

# The blocks, one file each: the command in N.cmd, what it printed in N.want.
awk -v dir="$work" '
    /^```/ { inside = !inside; first = inside; next }
    inside && first { first = 0; if (/^\$ /) { n++; on = 1; print substr($0, 3) > (dir "/" n ".cmd"); printf "" > (dir "/" n ".want") } else on = 0; next }
    inside && on { print > (dir "/" n ".want") }' "$page"

n=0
for cmd in "$work"/*.cmd; do
    [ -e "$cmd" ] || continue
    n=$((n + 1))
    base=${cmd%.cmd}
    sed "s|build/stepcast|$STEPCAST|g" "$cmd" >"$base.sh"
    bash "$base.sh" >"$base.got" 2>/dev/null
    [ "${1:-}" = --write ] && continue
    if ! why=$(same "$base.want" "$base.got"); then
        say "$(cat "$cmd"): it says $why (make golden rewrites it)"
    fi
done

if [ "${1:-}" = --write ]; then
    awk -v dir="$work" '
        /^```/ { inside = !inside; first = inside; on = 0 }
        inside && first && /^\$ / { n++; on = 1; first = 0; print
            file = dir "/" n ".got"; while ((getline line < file) > 0) print line; next }
        inside && !/^```/ { first = 0 }
        !on { print }' "$page" >"$work/page" && cat "$work/page" >"$page"
    exit
fi

# What a reader is told to type.
n_lines=0
while IFS= read -r line; do
    n_lines=$((n_lines + 1))
    read -ra w <<<"${line%%#*}"
    help=$("$STEPCAST" help "${w[1]}" 2>/dev/null) || { say "stepcast ${w[1]}: no such command"; continue; }
    for x in "${w[@]:2}"; do
        case $x in --*) grep -q -- "$x " <<<"$help" || say "${w[1]} $x: no such option" ;; esac
    done
    case ${w[1]} in simulate | diff | tune | headroom)
        sets=()
        for x in "${w[@]:2}"; do
            [ "${x#--}" = "$x" ] || break
            sets+=("$x")
        done
        [ "${w[1]}" != diff ] || [[ ${sets[1]} == *=* ]] || sets=("${sets[0]}")
        "$STEPCAST" simulate "${sets[@]}" --yaml >/dev/null 2>"$work/err" || say "$line: $(cat "$work/err")"
        ;;
    esac
done < <(sed -n 's/^    \(build\/stepcast [a-z].*\)/\1/p' "$page")

# Files and folders that it names.
n_files=0
while IFS= read -r path; do
    case $path in *NAME* | *\**) continue ;; esac
    n_files=$((n_files + 1))
    [ -e "$path" ] || say "$path: no such file"
done < <(grep -oE '\b(sim|hw|models|kernels|calib|scenarios|reports|tests)/[A-Za-z0-9_./*-]*[A-Za-z0-9_*]' "$page" | sort -u)

[ $n -gt 0 ] && [ $n_lines -gt 0 ] && [ $n_files -gt 0 ] || say "nothing to look at"
[ $bad = 0 ] && echo "README: its examples print what it says, its commands and files are there"
exit $bad
