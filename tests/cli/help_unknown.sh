$STEPCAST help simulat
