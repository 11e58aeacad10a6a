head -c 60 scenarios/gpt3-13b-8xa100.yaml >$T/x.yaml
printf "model: {layers: 4, hid" >$T/y.yaml
$STEPCAST simulate $T/y.yaml
