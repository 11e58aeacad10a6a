$STEPCAST diff gpt3-13b-8xa100 layout.tp=4 train.global_batch=128 --json | grep -E '"(keys|from|to)"'
