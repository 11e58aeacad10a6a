$STEPCAST help --json
