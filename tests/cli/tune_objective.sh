"$STEPCAST" tune gpt3-13b-8xa100 tune.objective=beauty
