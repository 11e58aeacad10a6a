$STEPCAST simulate gpt3-13b-8xa100 layout.tp=3
