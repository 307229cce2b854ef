"""Tell the time, sleep, and measure how much time a call has left."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from math import inf
from typing import Final, Protocol, TypeVar, runtime_checkable

import anyio

from ._threads import SharedFuture, call_soon, monotonic
from .errors import ConfigurationError

T = TypeVar("T")

DEADLINE: Final = "codepipeline_client.deadline"
"""Request extension: the `Deadline` of the call that the request is part of."""


@runtime_checkable
class Clock(Protocol):
    """Tells the time and waits. Give a client your own to test without waiting. Subclasses inherit the machine's."""

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch. Signatures carry it."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards. Limits are measured with it."""
        return monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        time.sleep(seconds)

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        """Wait in this task, on asyncio or trio."""
        return anyio.sleep(seconds)


class SystemClock(Clock):
    """The clock of the machine."""


class Deadline:
    """The moment at which a call must have ended."""

    __slots__ = ("_at", "_monotonic", "seconds")

    def __init__(self, seconds: float | None, monotonic: Callable[[], float]) -> None:
        self.seconds: Final = seconds
        """The limit of the whole call; None for no limit."""
        self._monotonic = monotonic
        self._at = inf if seconds is None else monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left: infinite without a limit, 0 or less when the deadline has passed."""
        return inf if self._at == inf else self._at - self._monotonic()

    def within(self, seconds: float | None) -> float | None:
        """Return the limit of a step whose own limit is *seconds*: None for no limit, never below 0."""
        limit = min(max(self.left(), 0.0), inf if seconds is None else seconds)
        return None if limit == inf else limit


class ClosableClock:
    """A client's clock, whose sleeps end when the client is closed. Threads, event loops and processes may share it."""

    def __init__(self, clock: object) -> None:
        if not isinstance(clock, Clock):
            lacking = type(clock).__name__
            raise ConfigurationError(f"clock must have time, monotonic, sleep and sleep_async; {lacking} lacks some")
        self.time: Final = clock.time
        self.monotonic: Final = clock.monotonic
        self.is_closed: bool = False
        self._clock = clock
        self._closed = SharedFuture[None]()

    def close(self) -> None:
        """End all sleeps, and all that tasks `wait` for. A signal handler may call it at any moment."""
        self.is_closed = True
        self._closed.settle(None)

    def sleep(self, seconds: float) -> None:
        """Wait in this thread. A user's own clock sleeps to the end."""
        if isinstance(self._clock, SystemClock):
            with suppress(TimeoutError):
                self._closed.result(seconds)
        else:
            self._clock.sleep(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait in this task."""
        await self.wait(self._clock.sleep_async(seconds), inf)

    async def wait(self, work: Awaitable[T], seconds: float) -> T | None:
        """Wait in this task for *work*. Return None when it takes longer than *seconds*, or the client is closed."""
        with anyio.CancelScope(deadline=anyio.current_time() + seconds) as scope:
            cancel = partial(call_soon, anyio.lowlevel.current_token(), scope.cancel)
            self._closed.wakers.add(cancel)
            try:
                if self.is_closed:
                    scope.cancel()
                return await work
            finally:
                self._closed.wakers.discard(cancel)
        return None
