#!/bin/sh
# In the guest: runs drifter scenarios one after the other, each recorded by numadrift that
# attaches to the running process. Leaves per scenario SEED.{ndt,truth,log} under /out.
# usage: scenarios.sh NODES CPUS BALANCING(0|1) HOOKS KIND old|new none|hogs|forks SEED...
nodes=$1 cpus=$2 balancing=$3 hooks=$4 kind=$5 memory=$6 load=$7
shift 7
[ "$kind" = any ] && kind=
if [ "$memory" = old ]; then
	old=--old-memory
	echo $((12 * nodes)) >/proc/sys/vm/nr_hugepages # for hugetlb
fi
tracing=/sys/kernel/tracing
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
if [ "$balancing" = 1 ]; then # seconds instead of minutes until the scanner speaks
	for set in scan_delay_ms=200 scan_period_min_ms=300 scan_period_max_ms=600; do
		echo "${set#*=}" >/sys/kernel/debug/sched/numa_balancing/${set%=*} 2>/dev/null ||
			echo "${set#*=}" >/proc/sys/kernel/numa_balancing_${set%=*} 2>/dev/null
	done
fi
echo mono >$tracing/trace_clock
for event in sched_move_numa sched_swap_numa sched_stick_numa sched_migrate_task; do echo 1 >$tracing/events/sched/$event/enable; done

case $load in
hogs) for _ in 1 2 3 4; do while :; do :; done & done ;;
forks) forker requests 100000 /dev/null >/dev/null & ;;
esac

# Without a budget: what programs cost in an emulator says nothing.
for seed in "$@"; do
	name=/out/$seed
	# shellcheck disable=SC2046,SC2086 # words, or none
	drifter make "$seed" $kind --nodes "$nodes" --cpus "$cpus" $([ "$balancing" = 1 ] && echo --balancing) $old >/tmp/scenario
	drifter run /tmp/scenario "$name.truth" --nodes "$nodes" --cpus "$cpus" >/tmp/ready &
	runner=$!
	while ! grep -q ready /tmp/ready 2>/dev/null; do sleep 0.05; done
	numadrift record -p $runner -o "$name.ndt" --hooks "$hooks" --budget 0 --json >/dev/null 2>/tmp/record &
	recorder=$!
	while ! grep -q ^Recording /tmp/record 2>/dev/null; do
		kill -0 $recorder 2>/dev/null || { cat /tmp/record; exit 1; }
		sleep 0.05
	done
	echo >$tracing/trace
	kill -USR1 $runner
	wait $runner || { echo "drifter failed on seed $seed"; exit 1; }
	wait $recorder || { echo "record failed on seed $seed"; cat /tmp/record; exit 1; }
	cat $tracing/trace >"$name.log"
	rm -f /tmp/ready /tmp/record
	for group in /sys/fs/cgroup/drifter/*/ /sys/fs/cgroup/drifter; do rmdir "$group" 2>/dev/null; done
done
exit 0
