$STEPCAST simulate scenarios/too-big.yaml 2>$T/err >$T/out
rc=$?
grep -c "does not fit: stage 0 needs" $T/out
mask <$T/err
exit $rc
