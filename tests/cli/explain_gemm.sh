$STEPCAST explain op gemm gpu=H100-SXM5-80GB m=4096 n=12288 k=12288 dtype=bf16 | mask
