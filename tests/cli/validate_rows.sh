head -n 4 tests/data/truth/training.csv >$T/t.csv
$STEPCAST validate $T/t.csv --rows $T/rows.csv --threads 1 | mask
sed -E "s/,[0-9.e+]+/,N/g" $T/rows.csv
