$STEPCAST validate no/such.csv
