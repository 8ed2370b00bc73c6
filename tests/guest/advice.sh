#!/bin/sh
# In the guest: a thread that is away from its memory is recorded, one of the commands of the report is run as it is
# printed, and it is recorded again; where the command is one to start the program with, it is started anew so.
# usage: advice.sh SCENARIO:N..., N of the report's commands
. /usr/bin/recording.sh
start() { # [PROGRAM ARGUMENT...], that runs it
	# shellcheck disable=SC2086 # words
	"$@" accessor chase $work >/tmp/regions &
	worker=$!
	while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
}
end() {
	kill $worker
	wait $worker 2>/dev/null
	rm -f /tmp/regions
}
for one in "$@"; do
	scenario=${one%:*} n=${one#*:}
	how=
	case $scenario in # how much in the first region, where that, the other and the thread are
	misplaced) work="100 6000 16 0 0 2" ;;
	spread) work="100 6000 16" how="numactl --interleave=all" ;;
	uneven) work="40 6000 16 0 2 0" ;;
	*) work="100 6000 16 0 0 0" ;;
	esac
	start $how
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
	case $command in
	*COMMAND)
		end
		# shellcheck disable=SC2086 # words
		start ${command% COMMAND}
		;;
	*) sh -c "$command" || { echo "exit status $? of: $command"; exit 1; } ;;
	esac
	record $worker /tmp/after.ndt
	let_work $worker 6
	stop_recording
	numadrift report /tmp/after.ndt --json >"/out/$one.after"
	end
done
exit 0
