# every published config, its parameters counted
for f in tests/data/truth/hf_configs/*.json; do $STEPCAST import hf $f | sed -n 's/^# //p' | sed "s|^|$(basename $f .json): |"; done
$STEPCAST import hf tests/data/truth/hf_configs/Qwen3-8B.json --name mine --out "$T/m.yaml" && cat "$T/m.yaml"
