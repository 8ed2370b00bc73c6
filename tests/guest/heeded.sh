#!/bin/sh
# In the guest: seeded scenarios that go on when they are over. Each is recorded (of an odd seed with what happened, of
# an even one only as it is afterwards), one of the commands of the report is run as it is printed, and it is recorded
# again. Leaves under /out per seed: SEED.told, .before and .after (reports), SEED.done (the command and its status) and
# SEED.work (what its workers have done: at the begin and at the end of .before, then of .after).
# SEED:SITUATION, then SEED-SITUATION.told and so on, is recorded in a situation that advice must know of:
#   pod   its cpuset has one CPU of each node
#   full  a node has no memory free
#   busy  other processes keep the CPUs of a node busy
#   far   all its memory is on the last node, which has no CPUs
#   offline the CPUs of a node go offline
# SEED:KIND is a scenario of that kind instead of the one that the seed chooses.
# usage: heeded.sh NODES CPUS SEED[:SITUATION|:KIND]...
. /usr/bin/recording.sh
nodes=$1 cpus=$2
shift 2
echo $((24 * nodes)) >/proc/sys/vm/nr_hugepages # for hugetlb
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null

wait_for() { while ! grep -q "^$1" /tmp/said 2>/dev/null; do sleep 0.05; done; }
note_work() {
	lines=$(grep -c ^work /tmp/said)
	kill -USR1 $worker
	while [ "$(grep -c ^work /tmp/said)" -eq "$lines" ]; do
		kill -0 $worker || { echo "$item: the drifter has ended" && exit 1; }
		sleep 0.01
	done
	grep ^work /tmp/said | tail -n 1 >>"$name.work"
}
measure() { # as it is, for so many seconds of CPU time: PREFIX.ndt and .json, and the work done
	record $worker /tmp/measured.ndt
	note_work
	let_work $worker 5
	note_work
	stop_recording
	numadrift report /tmp/measured.ndt --json >"$1"
}
per_node=$((cpus / nodes))
free_mib() { sed -n 's/.*MemFree: *\([0-9]*\)[0-9][0-9][0-9] kB/\1/p' "/sys/devices/system/node/node$1/meminfo"; }
bring_about() { # SITUATION, on or from a node that the seed chooses
	node=$((seed / 2 % nodes))
	case $1 in
	pod)
		group=/sys/fs/cgroup/drifter
		if ! grep -q /drifter "/proc/$worker/cgroup"; then
			group=/sys/fs/cgroup/pod
			echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
			mkdir -p $group && echo $worker >$group/cgroup.procs
		fi
		seq -s , 0 $per_node $((cpus - 1)) >$group/cpuset.cpus
		;;
	full)
		mkdir -p /tmp/full && mount -t tmpfs -o "mpol=bind:$node,size=90%" none /tmp/full
		# Should that be too much, it is the one to be killed.
		sh -c "echo 1000 >/proc/self/oom_score_adj
			exec dd if=/dev/zero of=/tmp/full/all bs=1M count=$(($(free_mib $node) - 64))" 2>/dev/null
		;;
	busy)
		for cpu in $(seq $((node * per_node)) $((node * per_node + per_node - 1))); do
			taskset -c $cpu sh -c 'while :; do :; done' &
			hogs="$hogs $!"
		done
		;;
	offline) # not of the node with CPU 0, which may not go
		node=$((seed / 2 % (nodes - 1) + 1))
		for cpu in $(seq $((node * per_node)) $((node * per_node + per_node - 1))); do
			echo 0 >/sys/devices/system/cpu/cpu"$cpu"/online
		done
		;;
	far) drifter migrate "$worker" "$nodes" --nodes $((nodes + 1)) ;;
	esac
}
clear_away() {
	# shellcheck disable=SC2086 # words
	[ -z "$hogs" ] || kill $hogs
	hogs=
	for cpu in /sys/devices/system/cpu/cpu*/online; do [ "$(cat "$cpu")" = 1 ] || echo 1 >"$cpu"; done
	if [ -d /tmp/full ]; then umount /tmp/full && rmdir /tmp/full; fi
	for group in /sys/fs/cgroup/drifter/*/ /sys/fs/cgroup/drifter /sys/fs/cgroup/pod; do rmdir "$group" 2>/dev/null; done
}
for item in "$@"; do
	seed=${item%:*} situation=${item#"$seed"} kind=
	case ${situation#:} in pod | full | busy | far | offline) ;; *) kind=${situation#:} situation= ;; esac
	name=/out/$(echo "$item" | tr : -)
	from_the_end=$((seed % 2 == 0)) # only what it is like then is recorded
	[ -z "$situation" ] || from_the_end=1
	# shellcheck disable=SC2086 # a word, or none
	drifter make "$seed" $kind --nodes "$nodes" --cpus "$cpus" --old-memory >/tmp/scenario
	rm -f /tmp/said # what the one before has said is not what this one says
	drifter run /tmp/scenario /dev/null --stays --nodes "$nodes" --cpus "$cpus" >/tmp/said &
	worker=$!
	wait_for ready
	[ $from_the_end = 1 ] || record $worker /tmp/told.ndt
	kill -USR1 $worker
	wait_for over
	[ $from_the_end = 1 ] || { let_work $worker 1 && stop_recording; }
	bring_about "${situation#:}"
	measure "$name.before"
	if [ $from_the_end = 1 ]; then cp "$name.before" "$name.told"; else numadrift report /tmp/told.ndt --json >"$name.told"; fi
	commands_of "$name.told" | grep -v "COMMAND$" >/tmp/commands
	count=$(wc -l </tmp/commands)
	if [ "$count" -gt 0 ]; then
		command=$(sed -n "$((seed / 2 % count + 1))p" /tmp/commands)
		status=0
		sh -c "$command" >/tmp/answer 2>&1 || status=$?
		{ echo "$command" && echo $status && cat /tmp/answer; } >"$name.done"
		measure "$name.after"
	fi
	sysctl -w kernel.numa_balancing=0 >/dev/null
	kill -TERM $worker
	wait $worker || { echo "the drifter failed on seed $seed"; exit 1; }
	clear_away
done
exit 0
