# Sourced by the server tests: record a real server under load and hold the counts against procfs.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

numadrift=$build/numadrift
work=$(mktemp -d)
chmod 755 "$work"
if ! reason=$("$numadrift" doctor 2>&1); then printf '%s\n' "$reason" | tail -n 1; exit 77; fi

# watch_run_time COMM FILE: run time so far of each thread, with the moment: "MONOTONIC_NS TID NS", until killed.
watch_run_time() {
	exec python3 - "$1" "$2" <<'PY'
import glob, subprocess, sys, time
comm, name = sys.argv[1:]
with open(name, "w") as out:
    while True:
        pids = subprocess.run(["pgrep", "-x", comm], capture_output=True, text=True).stdout.split()
        for path in [p for pid in pids for p in glob.glob(f"/proc/{pid}/task/*/schedstat")]:
            try:
                now, text = time.monotonic_ns(), open(path).read()
            except OSError:
                continue
            out.write(f"{now} {path.split('/')[4]} {text.split()[0]}\n")
        out.flush()
        time.sleep(0.05)
PY
}

# record_server COMM SECONDS: records it and leaves report.json and run_time in $work.
record_server() {
	local comm=$1 seconds=$2 status=0
	watch_run_time "$comm" "$work/run_time" &
	local watcher=$!
	while [ ! -s "$work/run_time" ]; do sleep 0.02; done
	"$numadrift" record --comm "$comm" -d "${seconds}s" -o "$work/server.ndt" --json \
		>"$work/report.json" 2>"$work/err" || status=$?
	sleep 0.2
	kill $watcher
	[ $status = 0 ] || { cat "$work/err"; die "record failed"; }
}

# Every thread that lived through it: CPU time in the report against schedstat between the same two moments, from when
# the recorder first saw it, as far as the looks before and after each know it, within 1 % and a tick.
compare_cpu_time() {
	python3 - "$work" <<'PY'
import json, sys
work = sys.argv[1]
TICK = 10e6  # schedstat of a running thread is that of its last one
looks = {}
for line in open(f"{work}/run_time"):
    at, tid, ns = map(int, line.split())
    looks.setdefault(tid, []).append((at, ns))

def run_time(tid, at):
    """At least and at most, by the looks before and after; None if the thread was not there on both sides of it."""
    before = [l for l in looks[tid] if l[0] <= at]
    after = [l for l in looks[tid] if l[0] > at]
    return (before[-1][1], after[0][1]) if before and after else None

report = json.load(open(f"{work}/report.json"))
threads = {t["tid"]: t for t in report["threads"]}
trace = report["trace"]
begin = trace["start_monotonic_ns"]
bad = compared = 0
assert trace["complete"], "not complete"
if len([n for n in report["topology"]["nodes"] if n["memory_bytes"]]) == 1:
    assert "one NUMA node" in report["summary"]["text"], report["summary"]["text"]
for tid in looks:
    if tid not in threads:
        continue
    first = run_time(tid, begin + threads[tid]["begin_ns"])
    last = run_time(tid, begin + trace["duration_ns"])
    if first is None or last is None:
        continue
    least, most = last[0] - first[1], last[1] - first[0]
    said = sum(threads[tid]["cpu_ns"].values()) + threads[tid]["cpu_unattributed_ns"]
    compared += most > 50e6
    if not least - 0.01 * most - TICK <= said <= 1.01 * most + TICK:
        print(f"thread {tid}: report {said/1e6:.1f} ms, schedstat {least/1e6:.1f} to {most/1e6:.1f} ms")
        bad += 1
print(f"{len(threads)} threads, {compared} with CPU time compared, {bad} wrong; "
      f"{sum(trace['events'].values())} events")
sys.exit(bad > 0 or compared == 0)
PY
}
