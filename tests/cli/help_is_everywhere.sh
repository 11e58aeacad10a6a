# every command has --help and a row in the overview, the manual and the completion
for c in simulate validate diff list show help; do
    $STEPCAST $c --help | head -n 1
    $STEPCAST help | grep -c "^  $c "
    $STEPCAST help man | grep -c "^.It Cm $c "
    $STEPCAST help completion | grep -c "^    $c)"
done
