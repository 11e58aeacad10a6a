$STEPCAST validate tests/data/truth/training.csv --source Korthikanti --json | grep -oE '^ "[a-z_0-9]+"'
