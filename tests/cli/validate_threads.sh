$STEPCAST validate tests/data/truth/training.csv --threads many
