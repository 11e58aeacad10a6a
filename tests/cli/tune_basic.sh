# The proof, the ranking, the reasons; a layout explained; the winner as a scenario
# that simulates to the step time that was promised.
"$STEPCAST" tune gpt3-13b-8xa100 tune.vp=1 --top 3 --no-times --explain tp=8 --write "$T/best.yaml" >"$T/out"
head -2 "$T/out"
tr '\n' ' ' <"$T/out" | grep -o 'optimal within the model'
grep -E '^(The best|Why|The space)' "$T/out"
want=$(sed -n 's/^step time *\([0-9.]* [a-z]*\) .*/\1/p' "$T/out")
"$STEPCAST" simulate "$T/best.yaml" | grep -c "^step time *$want "
