# A model from a config.json is a catalogue as it stands.
$STEPCAST import hf tests/data/truth/hf_configs/Qwen3-8B.json --name mine --out $T/m.yaml
cd $T
$STEPCAST simulate llama3-8b-8xh100-torchtitan model=mine --catalogue m.yaml | sed -n 3p
$STEPCAST list models --catalogue m.yaml | tail -n 1
