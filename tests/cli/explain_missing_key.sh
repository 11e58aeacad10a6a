$STEPCAST explain op gemm gpu=H100-SXM5-80GB m=4096 n=4096
