"""The report of a large trace: how fast, in how much memory. usage: analysis.py NUMADRIFT TRACE EVENTS JSON(0|1)"""
import json
import os
import subprocess
import sys
import time

numadrift, trace, events, as_json = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"
begin = time.monotonic()
process = subprocess.Popen([numadrift, "report", trace, "--json"], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
took = time.monotonic() - begin
assert status == 0, "the report failed"
result = {"events": events, "trace_bytes": os.path.getsize(trace), "seconds": took,
          "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024,
          "events_per_s": events / took, "events_per_cpu_s": events / (usage.ru_utime + usage.ru_stime)}
if as_json:
    print(json.dumps(result, indent=2))
else:
    print(f"analysis of {events:,} events ({result['trace_bytes'] / events:.2f} B each): {took:.1f} s, "
          f"{result['events_per_s'] / 1e6:.2f} M events/s, {result['events_per_cpu_s'] / 1e6:.2f} M a CPU second, "
          f"peak {result['peak_mib']:.0f} MiB")
