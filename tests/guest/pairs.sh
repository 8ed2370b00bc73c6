#!/bin/sh
# In the guest: each scenario three times, calm, drifting, and calm again. Leaves SEED.{calm,drift,again}.ndt and
# SEED.truth under /out.
# usage: pairs.sh NODES CPUS SEED...
nodes=$1 cpus=$2
shift 2
mkfifo /tmp/recording
for seed in "$@"; do
	kind=affinity
	[ $((seed % 2)) = 0 ] || kind=cpuset
	for run in calm drift again; do
		calm=--calm
		[ $run != drift ] || calm=
		drifter make "$seed" $kind --nodes "$nodes" --cpus "$cpus" --old-memory $calm >/tmp/scenario
		drifter run /tmp/scenario /tmp/truth --nodes "$nodes" --cpus "$cpus" >/tmp/ready &
		runner=$!
		while ! grep -q ready /tmp/ready 2>/dev/null; do sleep 0.05; done
		numadrift record -p $runner -o "/out/$seed.$run.ndt" --budget 0 --json --ready-fd 3 \
			>/dev/null 2>/tmp/record 3>/tmp/recording &
		recorder=$!
		read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
		kill -USR1 $runner
		wait $runner || { echo "drifter failed on seed $seed"; exit 1; }
		wait $recorder || { echo "record failed on seed $seed"; cat /tmp/record; exit 1; }
		[ $run != drift ] || cp /tmp/truth "/out/$seed.truth"
		rm -f /tmp/ready /tmp/record
		for group in /sys/fs/cgroup/drifter/*/ /sys/fs/cgroup/drifter; do rmdir "$group" 2>/dev/null; done
	done
done
exit 0
