printf "model: gpt3-175b\ncluster: dgx-a100-80gb\nlayout:\n  tp: 7\ntrain: {global_batch: 8, seq_len: 2048}\n" >$T/x.yaml
$STEPCAST simulate $T/x.yaml
