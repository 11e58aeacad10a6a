# bash takes it and completes a command
source <($STEPCAST help completion)
COMP_WORDS=(stepcast sim) COMP_CWORD=1
_stepcast
echo "${COMPREPLY[@]}"
