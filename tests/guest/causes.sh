#!/bin/sh
# In the guest, of two nodes with two CPUs each: a real-time thread is pushed off its CPU by a higher one; the CPUs of
# a thread's node go offline; a process is put into a cpuset on the other node.
# Leaves SCENARIO.json of each under /out. usage: causes.sh SCENARIO...
record() { # PID: in the background, returns when it records
	rm -f /tmp/recording
	mkfifo /tmp/recording
	numadrift record -p "$1" -o /tmp/recorded.ndt --ready-fd 3 >/dev/null 2>/tmp/record 3>/tmp/recording &
	recorder=$!
	read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
}
cpu_ticks() { cut -d ' ' -f 14 /proc/$worker/stat; }
work() { # for so many seconds of the worker's CPU time
	until=$(($(cpu_ticks) + $1 * 100))
	while [ "$(cpu_ticks)" -lt $until ]; do sleep 0.1; done
}
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/pod
for scenario in "$@"; do
	accessor chase 100 6000 8 2 2 2 >/tmp/regions & # its memory is on node 1
	worker=$!
	while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
	case $scenario in
	rt) chrt -f -p 10 $worker ;;
	cpuset) taskset -pc 0-3 $worker >/dev/null ;;
	esac # offline: on its one CPU, lest a balancer takes it off before
	record $worker
	work 2
	case $scenario in
	rt) # from now on it may run everywhere, and there is somebody more important
		taskset -pc 0-3 $worker >/dev/null
		for cpu in 2 3; do
			chrt -f 50 sh -c 'while :; do :; done' &
			hogs="$hogs $!"
			while ! chrt -p $! | grep -q FIFO; do sleep 0.05; done # there it would not come to run before
			taskset -pc $cpu $! >/dev/null
		done
		;;
	offline) for cpu in 3 2; do echo 0 >/sys/devices/system/cpu/cpu$cpu/online; done ;;
	cpuset)
		echo 0-1 >/sys/fs/cgroup/pod/cpuset.cpus
		echo 0-1 >/sys/fs/cgroup/pod/cpuset.mems
		echo $worker >/sys/fs/cgroup/pod/cgroup.procs
		;;
	esac
	work 3
	kill -INT $recorder
	wait $recorder || { cat /tmp/record; exit 1; }
	numadrift report /tmp/recorded.ndt --json >"/out/$scenario.json"
	# shellcheck disable=SC2086 # words
	kill -9 $worker $hogs
	wait $worker 2>/dev/null
	for cpu in 2 3; do echo 1 >/sys/devices/system/cpu/cpu$cpu/online; done
	hogs=
	rm -f /tmp/regions
done
exit 0
