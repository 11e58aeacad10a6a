"$STEPCAST" sweep gpt3-13b-8xa100 --vary cluster.nodes=1,2
