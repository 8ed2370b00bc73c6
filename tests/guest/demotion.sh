#!/bin/sh
# In the guest, which has a node with memory only: a process whose memory is demoted to it.
. /usr/bin/recording.sh
echo 1 >/sys/kernel/mm/numa/demotion_enabled || exit 1
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
group=/sys/fs/cgroup/demoted
mkdir $group
sh -c "echo 0 >$group/cgroup.procs; exec accessor chase 100 6000 24 0 0 0" >/tmp/regions &
worker=$!
while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
record $worker /out/demoted.ndt
let_work $worker 2
# The files it read go first, then pages that are in use; a reclaim that finds nothing more to take fails.
demoted_mib() { sed -n 's/^anon .*N2=\([0-9]*\).*/\1/p' $group/memory.numa_stat | awk '{ print int($1 / 1048576) }'; }
until [ "$(demoted_mib)" -ge 40 ]; do echo 40M >$group/memory.reclaim 2>/dev/null; done
numadrift snapshot -p $worker | grep -E 'data|anonymous'
grep pgdemote /proc/vmstat
let_work $worker 4
stop_recording
kill $worker
exit 0
