$STEPCAST explain op gemm gpu=A100-SXM4-80GB m=4096 n=4096 k=4096 --json | awk -F': ' '
    { key = $1; gsub(/[ "]/, "", key); value = $2; sub(/,$/, "", value); if (!(key in v)) v[key] = value }
    END {
        gsub(/"/, "", v["question"])
        off = v["physics_s"] / v["efficiency"] * v["residual"] / v["seconds"] - 1
        print v["question"], (off < 1e-9 && off > -1e-9 ? "layers multiply" : off)
    }'
