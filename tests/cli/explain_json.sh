$STEPCAST explain op gemm gpu=A100-SXM4-80GB m=4096 n=4096 k=4096 --json | python3 -c "
import json, sys
d = json.load(sys.stdin)
k = d[\"kernel\"]
print(d[\"question\"], abs(k[\"physics_s\"] / k[\"efficiency\"] * k[\"residual\"] / d[\"seconds\"] - 1) < 1e-9)"
