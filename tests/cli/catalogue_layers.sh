# Of two rows of one name the later counts: shipped, the scenario's, the variable's, the option's.
cd $T
mkdir many
for n in 1 2 3 4; do printf 'models:\n  gpt3-175b: {like: gpt3-175b, n_layers: %d}\n' $n >$n.yaml; done
cp 1.yaml many/a.yaml; cp 4.yaml many/b.yml; echo '{"gpt3-175b": {"like": "gpt3-175b", "hidden": 9600}}' >many/c.json; echo no >many/README.md
printf 'catalogue: 1.yaml\nmodel: gpt3-175b\ncluster: dgx-a100-80gb\ntrain: {global_batch: 8}\n' >run.yaml
model() { $STEPCAST simulate "$@" 2>/dev/null | grep '^model'; }
model run.yaml catalogue=
model run.yaml
STEPCAST_CATALOGUE=2.yaml model run.yaml
STEPCAST_CATALOGUE=4.yaml:2.yaml model run.yaml --catalogue 3.yaml
model run.yaml --catalogue 3.yaml --catalogue 2.yaml
model run.yaml --catalogue many
# what was measured of one model is not compared with another
printf 'models:\n  gpt3-175b: {like: gpt3-175b, n_layers: 48}\n' >48.yaml
for own in 'catalogue=' 'catalogue=48.yaml' '--catalogue 48.yaml' '--catalogue many/a.yaml --catalogue 48.yaml'; do
    echo "$own: $($STEPCAST simulate gpt3-175b-64xa100 $own | grep -c ': forecast ')"
done
printf 'models:\n  another: {like: gpt3-175b, n_layers: 48}\n' >other.yaml
echo "another model: $($STEPCAST simulate gpt3-175b-64xa100 --catalogue other.yaml | grep -c ': forecast ')"
