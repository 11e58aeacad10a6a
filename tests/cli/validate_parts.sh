$STEPCAST validate tests/data/truth/training.csv --where id=meglm-057 --parts | mask
