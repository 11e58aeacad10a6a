$STEPCAST simulate gpt3-13b-8xa100 cluster.use= cluster.gpu=A100-SXM4-80
