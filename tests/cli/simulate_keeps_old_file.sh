# a failed write leaves the file of before
echo old >$T/t.json
$STEPCAST simulate gpt3-13b-8xa100 layout.tp=3 --trace $T/t.json 2>/dev/null
cat $T/t.json
