# one row a command, as many as the overview has; a command's options
$STEPCAST help --json | grep '"name": "simulate"'
[ "$($STEPCAST help --json | grep -c '"name"')" = "$($STEPCAST help | grep -cE '^  [a-z]+ ')" ] && echo same
$STEPCAST help show --json | grep -v version
$STEPCAST help keys --json | tail -n 2 | cut -c 1-20
