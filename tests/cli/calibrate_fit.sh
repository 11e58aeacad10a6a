# A few products that take twice as long as they should: the step must follow.
cd $T
{
    echo gpu,dtype,m,n,k,time_us
    for m in 2048 4096 8192 16384; do
        for n in 4096 14336; do
            echo "H100-SXM5-80GB,bf16,$m,$n,4096,$((m * n * 4096 / 175000000))"
        done
    done
} >gemm.csv
$STEPCAST calibrate import --db my.db gemm.csv
$STEPCAST calibrate fit --db my.db fits | mask
ls fits
$STEPCAST calibrate show --db my.db | tail -n 1
step() { $STEPCAST simulate llama3-8b-8xh100-torchtitan "$@" --json | sed -n 's/.*"step_s": *\([0-9.e-]*\).*/\1/p' | head -n 1; }
awk -v a="$(step)" -v b="$(step --calib fits)" 'BEGIN { print (b > 1.2 * a && b < 2.2 * a) ? "slower" : "as before: " a " " b }'
$STEPCAST simulate llama3-8b-8xh100-torchtitan --calib fits --json | grep -c '"cost_hash"'
