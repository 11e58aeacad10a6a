cd $T
printf 'gpu,dtype,m,n,k,time_us\nH100-SXM5-80GB,bf16,4096,4096,4096,210.5\nH100-SXM5-80GB,bf16,8192,4096,4096,411\n' >gemm.csv
$STEPCAST calibrate import --db my.db --machine box7 gemm.csv
$STEPCAST calibrate import --db my.db --machine box7 gemm.csv
$STEPCAST calibrate show --db my.db
$STEPCAST calibrate show --db my.db --form gemm --gpu H100-SXM5-80GB
$STEPCAST calibrate show --db my.db --json | sed 's|"version": "[^"]*"|"version": V|'
mkdir out
$STEPCAST calibrate export --db my.db out
cut -d, -f1-5 out/gemm.csv
$STEPCAST calibrate forget --db my.db machine=box7
$STEPCAST calibrate show --db my.db
