# a name that NCCL does not know is not taken for its default
$STEPCAST simulate gpt3-13b-8xa100 sim.nccl_algo=Circle
