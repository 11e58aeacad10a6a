$STEPCAST validate scenarios/gpt3-13b-8xa100.yaml
