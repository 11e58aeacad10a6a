$STEPCAST diff gpt3-13b-8xa100 gpt3-13b-8xa100 | tail -n 1
