cd $T
printf 'gpu,dtype,m,n,k,time_us\nH100-SXM5-80GB,bf16,4096,4096,4096,210.5\nH100-SXM5-80GB,bf16,8192,4096,4096,411\n' >gemm.csv
$STEPCAST calibrate import --db my.db gemm.csv
$STEPCAST calibrate check --db my.db | mask
ls
