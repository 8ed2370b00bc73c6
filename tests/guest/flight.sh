#!/bin/sh
# In the guest: a flight recorder with a condition on locality, and a process that drifts in mid-run. Leaves
# SEED.truth and the window the condition wrote, /out/window-*.ndt.
# usage: flight.sh NODES CPUS SEED
nodes=$1 cpus=$2 seed=$3
drifter make "$seed" affinity --nodes "$nodes" --cpus "$cpus" --old-memory >/tmp/scenario
drifter run /tmp/scenario /out/truth --nodes "$nodes" --cpus "$cpus" >/tmp/ready &
runner=$!
while ! grep -q ready /tmp/ready 2>/dev/null; do sleep 0.05; done
mkfifo /tmp/recording
numadrift record --flight 30s,16M --trigger 'thread locality<0.5 for 1s' --after 1s -p $runner -o /out/window.ndt \
	--budget 0 --ready-fd 3 >/dev/null 2>/out/said 3>/tmp/recording &
recorder=$!
read -r _ </tmp/recording || { cat /out/said; exit 1; }
sleep 2
kill -USR1 $runner
wait $runner || exit 1
wait $recorder || { cat /out/said; exit 1; }
