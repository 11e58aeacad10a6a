$STEPCAST simulate gpt3-13b-8xa100 >/dev/full
