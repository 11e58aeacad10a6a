# What the text warns of stands in the JSON of every command that forecasts.
cd $T
gpu=cluster.gpu=H100-SXM5-80GB
note() { grep -cE '"usual_is": "cluster.use=dgx-h100"'; }
echo "simulate $($STEPCAST simulate gpt3-13b-8xa100 $gpu --json | note)"
echo "diff $($STEPCAST diff gpt3-13b-8xa100 $gpu --json | note)"
echo "headroom $($STEPCAST headroom gpt3-13b-8xa100 $gpu --axis micro_batch --json | note)"
echo "tune $($STEPCAST tune gpt3-13b-8xa100 $gpu --json | note)"
sweep="$STEPCAST sweep gpt3-13b-8xa100 --vary cluster.gpu=A100-SXM4-80GB,H100-SXM5-80GB --vary train.global_batch=64,128 --out s.db"
echo "sweep $($sweep --json | note)"
$sweep --json | grep -E '"(first_point|points)"'
$sweep | grep -A 1 WARNING
echo "none $($STEPCAST diff gpt3-13b-8xa100 layout.tp=4 --json | grep -c '"notes": \[\]')"
