#!/bin/sh
# In the guest, of two nodes with two CPUs each: a real-time thread is pushed off its CPU by a higher one; the CPUs of
# a thread's node go offline; a process is put into a cpuset on the other node, or its cpuset becomes that.
# Leaves SCENARIO.json of each under /out. usage: causes.sh SCENARIO...
. /usr/bin/recording.sh
mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/pod
for scenario in "$@"; do
	accessor chase 100 6000 8 2 2 2 >/tmp/regions & # its memory is on node 1
	worker=$!
	while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
	case $scenario in
	rt) chrt -f -p 10 $worker ;;
	cpuset) taskset -pc 2-3 $worker >/dev/null ;;
	narrowed)
		taskset -pc 0-3 $worker >/dev/null
		echo 2-3 >/sys/fs/cgroup/pod/cpuset.cpus
		echo 0-1 >/sys/fs/cgroup/pod/cpuset.mems
		echo $worker >/sys/fs/cgroup/pod/cgroup.procs
		;;
	esac # else on its one CPU: no balancer is to take it off before
	record $worker /tmp/recorded.ndt
	let_work $worker 2
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
	narrowed) echo 0-1 >/sys/fs/cgroup/pod/cpuset.cpus ;;
	esac
	let_work $worker 3
	stop_recording
	numadrift report /tmp/recorded.ndt --json >"/out/$scenario.json"
	# shellcheck disable=SC2086 # words
	kill -9 $worker $hogs
	wait $worker 2>/dev/null
	for cpu in 2 3; do echo 1 >/sys/devices/system/cpu/cpu$cpu/online; done
	hogs=
	rm -f /tmp/regions
done
exit 0
