"""
Run by a client's Python, with the client's name: measure the calls that each line of stdin asks for.

Reads and prints one JSON object a line. The process lives for all rounds, with its connections open.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import clients


@cache
def open_call(kind: str) -> Callable[[], Any]:
    opened = getattr(clients, f"{sys.argv[1]}_{kind}")()
    call: Callable[[], Any] = runner.run(opened) if kind == "async" else opened
    return call


def run(kind: str, count: int, in_flight: int) -> None:
    call = open_call(kind)
    if kind == "async":
        runner.run(call_concurrently(call, count, in_flight))
    else:
        for _ in range(count):
            call()


async def call_concurrently(call: Callable[[], Any], count: int, in_flight: int) -> None:
    left = count

    async def call_until_done() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(call_until_done())


def measure(*, kind: str, count: int, in_flight: int, profile: bool) -> Mapping[str, float]:
    """Return seconds per call, or the share of each part of the code. *kind* is "sync", "async" or "sign"."""
    run(kind, 2 * in_flight, in_flight)
    gc.collect()
    if profile:
        return shares(lambda: run(kind, count, in_flight))
    cpu, wall = time.process_time(), time.perf_counter()
    run(kind, count, in_flight)
    return {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - wall) / count}


INTERVAL = 0.001
"""Seconds. Linux rounds it up to its own tick, which may be 4 ms."""


def shares(act: Callable[[], object]) -> Mapping[str, float]:
    """
    Return the share of each package or folder in the CPU time of *act*, by sampling which file runs.

    So nothing is slowed down and waiting does not count. Work inside of C functions and the kernel counts for the file
    that calls them.
    """
    parts = Counter[str]()

    def sample(_: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code.co_filename.startswith("<"):  # generated code counts for its caller
            frame = frame.f_back
        parts[part_of(frame.f_code.co_filename if frame else "")] += 1

    handler = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        act()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
    return {part: count / parts.total() for part, count in parts.items()}


def part_of(file: str) -> str:
    """Return the package that a file belongs to, and its folder in there if it has one."""
    entry = max((each for each in sys.path if each and file.startswith(each + os.sep)), key=len, default=sys.path[0])
    if entry == sys.path[0]:  # this folder
        return "everything else"
    top, *rest = Path(file).relative_to(entry).with_suffix("").parts
    if entry == sysconfig.get_path("stdlib"):
        return "asyncio" if top in ("asyncio", "selectors") else "the standard library"
    return "/".join([top, *rest[:-1]][:2])


runner = asyncio.Runner()
for line in sys.stdin:
    print(json.dumps(measure(**json.loads(line))), flush=True)
os._exit(0)
