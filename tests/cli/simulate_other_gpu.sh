# A GPU that the scenario's node is not built with: said in every form, with the words for a whole machine of it.
$STEPCAST simulate gpt3-175b-64xa100 cluster.gpu=H100 >$T/a && sed -n '/^cluster/,/^layout/p' $T/a
$STEPCAST simulate gpt3-175b-64xa100 cluster.gpu=H100 --json >$T/a.json && sed -n '/^ "notes"/,/^ \]/p' $T/a.json
words=$(sed -n 's/^ *"usual_is": "\(.*\)",$/\1/p' $T/a.json)
$STEPCAST simulate gpt3-175b-64xa100 cluster.gpu=H100 $words --json >$T/b.json && grep -E '^ ("notes"| "(gpu|node|fabric)")' $T/b.json
$STEPCAST headroom gpt3-13b-8xa100 cluster.gpu=A100-SXM4-40GB | sed -n "/^WARNING/,/^now/p" | grep -v ^now
$STEPCAST diff gpt3-13b-8xa100 gpt3-13b-8xa100 cluster.gpu=A100-SXM4-40GB | sed -n "/^   WARNING/,/^$/p"
