$STEPCAST simulate x --json=1
