$STEPCAST simulate gpt3-13b-8xa100 cluster.nic_bw=200
