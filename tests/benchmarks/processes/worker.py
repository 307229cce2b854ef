"""
Run by a client's Python, with the client's name: measure the calls that each line of stdin asks for.

Reads and prints one JSON object a line. The process lives for all rounds, with its connections open.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import clients
import sampling


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
        return sampling.shares(lambda: run(kind, count, in_flight))
    cpu, wall = time.process_time(), time.perf_counter()
    run(kind, count, in_flight)
    return {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - wall) / count}


runner = asyncio.Runner()
for line in sys.stdin:
    print(json.dumps(measure(**json.loads(line))), flush=True)
os._exit(0)
