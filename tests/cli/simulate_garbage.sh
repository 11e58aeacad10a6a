head -c 4096 $STEPCAST >$T/x.yaml
$STEPCAST simulate $T/x.yaml 2>$T/err
rc=$?
wc -l <$T/err
exit $rc
