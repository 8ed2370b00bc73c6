#!/bin/sh
# In the guest: seeded scenarios that go on when they are over. Each is recorded (of an odd seed with what happened, of
# an even one only as it is afterwards), one of the commands of the report is run as it is printed, and it is recorded
# again. Leaves under /out per seed: SEED.told, .before and .after (reports), SEED.done (the command and its status) and
# SEED.work (what its workers have done: at the begin and at the end of .before, then of .after).
# usage: heeded.sh NODES CPUS SEED...
. /usr/bin/recording.sh
nodes=$1 cpus=$2
shift 2
echo $((24 * nodes)) >/proc/sys/vm/nr_hugepages # for hugetlb
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null

wait_for() { while ! grep -q "^$1" /tmp/said; do sleep 0.05; done; }
note_work() {
	lines=$(grep -c ^work /tmp/said)
	kill -USR1 $worker
	while [ "$(grep -c ^work /tmp/said)" -eq "$lines" ]; do sleep 0.01; done
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
for seed in "$@"; do
	name=/out/$seed
	drifter make "$seed" --nodes "$nodes" --cpus "$cpus" --old-memory >/tmp/scenario
	drifter run /tmp/scenario /dev/null --stays --nodes "$nodes" --cpus "$cpus" >/tmp/said &
	worker=$!
	wait_for ready
	[ $((seed % 2)) = 0 ] || record $worker /tmp/told.ndt
	kill -USR1 $worker
	wait_for over
	[ $((seed % 2)) = 0 ] || { let_work $worker 1 && stop_recording; }
	measure "$name.before"
	if [ $((seed % 2)) = 0 ]; then cp "$name.before" "$name.told"; else numadrift report /tmp/told.ndt --json >"$name.told"; fi
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
	for group in /sys/fs/cgroup/drifter/*/ /sys/fs/cgroup/drifter; do rmdir "$group" 2>/dev/null; done
done
exit 0
