"""A clock that a test moves: sleeping takes no time, and is recorded."""

from __future__ import annotations

from math import inf, isfinite
from threading import Lock
from typing import Final

import anyio.lowlevel


class FakeClock:
    """
    A `Clock` for code under test. A sleep moves it and returns at once, so no test has to wait.

    Several threads and tasks may use it at once; their sleeps add up. It does not affect sockets: they run in real
    time.
    """

    def __init__(self, *, start: float = 1_767_225_600.0) -> None:
        """
        Begin at *start*, in seconds since the epoch: by default at 2026-01-01 00:00 UTC.

        Signatures contain this time, so give it to the endpoint as well: ``LocalCodePipeline(now=clock.time)``.
        """
        self._lock: Final = Lock()
        if not isfinite(start):
            raise ValueError(f"start must be a finite number of seconds, not {start}")
        self._start: Final = start
        self._elapsed = 0.0
        self._slept: list[float] = []

    def __repr__(self) -> str:
        return f"<FakeClock {self.time()} after {self.monotonic()} s>"

    @property
    def slept(self) -> tuple[float, ...]:
        """The seconds of each sleep so far, in order."""
        with self._lock:
            return tuple(self._slept)

    def advance(self, seconds: float) -> None:
        """Move the clock by *seconds*, without a sleep. Raises ValueError when they are negative or not finite."""
        self._move("advance", seconds)

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch."""
        return self._start + self.monotonic()

    def monotonic(self) -> float:
        """Return the seconds that have passed since the start."""
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Move the clock by *seconds* and record them. Raises ValueError when they are negative or not finite."""
        self._move("sleep", seconds, seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Let other tasks run, on asyncio or trio, then do as `sleep` does. A cancelled task sleeps nothing."""
        await anyio.lowlevel.checkpoint()
        self.sleep(seconds)

    def _move(self, name: str, seconds: float, *slept: float) -> None:
        if not 0 <= seconds < inf:
            raise ValueError(f"{name} must be a finite number of seconds, 0 or more, not {seconds}")
        with self._lock:
            self._elapsed += seconds
            self._slept += slept
