"""
Run by a contestant's Python, with the contestant's name: measures what it is told to, one round at a time.

Reads one JSON object a line, and prints one: what a call took. Stays between two rounds, warm and with
its connections open, so that all contestants can take turns.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from typing import Any


class Worker:
    """One contestant, and what it keeps open between two rounds."""

    def __init__(self, contestant: Any) -> None:
        self._contestant = contestant
        self._calls: dict[str, Callable[[], object]] = {}
        self._async_call: Callable[[], Awaitable[object]] | None = None
        self._open = ExitStack()
        self._open_async = AsyncExitStack()

    def measure(self, runner: asyncio.Runner, what: str, count: int, in_flight: int) -> dict[str, float]:
        """Return seconds of one call; *what* is "sync", "sign", "decode" or "async"."""
        gc.collect()
        if what == "async":
            return runner.run(self._measure_async(count, in_flight))
        if what not in self._calls:
            self._calls[what] = self._open.enter_context(getattr(self._contestant, f"to_{what}")())
            self._calls[what]()
        call = self._calls[what]
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            call()
        return {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - wall) / count}

    async def _measure_async(self, count: int, in_flight: int) -> dict[str, float]:
        if self._async_call is None:
            self._async_call = await self._open_async.enter_async_context(self._contestant.to_async())
        await self._spend(2 * in_flight, in_flight)
        cpu, wall = time.process_time(), time.perf_counter()
        await self._spend(count, in_flight)
        return {"cpu": (time.process_time() - cpu) / count, "wall": (time.perf_counter() - wall) / count}

    async def _spend(self, count: int, in_flight: int) -> None:
        call, left = self._async_call, count
        assert call is not None

        async def ask_on() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await call()

        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(ask_on())


def main(name: str) -> None:
    worker = Worker(importlib.import_module(f"contestants.{name}"))
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            print(json.dumps(worker.measure(runner, **json.loads(line))), flush=True)


main(*sys.argv[1:])
