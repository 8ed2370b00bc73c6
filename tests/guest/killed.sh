#!/bin/sh
# In the guest: a process that forks all the time, and recorders of it that are killed, each a little later in its
# recording. Leaves NUMBER.ndt under /out. usage: killed.sh TIMES
. /usr/bin/recording.sh

programs() { grep -c ' bpf_prog_[0-9a-f]*_.*\[bpf\]' /proc/kallsyms; }

while :; do cat /proc/self/stat >/dev/null; done &
load=$!
before=$(programs)
number=1
while [ $number -le "$1" ]; do
	record $load /out/$number.ndt --budget 0
	# To read all symbols takes an emulator a second or two.
	[ $number -gt 1 ] || [ "$(programs)" -gt "$before" ] || { echo "/proc/kallsyms knows no BPF programs"; exit 1; }
	sleep "$((number * 7 % 20 / 10)).$((number * 7 % 10))"
	# shellcheck disable=SC2154 # of recording.sh
	kill -KILL $recorder
	wait $recorder 2>/dev/null
	tries=0
	while [ "$(programs)" -gt "$before" ]; do # they are freed a little after their end
		tries=$((tries + 1))
		[ $tries -le 100 ] || { echo "recorder $number left BPF programs behind"; exit 1; }
		sleep 0.1
	done
	number=$((number + 1))
done
kill $load
exit 0
