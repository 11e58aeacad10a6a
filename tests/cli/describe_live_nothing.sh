PATH=$T $STEPCAST describe
