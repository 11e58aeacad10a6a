$STEPCAST headroom gpt3-13b-8xa100 | mask
