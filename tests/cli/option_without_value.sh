$STEPCAST simulate x --trace
