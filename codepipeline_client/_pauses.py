"""
Pauses, of threads and of tasks, and what ends them early: their time is over, or the client is closed.

Decides nothing: how long a pause is, and what follows it, is said elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable
from types import TracebackType

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
    """What all calls of a client know of its end. Threads, event loops and forked processes may share it."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._scopes: dict[anyio.CancelScope, Loop] = {}

    @property
    def are_over(self) -> bool:
        """Whether the client has been closed."""
        return self._closed.is_set()

    def end(self) -> None:
        """End all pauses, and all scopes that were given to `ended_by_close`: the client is closed."""
        self._closed.set()
        for scope, loop in tuple(self._scopes.items()):
            call_soon(loop, scope.cancel)

    def sleep(self, seconds: float, clock: Clock) -> None:
        """Wait in this thread. A clock that is not the machine's has the wait to itself, to its end."""
        if isinstance(clock, SystemClock):
            self._closed.wait(seconds)
        else:
            clock.sleep(seconds)

    async def sleep_async(self, seconds: float, clock: Clock) -> None:
        """Wait in this task."""
        with anyio.CancelScope() as scope, self.ended_by_close(scope):
            await clock.sleep_async(seconds)

    def ended_by_close(self, scope: anyio.CancelScope) -> _Registered:
        """Let a close cancel *scope*, which has just been entered in this task."""
        return _Registered(scope, self._scopes)


class _Registered:
    """A scope's place among those that a close cancels."""

    __slots__ = ("_scope", "_scopes")

    def __init__(self, scope: anyio.CancelScope, scopes: dict[anyio.CancelScope, Loop]) -> None:
        self._scope = scope
        self._scopes = scopes

    def __enter__(self) -> None:
        self._scopes[self._scope] = current_loop()

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        del self._scopes[self._scope]
