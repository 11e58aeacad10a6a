$STEPCAST help simulate
$STEPCAST simulate --help | cmp - <($STEPCAST help simulate)
