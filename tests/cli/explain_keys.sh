$STEPCAST explain keys; $STEPCAST explain keys launch
