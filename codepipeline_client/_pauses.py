"""
Pauses, of threads and of tasks, and what ends them early: the client is closed.

Decides nothing: how long a pause is, and what follows it, is said elsewhere.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, Final, TypeVar

from ._clock import Clock
from ._loops import Loop, call_soon, current_loop, has_ended, is_trios
from ._pool import Rooms

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Timeout, TimerHandle

T = TypeVar("T")


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
        return _sleep(seconds)


class Pauses:
    """
    A client's clock: the one that it was given, whose sleeps end when the client is closed.

    Threads, event loops and forked processes may share it.
    """

    def __init__(self, clock: Clock) -> None:
        self.time: Final = clock.time
        """Tells the time of day, in seconds since the epoch."""
        self.monotonic: Final = clock.monotonic
        """Tells seconds that never run backwards."""
        self.cutoffs: Final = Cutoffs()
        """What a close cuts off, beside pauses."""
        self.are_over = False
        """Whether the client has been closed."""
        self._clock = clock
        self._wakers: dict[int, threading.Event] = {}

    def end(self) -> None:
        """End all pauses, and all that waits in `cutoffs`: the client is closed."""
        self.are_over = True
        self._waker().set()
        self.cutoffs.end()

    def sleep(self, seconds: float) -> None:
        """Wait in this thread. A clock that is not the machine's has the wait to itself, to its end."""
        if not isinstance(self._clock, SystemClock):
            self._clock.sleep(seconds)
            return
        waker = self._waker()
        if not self.are_over:  # asked when there is a waker: a close from now on finds it
            waker.wait(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait in this task."""
        is_ours = isinstance(self._clock, SystemClock)
        await self.cutoffs.wait(self._clock.sleep_async(seconds), None, is_ours=is_ours)

    def _waker(self) -> threading.Event:
        # By process: its lock may have been held when another forked off.
        return self._wakers.setdefault(os.getpid(), threading.Event())


class Cutoffs:
    """
    What tasks wait for until a time or until all is over, whichever comes first.

    On asyncio by its own means, where they do: anyio's scopes do more, and cost several times as much.
    """

    __slots__ = ("_are_over", "_cuts", "_watches")

    def __init__(self) -> None:
        self._are_over = False
        self._cuts: dict[object, tuple[Loop, Callable[[], None]]] = {}
        self._watches = Rooms[Loop, _Watch](_Watch, has_ended)

    def end(self) -> None:
        """Cut off all that is waited for, and whatever will be."""
        self._are_over = True
        watches = [(loop, watch.end) for loop, watch in self._watches.all()]
        for loop, cut in (*watches, *tuple(self._cuts.values())):
            call_soon(loop, cut)

    def drop(self) -> None:
        """Leave nothing behind in the event loop that runs here. Nobody waits any more."""
        for _, watch in self._watches.all():
            watch.drop()

    def wait(self, work: Awaitable[T], seconds: float | None, *, is_ours: bool) -> Awaitable[T | None]:
        """
        Wait in this task, and return what *work* brings; None if it is cut off, after *seconds* at the latest.

        *is_ours* is work that ends when it is cut off once. Other work is cut off at each wait until it has ended,
        but for what it shields.
        """
        import asyncio

        loop = current_loop()
        if is_ours and isinstance(loop, asyncio.AbstractEventLoop):
            return self._in_asyncio(loop, work, seconds, asyncio.timeout(None))
        return self._in_anyio(loop, work, seconds)

    async def _in_asyncio(
        self, loop: AbstractEventLoop, work: Awaitable[T], seconds: float | None, limit: Timeout
    ) -> T | None:
        watch = self._watches.of(loop)
        try:
            async with limit:
                watch.add(limit, loop, seconds)
                try:
                    if self._are_over:  # asked when it has its place: an end from now on finds it
                        _expire(limit)
                    return await work
                finally:
                    watch.remove(limit)
        except TimeoutError:
            if not limit.expired():  # it is the work's own
                raise
        return None

    async def _in_anyio(self, loop: Loop, work: Awaitable[T], seconds: float | None) -> T | None:
        import anyio  # here, since a sync client does without

        with anyio.move_on_after(seconds) as scope:
            self._cuts[scope] = loop, scope.cancel
            try:
                if self._are_over:
                    scope.cancel()
                return await work
            finally:
                del self._cuts[scope]
        return None


class _Watch:
    """What is waited for in one event loop, and one timer for all of it: most of it needs none, and ends by itself."""

    __slots__ = ("_at", "_ends", "_timer")

    def __init__(self) -> None:
        self._ends: dict[Timeout, float] = {}
        self._timer: TimerHandle | None = None
        self._at = inf

    def add(self, limit: Timeout, loop: AbstractEventLoop, seconds: float | None) -> None:
        """Let *limit* expire in so many *seconds*. None for no earlier than `end`."""
        self._ends[limit] = at = inf if seconds is None else loop.time() + seconds
        if at < self._at:
            self._ring(loop, at)

    def remove(self, limit: Timeout) -> None:
        """Forget *limit*."""
        del self._ends[limit]

    def end(self) -> None:
        """Let all expire."""
        self.drop()
        for limit in tuple(self._ends):
            _expire(limit)

    def drop(self) -> None:
        """Leave no timer behind."""
        timer, self._timer, self._at = self._timer, None, inf
        if timer is not None:
            timer.cancel()

    def _ring(self, loop: AbstractEventLoop, at: float) -> None:
        self.drop()
        self._timer = loop.call_at(at, self._expire_due, loop)
        self._at = at

    def _expire_due(self, loop: AbstractEventLoop) -> None:
        now = max(loop.time(), self._at)  # loops ring up to one tick of their clock too early
        self._timer, self._at = None, inf
        for limit, at in tuple(self._ends.items()):
            if at <= now:
                self._ends[limit] = inf
                _expire(limit)
        first = min(self._ends.values(), default=inf)
        if first < inf:
            self._ring(loop, first)


async def _sleep(seconds: float) -> None:
    if is_trios():
        import trio

        await trio.sleep(seconds)
    else:
        import asyncio

        await asyncio.sleep(seconds)


def _expire(limit: Timeout) -> None:
    with suppress(RuntimeError):  # what it was for has ended meanwhile
        limit.reschedule(0.0)
