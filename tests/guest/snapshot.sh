#!/bin/sh
# In the guest: snapshots of drifter processes that hold their memory still.
echo 24 >/proc/sys/vm/nr_hugepages
for kind in policy huge shared split; do
	drifter make 3 $kind --old-memory >/tmp/scenario
	drifter run /tmp/scenario /tmp/truth >/tmp/ready & # it waits for a signal that does not come
	process=$!
	while ! grep -q ready /tmp/ready 2>/dev/null; do sleep 0.05; done
	numadrift snapshot -p $process >"/out/$kind.txt" || exit 1
	numadrift snapshot -p $process --json >"/out/$kind.json" || exit 1
	numadrift snapshot -p $process --json --exact >"/out/$kind.exact.json" 2>/dev/null || exit 1
	kill -9 $process
	rm -f /tmp/ready
done
# A policy that another process gave to shared memory.
mkdir -p /dev/shm
mount -t tmpfs none /dev/shm
sharer /dev/shm/shared set || exit 1
sharer /dev/shm/shared map >/tmp/ready &
process=$!
while ! grep -q ready /tmp/ready 2>/dev/null; do sleep 0.05; done
numadrift snapshot -p $process --json >/out/object.json || exit 1
kill -9 $process
exit 0
