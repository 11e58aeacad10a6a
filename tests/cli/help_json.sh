# one row a command, as many as the overview has
$STEPCAST help --json | grep '"name": "simulate"'
[ "$($STEPCAST help --json | grep -c '"name"')" = "$($STEPCAST help | grep -cE '^  [a-z]+ ')" ] && echo same
