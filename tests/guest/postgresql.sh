#!/bin/sh
# In the guest: see postgresql. usage: postgresql.sh BIN UID
. /usr/bin/recording.sh
bin=$1 uid=$2
echo "postgres:x:$uid:$uid:postgres:/tmp:/bin/sh" >>/etc/passwd
echo "postgres:x:$uid:" >>/etc/group
chmod 1777 /tmp
chown -R postgres /db
mkdir -p /dev/shm
taskset 3 /usr/bin/setpriv --reuid "$uid" --regid "$uid" --clear-groups "$bin/postgres" -D /db -k /tmp -c listen_addresses= -c fsync=off -c timezone=GMT \
	-c log_timezone=GMT -c shared_buffers=32MB -c dynamic_shared_memory_type=posix >/out/log 2>&1 &
tries=0
until /usr/bin/setpriv --reuid "$uid" --regid "$uid" --clear-groups "$bin/psql" -h /tmp -c 'select 1' postgres >/out/psql 2>&1; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo 'PostgreSQL does not answer:'; cat /out/log /out/psql; exit 1; }
	sleep 0.3
done
taskset 3 /usr/bin/setpriv --reuid "$uid" --regid "$uid" --clear-groups "$bin/pgbench" -h /tmp -n -c 4 -T 6000 postgres >/out/pgbench 2>&1 &
load=$!
backends() { ps | grep 'postgres: postgres postgres \[local\]' | grep -v grep | awk '{print $1}'; }
until [ "$(backends | wc -l)" = 4 ]; do sleep 0.1; done

backends | head -n 2 >/out/moved
all_work() { for backend in $(cat /out/moved); do let_work "$backend" "$1"; done; }
record --comm=postgres /out/pg.ndt
all_work 2
for backend in $(cat /out/moved); do taskset -p c "$backend" >/dev/null; done
all_work 3
kill $load
stop_recording
# shellcheck disable=SC2046 # a word for each
kill -9 $(pidof postgres)
