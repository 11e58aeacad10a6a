# One line each, and no more memory than a store of a few rows needs.
cd $T
{ (ulimit -v 400000; $STEPCAST --version; exit $?); } >/dev/null 2>&1 && ulimit -v 400000 # not under a sanitizer
echo "not a store" >text.db
: >empty.db
printf 'gpu,dtype,m,n,k,time_us\nA10,fp16,1,2,3,4\n' >gemm.csv
$STEPCAST calibrate import --db whole.db gemm.csv
head -c 5000 whole.db >cut.db
{ head -c 100 whole.db; head -c 20000 /dev/zero | tr '\0' '\377'; } >bent.db
mkdir folder.db
for db in none.db empty.db text.db cut.db bent.db folder.db no/such/folder.db; do
    for verb in show check "fit out" "forget gpu=A10"; do
        $STEPCAST calibrate $verb --db $db >>said 2>err
        echo "$db, $verb: exit $?, $(wc -l <err) line"
    done
    head -n 1 err >&2
done
wc -c <said
