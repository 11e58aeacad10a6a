$STEPCAST simulate gpt3-13b-8xa100 | head -n 1
