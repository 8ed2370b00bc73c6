#!/bin/sh
# In the guest: a process whose small pages are replaced while it is recorded: by huge ones, or by equal ones.
# usage: collapse.sh collapse|ksm
. /usr/bin/recording.sh
echo 20000 >/sys/kernel/mm/ksm/pages_to_scan
echo 10 >/sys/kernel/mm/ksm/sleep_millisecs
echo 1 >/sys/kernel/mm/ksm/run
collapser 0 2 "$1" >/out/said &
worker=$!
while ! grep -q ready /out/said 2>/dev/null; do sleep 0.05; done
record $worker /out/collapsed.ndt --budget 0 # in slices of time who replaced the pages may not be seen
let_work $worker 5 # a quarter of the samples meets what will be moved: 120, of which the check wants 41
kill -USR1 $worker
while ! grep -q moved /out/said; do sleep 0.05; done
let_work $worker 2
stop_recording
kill -9 $worker
exit 0
