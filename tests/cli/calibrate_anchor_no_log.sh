echo "nothing of a run" >$T/a.log
$STEPCAST calibrate anchor gpt3-175b-64xa100 $T/a.log
