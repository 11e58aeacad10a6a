$STEPCAST describe --node mynode tests/fuzz/corpus/describe/topo tests/fuzz/corpus/describe/ibstat
