#!/bin/sh
# A service with four workers, each with memory on its node. Two are moved to the other node, one of
# them comes back. numadrift attaches to the running process. usage: demo.sh DIR NODES CPUS
dir=$1 nodes=$2 cpus=$3
numadrift=${NUMADRIFT:-numadrift} drifter=${DRIFTER:-drifter}
"$drifter" make 1 demo --old-memory --nodes "$nodes" --cpus "$cpus" >"$dir/scenario"
"$drifter" run "$dir/scenario" "$dir/truth" --nodes "$nodes" --cpus "$cpus" >"$dir/ready" &
service=$!
while ! grep -q ready "$dir/ready" 2>/dev/null; do sleep 0.05; done
echo "\$ numadrift record -p $service"
mkfifo "$dir/recording"
"$numadrift" record -p $service -o "$dir/demo.ndt" --ready-fd 3 >"$dir/answer" 2>"$dir/progress" 3>"$dir/recording" &
recorder=$!
read -r _ <"$dir/recording" || { cat "$dir/progress"; exit 1; }
rm "$dir/recording"
kill -USR1 $service
wait $service
wait $recorder || { cat "$dir/progress"; exit 1; }
cat "$dir/progress" "$dir/answer"
