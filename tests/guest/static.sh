#!/bin/sh
# In the guest, with busybox and numadrift only.
set -e
[ "$(find / -xdev -name '*.so*' -type f | wc -l)" = 0 ] || { echo 'there are libraries'; exit 1; }
numadrift --version
numadrift doctor | tail -n 1
numadrift record -o /out/static.ndt -d 3s -- sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done' >/out/answer
numadrift report /out/static.ndt --html /out/static.html
numadrift export /out/static.ndt --format perfetto -o /out/static.pftrace
numadrift export /out/static.ndt --format ndjson >/out/static.ndjson
sh -c 'while :; do :; done' & target=$!
numadrift top -p $target --once | grep "$target sh"
kill $target
