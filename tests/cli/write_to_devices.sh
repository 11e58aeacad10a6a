# What is no regular file is written to, not replaced; a full disk is said, whoever draws.
cd $T
for o in --trace --plot; do $STEPCAST simulate gpt3-13b-8xa100 $o /dev/full >/dev/null; echo "$o: exit $?"; done 2>&1
$STEPCAST import hf - --out x.yaml </dev/null 2>&1 | head -n 1
printf '{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 1000}' >config.json
$STEPCAST import hf config.json --name tiny --out /dev/stdout | sed -n 1,2p
mkfifo pipe
$STEPCAST import hf config.json --name tiny --out pipe & sed -n 1,2p pipe
wait
[ -p pipe ] && echo "still a pipe"
: >real.yaml
ln -s real.yaml link.yaml
$STEPCAST import hf config.json --name tiny --out link.yaml
[ -L link.yaml ] && sed -n 1,2p real.yaml
{ echo first; $STEPCAST import hf config.json --name tiny --out /dev/stdout; echo last; } >all
sed -n '1,3p;$p' all
