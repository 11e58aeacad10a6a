# Nothing fits: exit 1 with how many and by how much.
"$STEPCAST" tune gpt3-175b-64xa100 cluster.nodes=1 --no-times 2>&1 >/dev/null | mask >&2
"$STEPCAST" tune gpt3-175b-64xa100 cluster.nodes=1 --no-times 2>/dev/null
