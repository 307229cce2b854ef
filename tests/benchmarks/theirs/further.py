"""
Run by a contestant's Python, with the contestant's name, what to make, and how many: what one more client takes.

"further" makes clients, "further_asked" makes clients and has each ask once. A process can measure this once: later,
there is memory of closed clients to be used again. Prints one JSON object: seconds and bytes for each client.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time


def resident() -> int:
    """Return how many bytes of memory the process has now."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - as in first.py
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main(name: str, what: str, count: str) -> None:
    new = getattr(importlib.import_module(f"contestants.{name}"), what)
    kept = [new(), new()]  # what a process pays once
    gc.collect()
    memory, cpu, wall = resident(), time.process_time(), time.perf_counter()
    kept += [new() for _ in range(int(count))]
    cpu, wall, memory = time.process_time() - cpu, time.perf_counter() - wall, resident() - memory
    sample = {"cpu": cpu, "wall": wall, "memory": memory}
    print(json.dumps({key: value / int(count) for key, value in sample.items()}))


main(*sys.argv[1:])
