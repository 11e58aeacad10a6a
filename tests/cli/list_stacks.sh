$STEPCAST list stacks | wc -l | sed "s/^[0-9]*$/some/"
$STEPCAST list gpus | grep -c A100-SXM4-80GB
