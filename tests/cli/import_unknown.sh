$STEPCAST import hg tests/data/truth/hf_configs/Qwen3-8B.json; echo $?; $STEPCAST import hf /nowhere/config.json
