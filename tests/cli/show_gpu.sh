$STEPCAST show A100-SXM4-80GB | grep -E "mem_|memory|^# gpu"
