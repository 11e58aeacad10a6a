# nothing is printed when a file cannot be written, and nothing is left
$STEPCAST simulate gpt3-13b-8xa100 --trace $T/no/t.json.gz
rc=$?
ls $T
exit $rc
