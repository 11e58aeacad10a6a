$STEPCAST list gpu
