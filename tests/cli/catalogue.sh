# The example of the manual, as a file of one's own: every command sees its rows.
$STEPCAST help catalogue | sed -n '/^  gpus:/,/^$/s/^  //p' >$T/mine.yaml
cd $T
export STEPCAST_CATALOGUE=mine.yaml
for what in gpus nodes fabrics models stacks prices; do $STEPCAST list $what | grep -E 'H100-64GB|our-' | tr -s ' '; done
$STEPCAST show H100-64GB | grep -E '^# |memory|bandwidth|size'
$STEPCAST show our-fsdp | grep -E '^# |prefetch_layers'
cat >run.yaml <<'END'
catalogue: mine.yaml
model: our-9b
cluster: {use: our-node, nodes: 2}
stack: our-fsdp
train: {global_batch: 32, seq_len: 4096}
layout: {shard: zero3, recompute: full}
tune: {objective: dollars, tokens: 1e9}
END
unset STEPCAST_CATALOGUE
mkdir -p elsewhere
cd elsewhere
$STEPCAST simulate ../run.yaml | sed -n 3,8p
$STEPCAST simulate ../run.yaml cluster.use= cluster.gpu=H100-64GB | sed -n 4p
$STEPCAST simulate ../run.yaml --json | grep -E '"(gpu|node|fabric|model|stack|catalogues)": "'
$STEPCAST simulate ../run.yaml --yaml | sed -n 1p
$STEPCAST tune ../run.yaml --no-times --write best.yaml | grep -E 'USD' | head -n 1 | mask
$STEPCAST simulate best.yaml | sed -n 4p
$STEPCAST headroom ../run.yaml --axis gpus >/dev/null && echo headroom
$STEPCAST diff ../run.yaml model=llama-3-8b | grep -E '^[AB] ' | mask
$STEPCAST sweep ../run.yaml --vary cluster.nodes=2,4 --out s.db --csv - >/dev/null && echo sweep
$STEPCAST explain op gemm gpu=H100-64GB m=4096 n=4096 k=4096 --catalogue ../mine.yaml | sed -n 1p
printf 'model,layers,hidden,framework,year,gpu,gpus,gpus_per_node,tp,pp,dp,shard,recompute,micro_batch,global_batch,seq_len,precision,step_time_s,id,source\nour-9b,36,4096,our-fsdp,2025,H100-64GB,8,8,1,1,8,zero3,full,1,8,4096,bf16,1.5,a,we\n' >runs.csv
$STEPCAST validate runs.csv --catalogue ../mine.yaml | grep -E '^step time  ' | mask
$STEPCAST validate runs.csv --emit a --catalogue ../mine.yaml | head -n 2
printf 'gpu,dtype,m,n,k,time_us\n' >gemm.csv
for n in 1024 2048 4096 8192 16384; do echo "H100-64GB,bf16,4096,$n,4096,$((n / 20 + 8))" >>gemm.csv; done
$STEPCAST calibrate import --db my.db gemm.csv --catalogue ../mine.yaml
$STEPCAST calibrate fit --db my.db fit --catalogue ../mine.yaml >/dev/null && grep -c H100-64GB fit/fits.yaml
$STEPCAST simulate ../run.yaml --calib fit >/dev/null && echo calib
