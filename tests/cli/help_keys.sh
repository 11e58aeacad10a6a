$STEPCAST help keys --markdown | cmp - <(tail -n +5 scenarios/KEYS.md) && echo same
