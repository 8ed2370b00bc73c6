#!/bin/sh
# In the guest, which has a node with memory only: a process whose memory is demoted to it.
echo 1 >/sys/kernel/mm/numa/demotion_enabled || exit 1
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/demoted
sh -c 'echo 0 >/sys/fs/cgroup/demoted/cgroup.procs; exec accessor chase 100 40 24 0 0 0' >/tmp/regions &
worker=$!
while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
mkfifo /tmp/recording
numadrift record -p $worker -o /out/demoted.ndt --ready-fd 3 >/dev/null 2>/tmp/record 3>/tmp/recording &
recorder=$!
read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
sleep 3
for _ in 1 2 3 4 5 6 7 8; do
	echo 40M >/sys/fs/cgroup/demoted/memory.reclaim 2>/dev/null
	numadrift snapshot -p $worker | grep -E 'data|anonymous'
done
grep pgdemote /proc/vmstat
sleep 4
kill -INT $recorder
wait $recorder || { cat /tmp/record; exit 1; }
kill $worker
exit 0
