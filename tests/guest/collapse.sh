#!/bin/sh
# In the guest: a process whose small pages are replaced while it is recorded: by huge ones, or by equal ones.
# usage: collapse.sh collapse|ksm
echo 20000 >/sys/kernel/mm/ksm/pages_to_scan
echo 10 >/sys/kernel/mm/ksm/sleep_millisecs
echo 1 >/sys/kernel/mm/ksm/run
collapser 0 2 "$1" >/out/said &
worker=$!
while ! grep -q ready /out/said 2>/dev/null; do sleep 0.05; done
mkfifo /tmp/recording
numadrift record -p $worker -o /out/collapsed.ndt --ready-fd 3 >/dev/null 2>/tmp/record 3>/tmp/recording &
recorder=$!
read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
sleep 2
kill -USR1 $worker
while ! grep -q moved /out/said; do sleep 0.05; done
sleep 2
kill -INT $recorder
wait $recorder || { cat /tmp/record; exit 1; }
kill -9 $worker
exit 0
