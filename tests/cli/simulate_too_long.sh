# A step beyond the clock is said, by whatever it is reached; a search does not even begin.
$STEPCAST simulate gpt3-175b-64xa100 train.global_batch=2000000000
$STEPCAST simulate l1_02_dp1_v100 train.data_per_sample=1000000s train.global_batch=200
$STEPCAST tune llama3-8b-8xh100-torchtitan train.global_batch=100000000
echo "exit $?"
