mkdir $T/bin
PATH=$T/bin $STEPCAST simulate gpt3-13b-8xa100 --plot $T/m.png
rc=$?
ls $T
exit $rc
