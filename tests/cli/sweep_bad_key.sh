"$STEPCAST" sweep gpt3-13b-8xa100 --vary cluster.nose=1,2 --out "$T/a.db"
