$STEPCAST simulate gpt3-13b-8xa100 layout.tp=4 train.global_batch=128 --yaml >$T/a.yaml
cat $T/a.yaml
# the printed scenario is the scenario
$STEPCAST simulate $T/a.yaml --json >$T/a.json
$STEPCAST simulate gpt3-13b-8xa100 layout.tp=4 train.global_batch=128 --json >$T/b.json
grep '"step_s"' $T/a.json | cmp - <(grep '"step_s"' $T/b.json)
