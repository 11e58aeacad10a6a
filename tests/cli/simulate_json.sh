$STEPCAST simulate gpt3-13b-8xa100 --json | grep -oE '^ "[a-z_0-9]+"'
