$STEPCAST validate tests/data/truth/training.csv --source Nobody
