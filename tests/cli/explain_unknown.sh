$STEPCAST explain op gem gpu=H100-SXM5-80GB
