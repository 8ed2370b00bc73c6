# Sourced by the server tests: record a real server under load and hold the counts against procfs.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/common.sh"

numadrift=$build/numadrift
work=$(mktemp -d)
chmod 755 "$work"
if ! reason=$("$numadrift" doctor 2>&1); then printf '%s\n' "$reason" | tail -n 1; exit 77; fi

# snapshot FILE PID...: run time so far of each single thread, "TID NS".
snapshot() {
	local file=$1 pid thread
	shift
	for pid in "$@"; do
		for thread in /proc/"$pid"/task/*; do
			[ -r "$thread/schedstat" ] && printf '%s %s\n' "${thread##*/}" "$(cut -d' ' -f1 "$thread/schedstat")"
		done
	done >"$file" 2>/dev/null
}

# record_server COMM SECONDS: records it and leaves report.json, before and after in $work.
record_server() {
	local comm=$1 seconds=$2
	"$numadrift" record --comm "$comm" -d "${seconds}s" -o "$work/server.ndt" --json >"$work/report.json" 2>"$work/err" &
	local recorder=$!
	while ! grep -q ^Recording "$work/err"; do
		kill -0 $recorder 2>/dev/null || { cat "$work/err"; die "record failed"; }
		sleep 0.02
	done
	# shellcheck disable=SC2046
	snapshot "$work/before" $(pgrep -x "$comm")
	wait $recorder || { cat "$work/err"; die "record failed"; }
	# shellcheck disable=SC2046
	snapshot "$work/after" $(pgrep -x "$comm")
}

# Every thread that lived through it: CPU time in the report against schedstat, within 2 % and the
# two moments at which each side looked.
compare_cpu_time() {
	python3 - "$work" <<'PY'
import json, sys
work = sys.argv[1]
read = lambda name: {int(a): int(b) for a, b in (line.split() for line in open(f"{work}/{name}"))}
before, after = read("before"), read("after")
report = json.load(open(f"{work}/report.json"))
threads = {t["tid"]: t for t in report["threads"]}
bad = compared = 0
assert report["trace"]["complete"], "not complete"
if len([n for n in report["topology"]["nodes"] if n["memory_bytes"]]) == 1:
    assert "one NUMA node" in report["summary"]["text"], report["summary"]["text"]
for tid in set(before) & set(after):
    truth = after[tid] - before[tid]
    said = sum(threads[tid]["cpu_ns"].values()) + threads[tid]["cpu_unattributed_ns"]
    compared += truth > 50e6
    if abs(said - truth) > 0.02 * truth + 30e6:
        print(f"thread {tid}: report {said/1e6:.1f} ms, schedstat {truth/1e6:.1f} ms")
        bad += 1
print(f"{len(threads)} threads, {compared} with CPU time compared, {bad} wrong; "
      f"{sum(report['trace']['events'].values())} events")
sys.exit(bad > 0 or compared == 0)
PY
}
