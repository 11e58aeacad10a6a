# what leaves the GPU must find room in the node's own memory
$STEPCAST simulate offload-nvme-40b-16xv100 train.offload_to=cpu model.layers=200 2>$T/err >$T/out
rc=$?
grep -c "memory of a node's host" $T/out
mask <$T/err
exit $rc
