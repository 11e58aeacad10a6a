$STEPCAST simulate gpt3-13b-8xa10
