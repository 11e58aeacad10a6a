$STEPCAST simulate - </dev/null
