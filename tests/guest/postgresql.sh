#!/bin/sh
# In the guest: see postgresql. Leaves under /out: pg.ndt, told.json, before.json and after.json (recordings of all
# backends), moved (pids), commands (each with its status) and work (transactions until then, at both ends of the last two
# recordings). usage: postgresql.sh BIN UID [huge]
. /usr/bin/recording.sh
bin=$1 uid=$2 huge=off
if [ "${3:-}" = huge ]; then
	huge=on
	echo 160 >/proc/sys/vm/nr_hugepages # on both nodes, so that node 0 has enough
fi
echo "postgres:x:$uid:$uid:postgres:/tmp:/bin/sh" >>/etc/passwd
echo "postgres:x:$uid:" >>/etc/group
chmod 1777 /tmp
chown -R postgres /db
mkdir -p /dev/shm
as_postgres() { /usr/bin/setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"; }
as_postgres taskset 3 "$bin/postgres" -D /db -k /tmp -c listen_addresses= -c fsync=off -c timezone=GMT \
	-c log_timezone=GMT -c shared_buffers=64MB -c huge_pages=$huge -c dynamic_shared_memory_type=posix >/out/log 2>&1 &
tries=0
until as_postgres "$bin/psql" -h /tmp -c 'select 1' postgres >/out/psql 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo 'PostgreSQL does not answer:'; cat /out/log /out/psql; exit 1; }
	sleep 0.3
done
as_postgres taskset 3 "$bin/pgbench" -h /tmp -n -c 4 -T 6000 --progress 1 postgres >/out/pgbench 2>/out/progress &
backends() { ps | grep 'postgres: postgres postgres \[local\]' | grep -v grep | awk '{print $1}'; }
until [ "$(backends | wc -l)" = 4 ]; do sleep 0.1; done

backends | head -n 2 >/out/moved
work_of() { for backend in $1; do let_work "$backend" "$2"; done; }
note_work() { # "progress: 7.0 s, 412.3 tps, …": a line each second of the guest's
	awk '{ sum += $4 } END { print NR, sum }' /out/progress >>/out/work
}
measure() {
	record --comm=postgres /tmp/measured.ndt
	note_work
	work_of "$(backends)" 1
	note_work
	stop_recording
	numadrift report /tmp/measured.ndt --json >"$1"
}
record --comm=postgres /out/pg.ndt
work_of "$(cat /out/moved)" 2
for backend in $(cat /out/moved); do taskset -p c "$backend" >/dev/null; done
work_of "$(cat /out/moved)" 3
stop_recording
numadrift report /out/pg.ndt --json >/out/told.json

measure /out/before.json
commands_of /out/told.json | grep -v COMMAND >/tmp/commands
while read -r command; do
	status=0
	sh -c "$command" >/tmp/answer 2>&1 </dev/null || status=$?
	echo "$status $command"
	sed 's/^/  /' /tmp/answer
done </tmp/commands >/out/commands
measure /out/after.json
# shellcheck disable=SC2046 # a word for each
kill -9 $(pidof pgbench) $(pidof postgres)
