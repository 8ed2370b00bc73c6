#!/bin/sh
# In the guest: a service whose workers are moved off their memory, and beside it threads with hostile names.
# Leaves /out/view.ndt and /out/truth. usage: record.sh NODES CPUS
nodes=$1 cpus=$2
drifter make 1 demo --old-memory --nodes "$nodes" --cpus "$cpus" >/tmp/scenario
drifter run /tmp/scenario /out/truth --stays --nodes "$nodes" --cpus "$cpus" >/tmp/ready &
service=$!
sh -c 'printf "<script>alert(1" >/proc/$$/comm; while :; do :; done' & one=$!
sh -c 'printf "</script>\033[31m" >/proc/$$/comm; while :; do :; done' & two=$!
while ! grep -q ready /tmp/ready 2>/dev/null; do sleep 0.05; done
mkfifo /tmp/recording
numadrift record -p "$service,$one,$two" -o /out/view.ndt --ready-fd 3 >/out/answer 2>/out/said 3>/tmp/recording &
recorder=$!
read -r _ </tmp/recording || { cat /out/said; exit 1; }
kill -USR1 $service # at once: what looks at the begin of this is to see its threads
numadrift mark "$(printf '<script>alert(1)</script>\033[31m')" >/out/marked || cat /out/marked
while ! grep -q over /tmp/ready; do sleep 0.05; done
numadrift mark 'the service ends'
kill $service $one $two # at once: what looks at the end of this is to see them all
wait $service || exit 1
wait $recorder || { cat /out/said; exit 1; }
