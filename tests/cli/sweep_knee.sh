# A knee is only shown where there is one.
cd $T
$STEPCAST sweep llama3-70b-256xh100 --vary cluster.nodes=16,32 --out a.db | grep -c -- '<- knee'
$STEPCAST sweep l1_02_dp1_v100 cluster.gpus=auto cluster.gpus_per_node=auto layout.dp=auto train.global_batch=512 --vary cluster.nodes=1,2,4,32,64 --out b.db | grep -c -- '<- knee'
