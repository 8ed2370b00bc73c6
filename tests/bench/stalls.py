"""Worst stalls of the target by size and by who looked. usage: stalls.py DIR JSON"""
import json
import statistics
import sys

work, as_json = sys.argv[1:]
stalls, queries = {}, {}
with open(f"{work}/stalls") as file:
    for line in file:
        words = line.split()
        stalls.setdefault((int(words[0]), words[1]), []).append((float(words[5]), float(words[7])))
with open(f"{work}/queries") as file:
    for line in file:
        gib, *numbers = line.split()
        queries.setdefault(int(gib), []).append([float(number) for number in numbers])
rows = []
for (gib, phase), values in stalls.items():
    row = {"gib": gib, "phase": phase,
           "mmap_us": {"median": statistics.median(v[0] for v in values), "max": max(v[0] for v in values)},
           "fault_us": {"median": statistics.median(v[1] for v in values), "max": max(v[1] for v in values)}}
    if phase == "snapshot":
        pages, ns, longest, took = (statistics.median(column) for column in zip(*queries[gib]))
        row["query"] = {"pages": pages, "ms": ns / 1e6, "longest_us": longest / 1e3, "took_ms": took / 1e6}
    rows.append(row)
if as_json == "1":
    print(json.dumps(rows, indent=2))
else:
    print("worst stall of the target (median and worst of the rounds), us")
    for row in rows:
        text = (f"  {row['gib']:2} GiB {row['phase']:10} mmap {row['mmap_us']['median']:8.0f} {row['mmap_us']['max']:8.0f}"
                f"   fault {row['fault_us']['median']:8.0f} {row['fault_us']['max']:8.0f}")
        if "query" in row:
            q = row["query"]
            text += (f"   {q['pages']:.0f} pages, {q['ms']:.1f} ms asking, {q['longest_us']:.0f} us at most,"
                     f" {q['took_ms']:.0f} ms in all")
        print(text)
