"""What numadrift costs, beside what people would run instead: each side in turn, rounds interleaved.

usage: cost.py BUILD ROUNDS SECONDS JSON(0|1) WORKLOAD...

A round runs every side of a workload once; a side's ratio is its rate divided by the untraced rate of
the same round. Printed are medians and ranges over the rounds; `best` compares the best tenth of a
second (or 64 MiB) of each side in all rounds, which has less of the machine's noise in it.
"""
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

build, rounds, seconds, as_json = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == "1"
here = os.path.dirname(os.path.abspath(__file__))
numadrift = f"{build}/numadrift"
work = tempfile.mkdtemp(prefix="numadrift-bench-")
trace = f"{work}/trace.ndt"

FAULTS = "exceptions:page_fault_user,sched:sched_migrate_task"
COUNT = "tracepoint:exceptions:page_fault_user /pid == cpid/ { @ = count(); }"
COUNT_MOVES = "tracepoint:sched:sched_migrate_task /args->pid == cpid/ { @ = count(); }"
COUNT_SWITCHES = "tracepoint:sched:sched_switch { @[pid] = count(); }"
ON_TARGET = ["/usr/bin/taskset", "-c", "0"]  # bpftrace wants the whole path


def aside(command):
    """A tracer keeps off the CPU of a target that is pinned; others inherit its affinity and have none."""
    return ["taskset", "-c", "1"] if command[:len(ON_TARGET)] == ON_TARGET else []



def bench(*arguments):
    return [f"{build}/tests/bench/{arguments[0]}", *map(str, arguments[1:])]


def run(command):
    return subprocess.run(command, capture_output=True, text=True)


def rate_in(text):
    """`RATE BEST` on a line of its own, among what tracers print."""
    for line in text.splitlines():
        if found := re.fullmatch(r"(\d+) (\d+)( done)?\s*", line):
            return float(found[1]), float(found[2])
    raise RuntimeError(f"no rate in: {text[-500:]}")


# ---- sides that run the workload as their child ----

def untraced(command):
    return rate_in(run(command).stdout), {}


def under_numadrift(*options):
    def side(command):
        out = run([*aside(command), numadrift, "record", "-o", trace, "--json", *options, "--", *command]).stdout
        return rate_in(out), what_report_says(json.loads(out[out.index("\n{") + 1:] if out[0] != "{" else out))
    return side


def under_perf(*arguments):
    def side(command):
        out = run([*aside(command), "perf", *arguments, "-o", f"{work}/perf.data", "--", *command]).stdout
        return rate_in(out), {"bytes": os.path.getsize(f"{work}/perf.data")}
    return side


def under_bpftrace(program):
    def side(command):
        return rate_in(run([*aside(command), "bpftrace", "-e", program, "-c", " ".join(command)]).stdout), {}
    return side


def on_the_floor(tracepoints):
    return lambda command: (rate_in(run([*bench("floor"), tracepoints, *command]).stdout), {})


# ---- sides that run beside it ----

@contextlib.contextmanager
def beside(command, ready=None):
    """A tracer in the background; `ready`: what it says on stderr when it has attached."""
    log = open(f"{work}/log", "w+")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    end = time.time() + 10
    while time.time() < end and process.poll() is None:
        if ready and ready in open(log.name).read() or not ready and time.time() > end - 8:
            break
        time.sleep(0.02)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.output = process.communicate()[0]


def for_another(command):
    """numadrift records a process that sleeps, the workload is none of its business."""
    sleeper = subprocess.Popen(["sleep", "1000"])
    with beside([*aside(command), numadrift, "record", "-p", str(sleeper.pid), "-o", trace, "--json"], "Recording") as tracer:
        rates = rate_in(run(command).stdout)
    sleeper.kill()
    sleeper.wait()
    return rates, what_report_says(json.loads(tracer.output))


def beside_runqlat(command):
    with beside([*aside(command), "runqlat"]):
        return rate_in(run(command).stdout), {}


def what_report_says(report):
    t, o = report["trace"], report["overhead"]
    return {"events": sum(t["events"].values()), "lost": sum(t["lost"].values()), "bytes": os.path.getsize(trace),
            "pages": sum(sum(thread["faults"].values()) for thread in report["threads"]),
            "one_in": max([s["one_in"] for s in t["sampled"]], default=1),
            "bpf_share": (o["bpf_ns"] or 0) / t["duration_ns"], "reader_share": o["reader_cpu_ns"] / t["duration_ns"]}


# ---- servers: attached by name while clients run ----

@contextlib.contextmanager
def redis():
    socket = f"{work}/redis.sock"
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, "--save", ""],
                              stdout=subprocess.DEVNULL)
    while run(["redis-cli", "-s", socket, "ping"]).returncode:
        time.sleep(0.05)
    requests = str(int(60_000 * seconds))

    def client():
        out = run(["redis-benchmark", "-s", socket, "-q", "--csv", "-r", "100000", "-t", "set", "-n", requests]).stdout
        rate = float(re.search(r'"SET","([\d.]+)"', out)[1])
        return rate, rate
    client()
    yield "redis-server", client
    server.kill()
    server.wait()


@contextlib.contextmanager
def postgres():
    binaries = sorted(os.listdir("/usr/lib/postgresql"))[-1]
    binaries = f"/usr/lib/postgresql/{binaries}/bin"
    home = f"{work}/pg"
    os.makedirs(home)
    os.chmod(work, 0o755)
    subprocess.run(["chown", "postgres", home], check=True)
    as_postgres = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "env", "-C", home]
    run([*as_postgres, f"{binaries}/initdb", "-D", f"{home}/db", "-A", "trust"])
    run([*as_postgres, f"{binaries}/pg_ctl", "-D", f"{home}/db", "-w", "-l", f"{home}/log", "-o",
         f"-k {home} -c listen_addresses= -c fsync=off", "start"])
    pgbench = [*as_postgres, f"{binaries}/pgbench", "-h", home]
    run([*pgbench, "-i", "-q", "-s", "5", "postgres"])

    def client():
        out = run([*pgbench, "-S", "-c", "4", "-T", str(max(1, int(seconds))), "postgres"]).stdout
        rate = float(re.search(r"tps = ([\d.]+)", out)[1])
        return rate, rate
    client()
    yield "postgres", client
    run([*as_postgres, f"{binaries}/pg_ctl", "-D", f"{home}/db", "-m", "immediate", "stop"])


def server_sides(name):
    def attached(client):
        with beside([numadrift, "record", "--comm", name, "-o", trace, "--json"], "Recording") as tracer:
            rates = client()
        return rates, what_report_says(json.loads(tracer.output))

    def perf(client):
        pids = run(["pgrep", "-d,", "-x", name]).stdout.strip()
        with beside(["perf", "record", "-q", "-e", FAULTS, "-p", pids, "-o", f"{work}/perf.data"]):
            return client(), {}
    return {"untraced": lambda client: (client(), {}), "numadrift": attached, "perf record": perf}


# ---- the table ----

STORM_SIDES = {
    "untraced": untraced, "numadrift": under_numadrift(), "numadrift --budget 0": under_numadrift("--budget", "0"),
    "perf record": under_perf("record", "-q", "-e", FAULTS), "bpftrace count": under_bpftrace(COUNT),
    "floor, one hook": on_the_floor("page_fault_user"),
    "numadrift on another": for_another,
}
SWITCH_SIDES = {
    "untraced": untraced, "numadrift": under_numadrift(), "perf sched record": under_perf("sched", "record", "-q"),
    "bpftrace count": under_bpftrace(COUNT_SWITCHES), "runqlat": beside_runqlat,
    "floor, sched_switch": on_the_floor("sched_switch"), "numadrift on another": for_another,
}
MOVE_SIDES = {
    "untraced": untraced, "numadrift": under_numadrift(), "perf record": under_perf("record", "-q", "-e", FAULTS),
    "bpftrace count": under_bpftrace(COUNT_MOVES), "floor": on_the_floor("sched_migrate_task"),
    "numadrift on another": for_another,
}
PROGRAM_SIDES = {"untraced": untraced, "numadrift": under_numadrift(),
                 "perf record": under_perf("record", "-q", "-e", FAULTS), "numadrift on another": for_another}
WORKLOADS = {
    "storm": ("first touches in order, 4 KiB", [*ON_TARGET, *bench("storm", seconds)], STORM_SIDES),
    "random": ("first touches in random order", [*ON_TARGET, *bench("storm", seconds, "random")], STORM_SIDES),
    "huge": ("first touches of huge pages", [*ON_TARGET, *bench("storm", seconds, "huge")], STORM_SIDES),
    "spin": ("CPU-bound, random reads", [*ON_TARGET, *bench("spin", seconds)],
             {"untraced": untraced, "numadrift": under_numadrift(),
              "numadrift --sample-hz 0": under_numadrift("--sample-hz", "0")}),
    "switches": ("context switches on one CPU", [*ON_TARGET, *bench("scheduling", "switches", seconds)], SWITCH_SIDES),
    "moves": ("moves between two CPUs", bench("scheduling", "moves", seconds), MOVE_SIDES),
    "threads": ("threads born and ended", [*ON_TARGET, *bench("scheduling", "threads", seconds)], MOVE_SIDES),
    "jvm": ("JVM, two threads filling hash maps", ["java", "-Xmx1g", f"{here}/Garbage.java", str(seconds)], PROGRAM_SIDES),
}
SERVERS = {"redis": ("redis-benchmark SET", redis), "pgbench": ("pgbench, select only", postgres)}


def measure(name):
    if name in SERVERS:
        title, server = SERVERS[name]
        with server() as (comm, client):
            return table(name, title, {side: (lambda f=f: f(client)) for side, f in server_sides(comm).items()})
    title, command, sides = WORKLOADS[name]
    return table(name, title, {side: (lambda f=f: f(command)) for side, f in sides.items()})


def table(name, title, sides):
    results = {side: [] for side in sides}
    for number in range(rounds):
        print(f"{title}: round {number + 1} of {rounds}", file=sys.stderr)
        for side, function in sides.items():
            try:
                results[side].append(function())
            except (RuntimeError, OSError, ValueError, TypeError) as error:
                print(f"  {side}: {error}", file=sys.stderr)
    base = [rates[0] for rates, _ in results["untraced"]]
    best = max(rates[1] for rates, _ in results["untraced"])
    rows = []
    for side, runs in results.items():
        if not runs:
            rows.append({"side": side, "failed": True})
            continue
        ratios = [rates[0] / b for (rates, _), b in zip(runs, base)]
        row = {"side": side, "rate": statistics.median(r[0] for r, _ in runs), "ratio": statistics.median(ratios),
               "ratio_min": min(ratios), "ratio_max": max(ratios), "best": max(r[1] for r, _ in runs) / best}
        row["added_ns"] = 1e9 / row["rate"] - 1e9 / statistics.median(base)
        for key in runs[0][1]:
            row[key] = statistics.median(extra[key] for _, extra in runs)
        row["lost"] = sum(extra.get("lost", 0) for _, extra in runs)
        rows.append(row)
    return {"workload": name, "title": title, "rounds": rounds, "sides": rows}


PLACING = ("storm", "random", "huge")  # what is counted is pages


def show(result):
    print(f"\n{result['title']}, {result['rounds']} rounds of {seconds:g} s")
    print(f"  {'':24} {'per second':>12}  {'cost: median (range)':>26}  {'best':>7}  {'ns each':>8}")
    for row in result["sides"]:
        if row.get("failed"):
            print(f"  {row['side']:24} did not run here")
            continue
        cost = "" if row["side"] == "untraced" else \
            f"{100 * (1 / row['ratio'] - 1):+.1f} % ({100 * (1 / row['ratio_max'] - 1):+.1f} to {100 * (1 / row['ratio_min'] - 1):+.1f})"
        rest = "" if row["side"] == "untraced" else f"{100 * (1 / row['best'] - 1):+6.1f}%  {row['added_ns']:+8.0f}"
        print(f"  {row['side']:24} {row['rate']:12,.0f}  {cost:>26}  {rest}")
        if "events" in row:
            print(f"    {row['events']:,.0f} events, {row['bytes'] / max(row['events'], 1):.1f} B each"
                  + (f", {row['bytes'] / row['pages']:.3f} B a page" if result["workload"] in PLACING and row["pages"] else "")
                  + f"; lost {row['lost']}; 1 in {row['one_in']:.0f}; BPF {100 * row['bpf_share']:.2f} %, reader "
                    f"{100 * row['reader_share']:.2f} % of a CPU")


results = [measure(name) for name in sys.argv[5:]]
if as_json:
    print(json.dumps(results, indent=2))
else:
    for result in results:
        show(result)
