$STEPCAST explain keys --json | grep -v version | head -n 12
$STEPCAST explain keys launch --json | grep -v version
