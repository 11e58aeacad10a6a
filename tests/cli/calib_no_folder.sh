$STEPCAST simulate gpt3-175b-64xa100 --calib $T/none
