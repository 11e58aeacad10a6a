$STEPCAST simulate gpt3-13b-8xa100 --trace $T/t.json.gz --plot $T/m.png >/dev/null
gzip -dc $T/t.json.gz | head -n 2
head -c 4 $T/m.png | tail -c 3
echo
ls $T
