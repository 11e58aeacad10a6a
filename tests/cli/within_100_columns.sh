# What people read keeps to 100 columns. A line for each output that does not, and how many were looked at.
n=0
narrow() {
    n=$((n + 1))
    "$@" >$T/out 2>&1
    [ -s $T/out ] || echo "nothing: $*"
    wide=$(awk 'length > 100' $T/out | wc -l)
    [ $wide = 0 ] || echo "$wide wide: $*"
}
runs=tests/data/truth/training.csv
{ head -n 1 $runs; grep -E '^bsv100-06[0-9]' $runs; } >$T/runs.csv
narrow $STEPCAST explain op collective gpu=H100-SXM5-80GB collective=all-reduce ranks=16 bytes=1GiB
narrow $STEPCAST explain op collective gpu=A100-SXM4-80GB collective=all-gather ranks=64 bytes=1234567890
narrow $STEPCAST explain op gemm gpu=H100-SXM5-80GB m=4096 n=12288 k=12288 dtype=bf16
for kind in "" gemm attention grouped moe membound collective copy launch; do narrow $STEPCAST explain keys $kind; done
narrow $STEPCAST validate $runs --where id~meglm-05 --parts
narrow $STEPCAST validate $runs --where id~bloom-00
narrow $STEPCAST tune --judge $T/runs.csv
narrow $STEPCAST help keys
for what in gpus nodes fabrics models stacks scenarios prices; do narrow $STEPCAST list $what; done
for command in $($STEPCAST help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'); do narrow $STEPCAST help $command; done
[ $n -gt 25 ] && echo "the rest is narrow"
