"""
Run by a client's Python, with the client's name: measure the calls that each line of stdin asks for.

Reads and prints one JSON object a line. The process lives for all rounds, with its connections open.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import sampling


class Worker:
    """One client, and what it keeps open between two rounds."""

    def __init__(self, client: Any, runner: asyncio.Runner) -> None:
        self._client = client
        self._runner = runner
        self._calls: dict[str, Callable[[], Any]] = {}
        self._stack = ExitStack()
        self._async_stack = AsyncExitStack()

    def measure(self, *, kind: str, count: int, in_flight: int, profile: bool) -> Mapping[str, float]:
        """Return seconds per call, or the share of each part of the code. *kind* is "sync", "async" or "sign"."""
        self._run(kind, 2 * in_flight, in_flight)
        gc.collect()
        if profile:
            return sampling.shares(lambda: self._run(kind, count, in_flight))
        cpu, wall = time.process_time(), time.perf_counter()
        self._run(kind, count, in_flight)
        return {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - wall) / count}

    def _run(self, kind: str, count: int, in_flight: int) -> None:
        if kind not in self._calls:
            opened = getattr(self._client, f"open_{kind}")()
            self._calls[kind] = (
                self._runner.run(self._async_stack.enter_async_context(opened))
                if kind == "async"
                else self._stack.enter_context(opened)
            )
        call = self._calls[kind]
        if kind == "async":
            self._runner.run(call_concurrently(call, count, in_flight))
        else:
            for _ in range(count):
                call()


async def call_concurrently(call: Callable[[], Awaitable[object]], count: int, in_flight: int) -> None:
    left = count

    async def call_until_done() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(call_until_done())


def main(name: str) -> None:
    client = importlib.import_module(f"clients.{name}")
    with asyncio.Runner() as runner:
        worker = Worker(client, runner)
        for line in sys.stdin:
            print(json.dumps(worker.measure(**json.loads(line))), flush=True)


main(*sys.argv[1:])
