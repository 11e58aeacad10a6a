$STEPCAST validate tests/data/truth/training.csv --where id=meglm-057 --parts | mask | tr "\n" " " | fold -s -w 100; echo
