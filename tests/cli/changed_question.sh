# A published time is compared with the question it was measured of, no other.
$STEPCAST simulate gpt3-175b-64xa100 layout.tp=8 | grep -c 'measured 13.75 s'
$STEPCAST simulate gpt3-175b-64xa100 layout.tp=4 layout.pp=16 layout.vp=1 | grep -c 'measured 13.75 s'
$STEPCAST simulate gpt3-175b-64xa100 layout.tp=4 layout.pp=16 layout.vp=1 published.step_time=20s |
    grep -c 'measured 20'
true
