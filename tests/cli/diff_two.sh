$STEPCAST diff gpt3-175b-64xa100 gpt3-175b-64xa100-full-recompute | mask | grep -vE '^(exposed pipeline|optimizer|host) '
