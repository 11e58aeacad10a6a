printf "model: gpt3-175b\nlayout:\n  tpp: 4\n" >$T/x.yaml
$STEPCAST simulate $T/x.yaml
