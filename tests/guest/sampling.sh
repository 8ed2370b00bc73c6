#!/bin/sh
# In the guest: accessor in every kind, memory on two nodes, recorded when all of it is there.
# usage: sampling.sh PERCENT_ON_NODE_0
for kind in chase stream bytes hash btree memcpy read write file; do
	accessor "$kind" "$1" 30 16 0 2 1 >/tmp/regions &
	worker=$!
	while ! grep -q ^A /tmp/regions 2>/dev/null; do sleep 0.05; done
	numadrift record -p $worker -d 6 -o "/out/$kind.ndt" >/dev/null 2>/tmp/record || { cat /tmp/record; exit 1; }
	kill $worker
	wait $worker 2>/dev/null
	rm -f /tmp/regions
done
exit 0
