"""
Run by a contestant's Python, with its name and "import", "door" or "ask": do it once, as a program begins.

"door" imports what a program begins with, which is more than "import" where a package loads its names when asked.

Prints one JSON object: CPU seconds since the process began, the moment on the machine's monotonic clock, what it took
by itself, the most memory so far, and whether botocore was loaded. Loads next to nothing itself.
"""

from __future__ import annotations

import sys
import time


def peak() -> int:
    """Return the most memory that this process has had, in bytes. What getrusage tells includes the parent's."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib would count
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def main(name: str, act: str) -> None:
    contestant = __import__(f"contestants.{name}", fromlist=["ask"])
    cpu, wall = time.process_time(), time.perf_counter()
    if act == "ask":
        done = contestant.ask()
    elif act == "door":
        done = getattr(__import__(contestant.PACKAGE, fromlist=[contestant.DOOR]), contestant.DOOR)
    else:
        done = __import__(contestant.PACKAGE)
    own_cpu, own_wall = time.process_time() - cpu, time.perf_counter() - wall
    facts = {
        "cpu": cpu + own_cpu,
        "moment": time.monotonic(),
        "own_cpu": own_cpu,
        "own_wall": own_wall,
        "memory": peak(),
        "botocore": int("botocore" in sys.modules),
    }
    print(str(facts if done else None).replace("'", '"'))


main(*sys.argv[1:])
