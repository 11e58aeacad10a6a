mkdir $T/fits
for text in 'version: 7' 'version: 1' 'version: 1
fits:
  - {family: gemm, gpu: X, generation: hopper, variant: bf16, rows: 1, left_out: {}}' '{' ; do
    echo "$text" >$T/fits/fits.yaml
    $STEPCAST explain op gemm gpu=H100-SXM5-80GB m=4096 n=4096 k=4096 --calib $T/fits
    echo "exit $?"
done 2>&1
