#!/bin/sh
# In the guest: the memory of a running process is moved, or of one of its threads; that of two processes that share
# it is not.
accessor chase 100 6000 24 0 0 2 >/tmp/regions &
worker=$!
while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
numadrift move -p $worker --from 0 --to 1 --dry-run --json >/out/plan.json || exit 1
numadrift move -p $worker --from 0 --to 1 --json >/out/moved.json
echo $? >/out/status
numadrift snapshot -p $worker --json >/out/after.json || exit 1
kill -0 $worker || exit 1
mkdir -p /dev/shm
mount -t tmpfs none /dev/shm
for n in 1 2; do
	sharer /dev/shm/shared map >/tmp/sharer.$n &
	while ! grep -q ready /tmp/sharer.$n 2>/dev/null; do sleep 0.05; done
done
numadrift move -p $! --to 1 --range 0-ffffffffffff --shared --json >/out/shared.json
numadrift move -p $! --to 0 --range 0-ffffffffffff --shared --json >>/out/shared.json
# What one of two threads uses; both run on node 1, and their memory is on node 0.
drifter run /usr/bin/two_workers.json /out/truth.json --stays --nodes 2 --cpus 4 >/tmp/drifter &
pair=$!
while ! grep -q ready /tmp/drifter; do sleep 0.05; done
kill -USR1 $pair
while ! grep -q over /tmp/drifter; do sleep 0.05; done
tid=$(grep -l worker-0 /proc/$pair/task/*/comm | cut -d / -f 5)
numadrift move -p $pair --thread "$tid" --from 0 --to 1 --json >/out/thread.json
echo $? >/out/thread.status
sleep 0.5
kill $pair
wait $pair || exit 1
# A full node.
dd if=/dev/zero of=/dev/shm/fill bs=1M count=440 2>/dev/null & # from a CPU of node 0
taskset -pc 0 $! >/dev/null 2>&1
wait $!
numadrift move -p $worker --to 0 >/out/full.txt 2>&1
echo $? >>/out/status
kill $worker
exit 0
