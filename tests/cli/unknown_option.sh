$STEPCAST simulate x --trce y
