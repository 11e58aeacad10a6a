# FILE:LINE: KEY: reason; what would be right.
cd $T
try() { printf "$1" >e.yaml; $STEPCAST list gpus --catalogue e.yaml 2>&1 >/dev/null || echo "  exit $?"; }
try 'gpu:\n  X: {like: H100-SXM5-80GB}\n'
try 'gpus:\n  X: {like: H100-SXM5-8GB}\n'
try 'gpus:\n  X: {like: H100-SXM5-80GB, clok: 2GHz}\n'
try 'gpus:\n  X: {like: H100-SXM5-80GB, clock: 2}\n'
try 'gpus:\n  X: {clock: 2GHz}\n'
try 'gpus: [a, b]\n'
try 'nodes:\n  N: {like: dgx-h100, gpu: H100-SXM4-80GB}\n'
try 'aliases: {x: y}\n'
try 'm:\n  like: llama-3-8b\n  layers: 3\n'
try 'm:\n  like: llama-3-8\n'
try 'm:\n  like: m\n'
try 'm: {like: n}\nn: {like: m}\n'
try 'm: {n_layers: 4, hidden: 64, n_heads: 7, n_kv_heads: 7, ffn: 4, vocab: 5}\n'
try 's: {bucket_bytes: 25MiB}\n'
try 's: {like: torchtitan-2025, years: [2025]}\n'
try 'prices: [{gpu: T5, usd_per_gpu_hour: 2}]\n'
try 'prices: [{gpu: T4, usd_per_gpu_hour: 2USD}]\n'
try 'model: gpt3-13b\n'
try '[a, b]\n'
try ''
mkdir empty
for path in none.yaml empty; do $STEPCAST list gpus --catalogue $path || echo "  exit $?"; done 2>&1
STEPCAST_CATALOGUE=e.yaml:none.yaml $STEPCAST list gpus 2>&1
printf 'catalogue: none.yaml\nmodel: gpt3-13b\n' >run.yaml
$STEPCAST simulate run.yaml 2>&1
printf 'gpus:\n  X: {like: H100-SXM5-80GB}\n' >x.yaml
$STEPCAST simulate gpt3-13b-8xa100 cluster.use= cluster.gpu=X --catalogue x.yaml 2>&1
