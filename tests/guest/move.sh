#!/bin/sh
# In the guest: the memory of a running process is moved; that of two processes that share it is not.
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
# A full node.
dd if=/dev/zero of=/dev/shm/fill bs=1M count=440 2>/dev/null & # from a CPU of node 0
taskset -pc 0 $! >/dev/null 2>&1
wait $!
numadrift move -p $worker --to 0 >/out/full.txt 2>&1
echo $? >>/out/status
kill $worker
exit 0
