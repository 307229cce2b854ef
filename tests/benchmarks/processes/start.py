"""
Run by a client's Python, with the client's name: make the first call of a program.

Prints one JSON object: CPU seconds since the process began, the time of the machine's monotonic clock, and the most
memory so far. Imports almost nothing itself.
"""

from __future__ import annotations

import os
import sys
import time

import clients

kept: list[object] = []
"""What would say that it was not closed, if it were not kept."""


def first_call(name: str) -> object:
    open_sync = getattr(clients, f"{name}_sync", None)
    if open_sync is not None:
        return open_sync()()
    import asyncio  # here, since the others do without

    runner = asyncio.Runner()
    call = runner.run(getattr(clients, f"{name}_async")())
    kept.extend([runner, call])
    return runner.run(call())


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes. getrusage would include the parent's."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - importing pathlib would count
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


if not first_call(sys.argv[1]):
    sys.exit("The first call has no result.")
cpu, moment = time.process_time(), time.monotonic()
print(f'{{"cpu": {cpu}, "moment": {moment}, "memory": {peak_memory()}}}', flush=True)
os._exit(0)
