$STEPCAST simulate
