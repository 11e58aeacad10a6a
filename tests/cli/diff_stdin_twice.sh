$STEPCAST diff - -
