cd $T
for words in "improt x.csv" "foo" "import" "fit" "fit a b" "forget machine" "forget colour=red --db none.db" "anchor only" "check --holdout many" "show --fold 5"; do
    $STEPCAST calibrate $words
    echo "calibrate $words: exit $?"
done 2>&1
