$STEPCAST describe tests/fuzz/corpus/describe/topo tests/fuzz/corpus/describe/slurm
