# Twelve steps of a run as Megatron-LM prints them.
for i in $(seq 1 12); do
    echo " iteration $i/ 100 | consumed samples: $((i * 1536)) | elapsed time per iteration (ms): $((38000 + i % 3)).0 | learning rate: 1.0E-04 | global batch size:  1536 | lm loss: 7.1 |"
done >$T/train.log
echo "[Rank 0] (after 2 iterations) memory (MB) | allocated: 30000.0 | max allocated: 60000.0 | reserved: 66000.0 | max reserved: 66000.0" >>$T/train.log
$STEPCAST calibrate anchor gpt3-175b-64xa100 $T/train.log | mask | sed -n '1,2p; /^One term/p'
$STEPCAST calibrate anchor gpt3-175b-64xa100 $T/train.log --json | grep -o '"[a-z_]*":' | sort -u | tr -d '\n'
echo
$STEPCAST calibrate import --db $T/my.db $T/train.log
$STEPCAST calibrate show --db $T/my.db
