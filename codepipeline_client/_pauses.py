"""
A client's clock: pauses of threads and of tasks, and what ends them early: the client is closed.

Decides nothing: how long a pause is, and what follows it, is said elsewhere.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable
from math import inf
from typing import Final, TypeVar

import anyio
from anyio.lowlevel import EventLoopToken, current_token

from . import _threads
from .clock import Clock, SystemClock

T = TypeVar("T")


class ClosableClock:
    """
    The clock that a client was given, whose sleeps end when the client is closed.

    Threads, event loops and forked processes may share it.
    """

    def __init__(self, clock: Clock) -> None:
        self.time: Final = clock.time
        """Tells the time of day, in seconds since the epoch."""
        self.monotonic: Final = clock.monotonic
        """Tells seconds that never run backwards."""
        self.is_closed = False
        """Whether the client has been closed."""
        self._clock = clock
        self._closed: dict[int, threading.Event] = {}
        self._scopes: dict[anyio.CancelScope, EventLoopToken] = {}

    def close(self) -> None:
        """End all pauses, and all that tasks `wait` for."""
        self.is_closed = True
        self._event().set()
        for scope, token in tuple(self._scopes.items()):
            _threads.call_soon(token, scope.cancel)

    def sleep(self, seconds: float) -> None:
        """Wait in this thread. A clock that is not the machine's has the wait to itself, to its end."""
        if not isinstance(self._clock, SystemClock):
            self._clock.sleep(seconds)
            return
        closed = self._event()
        if not self.is_closed:  # asked when there is an event: a close from now on finds it
            closed.wait(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait in this task."""
        await self.wait(self._clock.sleep_async(seconds), inf)

    async def wait(self, work: Awaitable[T], seconds: float) -> T | None:
        """Wait in this task for *work*; None when it takes longer than *seconds*, or the client is closed."""
        with anyio.CancelScope(deadline=anyio.current_time() + seconds) as scope:
            self._scopes[scope] = current_token()
            try:
                if self.is_closed:
                    scope.cancel()
                return await work
            finally:
                del self._scopes[scope]
        return None

    def _event(self) -> threading.Event:
        # By process: its lock may have been held when another forked off.
        return self._closed.setdefault(os.getpid(), threading.Event())
