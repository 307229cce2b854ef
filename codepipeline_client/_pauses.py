"""
Pauses, of threads and of tasks, and what ends them early: the client is closed.

Decides nothing: how long a pause is, and what follows it, is said elsewhere.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Awaitable
from types import TracebackType
from typing import Final

import anyio

from ._clock import Clock
from ._loops import Loop, call_soon, current_loop


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
        self.are_over = False
        """Whether the client has been closed."""
        self._clock = clock
        self._wakers: dict[int, threading.Event] = {}
        self._scopes: dict[anyio.CancelScope, Loop] = {}

    def end(self) -> None:
        """End all pauses, and all scopes that were given to `ended_by_close`: the client is closed."""
        self.are_over = True
        self._waker().set()
        for scope, loop in tuple(self._scopes.items()):
            call_soon(loop, scope.cancel)

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
        with anyio.CancelScope() as scope, self.ended_by_close(scope):
            await self._clock.sleep_async(seconds)

    def ended_by_close(self, scope: anyio.CancelScope) -> _Registered:
        """Let a close cancel *scope*, which has just been entered in this task."""
        return _Registered(self, scope, self._scopes)

    def _waker(self) -> threading.Event:
        # By process: its lock may have been held when another forked off.
        return self._wakers.setdefault(os.getpid(), threading.Event())


class _Registered:
    """A scope's place among those that a close cancels."""

    __slots__ = ("_pauses", "_scope", "_scopes")

    def __init__(self, pauses: Pauses, scope: anyio.CancelScope, scopes: dict[anyio.CancelScope, Loop]) -> None:
        self._pauses = pauses
        self._scope = scope
        self._scopes = scopes

    def __enter__(self) -> None:
        self._scopes[self._scope] = current_loop()
        if self._pauses.are_over:  # asked when it has its place: a close from now on finds it
            self._scope.cancel()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        del self._scopes[self._scope]
