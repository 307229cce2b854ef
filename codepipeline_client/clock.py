"""
Tell the time, sleep, and measure how much time a call has left.

How a client's sleeps end when it is closed is not here.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Final, Protocol, runtime_checkable

import anyio

DEADLINE: Final = "codepipeline_client.deadline"
"""Request extension: the `Deadline` of the call that the request is part of."""


@runtime_checkable
class Clock(Protocol):
    """What tells the time and waits. Give a client your own to test without waiting."""

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch. Signatures carry it."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards. Limits are measured with it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        ...

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        """Wait in this task, on asyncio or trio."""
        ...


class SystemClock:
    """The clock of the machine."""

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        time.sleep(seconds)

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        """Wait in this task, on asyncio or trio."""
        return anyio.sleep(seconds)


class Deadline:
    """When a call must have ended."""

    __slots__ = ("_at", "_monotonic", "seconds")

    def __init__(self, seconds: float | None, monotonic: Callable[[], float]) -> None:
        self.seconds: Final = seconds
        """The limit of the whole call; None for no limit."""
        self._monotonic = monotonic
        self._at = inf if seconds is None else monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left: infinite without a limit, 0 or less when the deadline has passed."""
        return inf if self._at == inf else self._at - self._monotonic()

    @property
    def has_passed(self) -> bool:
        """Whether no time is left."""
        return self.left() <= 0

    def within(self, seconds: float | None) -> float | None:
        """Return the limit of a step whose own limit is *seconds*: None for no limit, never below 0."""
        left = max(self.left(), 0.0)
        if left == inf:
            return seconds
        return left if seconds is None else min(left, seconds)
