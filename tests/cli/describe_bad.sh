cd $T
{ (ulimit -v 400000; $STEPCAST --version; exit $?); } >/dev/null 2>&1 && ulimit -v 400000 # not under a sanitizer
: >empty
echo "hello" >words
head -c 1000000 /dev/zero | tr '\0' '<' >deep.xml
printf '\tGPU0\tGPU1\nGPU0\t X \tNV\nGPU1\n' >torn
head -c 17000000 /dev/zero >large
for f in none empty words deep.xml torn large .; do
    $STEPCAST describe $f >out 2>&1
    echo "$f: exit $?, $(wc -l <out) line: $(head -n 1 out)"
done
