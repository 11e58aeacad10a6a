cat <<Y | $STEPCAST simulate - layout.tp=2 | sed -n "1,8p"
model: {layers: 8, hidden: 1024, heads: 16, vocab: 32000}
cluster: {use: dgx-a100-80gb, nodes: 2}
layout: {tp: 4, pp: 2, micro_batch: 2}
train: {seq_len: 2048, global_batch: 64, precision: bf16}
stack: megatron-lm-2022
Y
