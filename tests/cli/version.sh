$STEPCAST --version
