#!/bin/sh
# In the guest: a process whose memory is collapsed into huge pages while it is recorded.
collapser 0 2 >/out/said &
worker=$!
while ! grep -q ready /out/said 2>/dev/null; do sleep 0.05; done
mkfifo /tmp/recording
numadrift record -p $worker -o /out/collapsed.ndt --ready-fd 3 >/dev/null 2>/tmp/record 3>/tmp/recording &
recorder=$!
read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
sleep 2
kill -USR1 $worker
while ! grep -q collapsed /out/said; do sleep 0.05; done
sleep 2
kill -INT $recorder
wait $recorder || { cat /tmp/record; exit 1; }
kill -9 $worker
exit 0
