$STEPCAST explain gemm
