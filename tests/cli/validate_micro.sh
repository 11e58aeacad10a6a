# a row of a micro table is a question that explain answers with the same seconds
row() { sed -n "$1p" tests/data/truth/micro/$2.csv; }
for table in gemm moe attention_decode collectives; do
    { head -1 tests/data/truth/micro/$table.csv; row 700 $table; } >"$T/$table.csv"
    $STEPCAST validate "$T/$table.csv" --rows "$T/rows.csv" >/dev/null
    us=$(sed -n 2p "$T/rows.csv" | cut -d, -f4)
    s=$($STEPCAST explain op $($STEPCAST validate "$T/$table.csv" --emit 1) --near /nowhere --json | grep -o '"seconds": [0-9.e-]*' | cut -d' ' -f2)
    awk -v t=$table -v us="$us" -v s="$s" 'BEGIN { print t, (us / s / 1e6 - 1 < 1e-9 && us / s / 1e6 - 1 > -1e-9) ? "agrees" : "differs" }'
done
