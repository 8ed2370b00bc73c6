"""Rates of an untraced and a recorded side, round by round. usage: compare.py DIR JSON TITLE UNTRACED RECORDED"""
import json
import statistics
import sys

work, as_json, title, untraced_name, recorded_name = sys.argv[1:]


def column(name, number=0):
    with open(f"{work}/{name}") as file:
        return [float(line.split()[number]) for line in file]


untraced, recorded = column(untraced_name), column(recorded_name)
with open(f"{work}/{recorded_name}.reports") as file:
    reports = [json.loads(line) for line in file]
ratios = [r / u for u, r in zip(untraced, recorded)]
best = [r / u for u, r in zip(column(untraced_name, 1), column(recorded_name, 1))]
events = [sum(r["trace"]["events"].values()) for r in reports]
result = {
    "title": title,
    "untraced_per_s": statistics.median(untraced),
    "recorded_per_s": statistics.median(recorded),
    "ratio_median": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
    "ratio_of_best_rounds_median": statistics.median(best),
    "ratio_of_best_rounds_min": min(best), "ratio_of_best_rounds_max": max(best),
    "events": events,
    "lost": [sum(r["trace"]["lost"].values()) for r in reports],
    "reader_share_of_cpu": statistics.median(
        r["overhead"]["reader_cpu_ns"] / r["trace"]["duration_ns"] for r in reports),
    "query_share_of_cpu": statistics.median(
        r["overhead"]["query_ns"] / r["trace"]["duration_ns"] for r in reports),
    "bytes_per_event": statistics.median(b / n for b, n in zip(column(recorded_name + ".bytes"), events)),
}
if as_json == "1":
    print(json.dumps(result, indent=2))
else:
    print(f"{title}: untraced {result['untraced_per_s']:,.0f}/s, recorded {result['recorded_per_s']:,.0f}/s, "
          f"ratio {result['ratio_median']:.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    print(f"  best rounds (less of the machine's noise): ratio {result['ratio_of_best_rounds_median']:.3f} "
          f"({min(best):.3f} to {max(best):.3f})")
    print(f"  events {max(events):,}, lost {sum(result['lost'])}, reader "
          f"{100 * result['reader_share_of_cpu']:.2f} % of a CPU, of that {100 * result['query_share_of_cpu']:.2f} % "
          f"asking for pages; {result['bytes_per_event']:.1f} bytes an event")
