#!/bin/sh
# In the guest: thread ids are reused again and again, a CPU goes away and comes back, and the process executes
# itself. Leaves churn.ndt and cpu_ns under /out.
# usage: churn.sh THREADS
echo 700 >/proc/sys/kernel/pid_max
(
	sleep 1
	for _ in 1 2 3 4 5 6; do
		echo 0 >/sys/devices/system/cpu/cpu3/online
		sleep 0.4
		echo 1 >/sys/devices/system/cpu/cpu3/online
		sleep 0.4
	done
) &
numadrift record -o /out/churn.ndt --budget 0 --json -- churner "$1" >/tmp/printed 2>/tmp/said || { cat /tmp/said; exit 1; }
head -n 1 /tmp/printed >/out/cpu_ns
wait
cat /sys/devices/system/cpu/online
