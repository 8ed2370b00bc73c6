#!/bin/sh
# In the guest: toucher in each way memory can come to be, recorded by both paths. Leaves
# MODE-PATH.{ndt,truth,report} under /out. usage: touches.sh MODE...
for node in 0 1; do
	echo 4 >/sys/devices/system/node/node$node/hugepages/hugepages-2048kB/nr_hugepages
done
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
mkfifo /tmp/recording
for path in auto tracepoint; do
	for mode in "$@"; do
		name=/out/$mode-$path
		toucher "$mode" 0 2 >"$name.truth" &
		runner=$!
		while ! grep -q ready "$name.truth" 2>/dev/null; do sleep 0.05; done
		numadrift record -p $runner -o "$name.ndt" --hooks $path --budget 0 --json --ready-fd 3 \
			>"$name.report" 2>/tmp/record 3>/tmp/recording &
		recorder=$!
		read -r _ </tmp/recording || { cat /tmp/record; exit 1; }
		kill -USR1 $runner
		wait $runner || { echo "toucher $mode failed"; exit 1; }
		wait $recorder || { echo "record of $mode failed"; cat /tmp/record; exit 1; }
		rm -f /tmp/record /tmp/toucher-file
	done
done
