$STEPCAST validate tests/data/truth/training.csv --where gpuu=x
