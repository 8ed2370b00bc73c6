#!/bin/sh
# In the guest: a thread that is away from its memory is recorded, one of the commands of the report is run as it is
# printed, and it is recorded again. usage: advice.sh SCENARIO:N..., N of the report's commands
record() { # PID FILE: in the background, returns when it records
	rm -f /tmp/recording
	mkfifo /tmp/recording
	numadrift record -p "$1" -o "$2" --ready-fd 3 >/dev/null 2>/tmp/record 3>/tmp/recording &
	recorder=$!
	read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
}
stop() { # after so many seconds of the worker's CPU time
	until=$(($(cpu_ticks) + $1 * 100))
	while [ "$(cpu_ticks)" -lt $until ]; do sleep 0.1; done
	kill -INT $recorder
	wait $recorder || { cat /tmp/record; exit 1; }
}
cpu_ticks() { cut -d ' ' -f 14 /proc/$worker/stat; }
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
	stop 6
	numadrift report /tmp/before.ndt --json >"/out/$one.before"
	numadrift report /tmp/before.ndt
	command=$(sed -n 's/^ *"command": "\(.*\)",*$/\1/p' "/out/$one.before" | grep -v '^sysctl' | sed -n "${n}p")
	echo "$one: $command"
	[ -n "$command" ] || exit 1
	sh -c "$command" || { echo "exit status $? of: $command"; exit 1; }
	record $worker /tmp/after.ndt
	stop 2
	numadrift report /tmp/after.ndt --json >"/out/$one.after"
	kill $worker
	wait $worker 2>/dev/null
	rm -f /tmp/regions
done
exit 0
