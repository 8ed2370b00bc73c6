#!/bin/sh
# In the guest: a thread that is away from its memory is recorded, one of the commands of the report is run as it is
# printed, and it is recorded again. usage: advice.sh SCENARIO:N..., N of the report's commands
. /usr/bin/recording.sh
for one in "$@"; do
	scenario=${one%:*} n=${one#*:}
	cpu=0
	[ "$scenario" = misplaced ] && cpu=2
	accessor chase 100 6000 16 0 0 $cpu >/tmp/regions &
	worker=$!
	while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
	record $worker /tmp/before.ndt
	sleep 1
	case $scenario in
	drifted) taskset -pc 2 $worker >/dev/null ;;
	deserted) numadrift move -p $worker --to 1 >/dev/null ;;
	esac
	let_work $worker 6
	stop_recording
	numadrift report /tmp/before.ndt --json >"/out/$one.before"
	numadrift report /tmp/before.ndt
	command=$(commands_of "/out/$one.before" | grep -v '^sysctl' | sed -n "${n}p")
	echo "$one: $command"
	[ -n "$command" ] || exit 1
	sh -c "$command" || { echo "exit status $? of: $command"; exit 1; }
	record $worker /tmp/after.ndt
	let_work $worker 2
	stop_recording
	numadrift report /tmp/after.ndt --json >"/out/$one.after"
	kill $worker
	wait $worker 2>/dev/null
	rm -f /tmp/regions
done
exit 0
