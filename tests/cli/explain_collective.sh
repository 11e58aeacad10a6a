$STEPCAST explain op collective gpu=H100-SXM5-80GB collective=all-reduce ranks=16 bytes=1GiB | sed -n "/weighed/,/Nearest/p" | cut -c1-27 | mask
