#!/usr/bin/env python3
"""Like accessor, in an interpreter: two regions with a known split of CPU time.

usage: accessor.py PERCENT_A SECONDS [MIB]   prints "A BEGIN END B BEGIN END" in hex, then works.
"""
import ctypes
import mmap
import random
import sys
import time

share = float(sys.argv[1]) / 100
seconds = float(sys.argv[2])
size = int(sys.argv[3] if len(sys.argv) > 3 else 64) << 20


def make_region():
    memory = mmap.mmap(-1, size)
    memory.write(b"\1" * size)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return memoryview(memory).cast("q"), address


a, a_begin = make_region()
b, b_begin = make_region()
print(f"A {a_begin:x} {a_begin + size:x} B {b_begin:x} {b_begin + size:x}", flush=True)
spent_a = spent_b = 0.0
begin = now = time.thread_time()
while now - begin < seconds:
    on_a = spent_a * (1 - share) <= spent_b * share
    view = a if on_a else b
    before = now
    wanted = random.uniform(0.0005, 0.0015)
    while now - before < wanted:
        at = random.randrange(len(view) - 65536)
        copy = view[at : at + 65536].tobytes()
        now = time.thread_time()
    if on_a:
        spent_a += now - before
    else:
        spent_b += now - before
