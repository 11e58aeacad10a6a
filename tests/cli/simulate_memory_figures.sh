# The four sums of the memory section are sums of its kinds, and the verdict's figures are among them.
$STEPCAST simulate gpt3-175b-64xa100 >$T/a
awk '
/^memory / { gsub(/[(;]/, ""); verdict = $6 " " $10 " " $13 " " $15 }
/^S allocator_slack/ { slack = $3; context = $7 }
/^allocated / { a = $2 } /^needed / { n = $2 } /^reserved / { r = $2 } /^nvidia-smi / { smi = $2 }
function same(x, y) { return (x - y < 0.02 && y - x < 0.02) ? "adds up" : x " is not " y }
END {
    print "needed " same(n, a + context) ", reserved " same(r, a + slack) ", nvidia-smi " same(smi, r + context)
    split(verdict, v, " ")
    print "verdict: needed " same(v[1], n) ", allocated " same(v[2], a) ", context " same(v[3], context)
}' $T/a
