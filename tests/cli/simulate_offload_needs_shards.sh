# parameters can be away only where they are gathered unit by unit
$STEPCAST simulate gpt3-13b-8xa100 train.offload=optimizer+parameters layout.shard=zero1
