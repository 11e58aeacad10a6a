$STEPCAST validate tests/data/truth/training.csv --emit meglm-0570
