"$STEPCAST" tune gpt3-13b-8xa100 tune.tp=1,x
