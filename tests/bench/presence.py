"""What it costs that numadrift is there at all. usage: presence.py BUILD ROUNDS JSON(0|1)

idle    attached to a process that sleeps: CPU time of numadrift and of its programs, without attaching
others  the same while another process is moved between CPUs as fast as it goes, scaled to 40,000 a second
attach  from the start of the command to "Recording", with a target of 1,000 threads; and the target's
        worst gap meanwhile, beside that of as long a time untouched
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

build, rounds, as_json = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1"
numadrift = f"{build}/numadrift"
trace = f"{tempfile.mkdtemp(prefix='numadrift-bench-')}/trace.ndt"
SHORT_S, LONG_S = 5, 25


def recorded(pid, seconds):
    out = subprocess.run([numadrift, "record", "-p", str(pid), "-d", f"{seconds}s", "-o", trace, "--json"],
                         capture_output=True, text=True).stdout
    return json.loads(out)["overhead"]


def per_second(pid):
    """Percent of a CPU, by the difference of a long and a short recording."""
    short, long = recorded(pid, SHORT_S), recorded(pid, LONG_S)
    return [100 * (long[key] - short[key]) / 1e9 / (LONG_S - SHORT_S) for key in ("reader_cpu_ns", "bpf_ns")]


def idle():
    sleeper = subprocess.Popen(["sleep", "1000"])
    reader, bpf = per_second(sleeper.pid)
    sleeper.kill()
    return {"reader_percent": reader, "bpf_percent": bpf}


def others():
    sleeper = subprocess.Popen(["sleep", "1000"])
    mover = subprocess.Popen([f"{build}/tests/bench/scheduling", "moves", str(SHORT_S + LONG_S + 2)],
                             stdout=subprocess.PIPE, text=True)
    reader, bpf = per_second(sleeper.pid)
    rate = float(mover.communicate()[0].split()[0])
    sleeper.kill()
    return {"moves_per_s": rate, "reader_percent": reader, "bpf_percent": bpf,
            "at_40000_per_s_percent": reader + bpf * 40_000 / rate}


def attach():
    target = subprocess.Popen([f"{build}/tests/bench/crowd", "1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    ask = lambda: (target.stdin.write("\n"), target.stdin.flush(), float(target.stdout.readline()))[2]
    time.sleep(1)
    ask()
    time.sleep(1)
    untouched_us = ask()
    begin = time.monotonic()
    tracer = subprocess.Popen([numadrift, "record", "-p", str(target.pid), "-d", "500ms", "-o", trace, "--json"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in tracer.stderr:
        if line.startswith("Recording"):
            break
    took = time.monotonic() - begin
    tracer.communicate()
    stalled_us = ask()
    target.kill()
    return {"attach_ms": 1000 * took, "gap_untouched_us": untouched_us, "gap_us": stalled_us}


results = {}
for measure in (idle, others, attach):
    print(f"{measure.__name__} …", file=sys.stderr)
    runs = [measure() for _ in range(rounds if measure is attach else 1)]
    results[measure.__name__] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    results[measure.__name__] |= {f"{key}_worst": max(run[key] for run in runs) for key in runs[0] if len(runs) > 1}
if as_json:
    print(json.dumps(results, indent=2))
else:
    for name, values in results.items():
        print(f"{name:8}" + ", ".join(f"{key} {value:,.3f}" for key, value in values.items()))
