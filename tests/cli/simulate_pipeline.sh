# the lines that stay when the cost model moves: per-stage lines and evidence are left out
$STEPCAST simulate scenarios/published/gpt3-175b-64xa100.yaml |
    sed "/^Stages/,/^Memory of/{/^stage *[0-9]/d; /^[0-9]/d}; /^stage/d; /^Collectives/,\$d" | mask
