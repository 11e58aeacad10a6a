$STEPCAST describe --json tests/fuzz/corpus/describe/topo tests/fuzz/corpus/describe/slurm | grep -v version
$STEPCAST describe --json --node mynode tests/fuzz/corpus/describe/topo tests/fuzz/corpus/describe/ibstat | sed -n '/^ "nodes"/,/^ }/p'
