# Every document begins with what it is, its schema, the program and its version.
cd $T
printf 'gpu,dtype,m,n,k,time_us\nH100-SXM5-80GB,bf16,4096,4096,4096,210.5\nH100-SXM5-80GB,bf16,8192,4096,4096,411\n' >gemm.csv
for i in $(seq 1 12); do
    echo " iteration $i/ 100 | consumed samples: $((i * 1536)) | elapsed time per iteration (ms): $((38000 + i % 3)).0 | learning rate: 1.0E-04 | global batch size:  1536 | lm loss: 7.1 |"
done >train.log
head_of() { tr -d '\n' | grep -oE '^\{ *"what": "[a-z-]+", *"schema": [0-9]+, *"program": "stepcast", *"version": "' | tr -s ' '; }
$STEPCAST calibrate import --db my.db gemm.csv --json | tee import.json | head_of
$STEPCAST calibrate show --db my.db --json | head_of
$STEPCAST calibrate check --db my.db --json >check.json && head_of <check.json
$STEPCAST calibrate anchor gpt3-175b-64xa100 train.log --json | head_of
grep -oE '"(file|kind|rows|new|skipped|remark)"' import.json | tr -d '\n'
echo
sed -n '2,3p' check.json
for n in 512 1024 2048 16384 32768; do echo "H100-SXM5-80GB,bf16,4096,$n,4096,$((n / 20 + 8))"; done >>gemm.csv
$STEPCAST calibrate import --db my.db gemm.csv >/dev/null
$STEPCAST calibrate fit fit --db my.db --json >fit.json && head_of <fit.json
grep -oE '"(folder|kernels|collectives|left_out|lines|what|rows|physics_error|error|inside_90|bar)"' fit.json | sort | uniq -c | tr -s ' '
$STEPCAST calibrate check --db my.db --holdout 3 --json >check.json && head_of <check.json
$STEPCAST calibrate export out --db my.db --json | tee export.json | head_of
grep facts export.json
$STEPCAST calibrate forget form=gemm --db my.db --json | tee forget.json | head_of
grep -E 'form|retracted' forget.json
# whoever has jq sees that it is JSON; the keys are seen by all
command -v jq >/dev/null || jq() { :; }
for f in import check fit export forget; do jq -e . $f.json >/dev/null || echo "$f: not JSON"; done
