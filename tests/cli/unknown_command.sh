$STEPCAST simulat x
