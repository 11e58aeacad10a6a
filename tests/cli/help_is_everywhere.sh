# every command has --help and a row in the overview, the manual and the completion
n=0
for c in $($STEPCAST help --json | sed -n 's/.*{"name": "\([a-z]*\)", "args".*/\1/p'); do
    n=$((n + 1))
    $STEPCAST $c --help | grep -q "^usage: stepcast $c" || echo "$c: no --help"
    $STEPCAST help $c | grep -q -- '--json' || echo "$c: no --json"
    $STEPCAST help | grep -q "^  $c " || echo "$c: not in the overview"
    $STEPCAST help man | grep -q "^.It Cm $c " || echo "$c: not in the manual"
    $STEPCAST help completion | grep -q "^    $c)" || echo "$c: not in the completion"
done
[ $n -ge 10 ] && echo "they are"
