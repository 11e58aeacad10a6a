# Files that hold nothing for a store: one line each, bounded memory, no store made of nothing.
cd $T
{ (ulimit -v 400000; $STEPCAST --version; exit $?); } >/dev/null 2>&1 && ulimit -v 400000 # not under a sanitizer
: >empty.csv
head -c 3000000 /dev/zero >zeros.csv
head -c 3000000 /dev/zero | tr '\0' '[' >deep.json
printf '{"traceEvents":[{"ph":"X","name":"a","dur":' >cut.json
printf '\037\213\010\000not gzip at all' >bad.json.gz
printf 'SQLite format 3\000and then nothing' >bad.sqlite
printf 'gpu,dtype,m,n,k,time_us\nA10,fp16,1,2,3\nA10,fp16,1,2,3,1e999\nA10,fp16,-1,2,3,4\nA10,fp16,1,2,3,0\n' >rows.csv
printf 'colour,size\nred,1\n' >other.csv
printf 'iteration without any figure\n' >train.log
mkdir folder.csv
for f in none.csv empty.csv zeros.csv deep.json cut.json bad.json.gz bad.sqlite rows.csv other.csv train.log folder.csv; do
    $STEPCAST calibrate import --db my.db $f
    echo "exit $?"
done 2>&1
ls my.db* 2>/dev/null || echo "no store is left"
