"""
Run what may hang in daemon threads of our own; threads and tasks alike wait for the result.

`anyio.to_thread` and executors have few threads, and no daemons: a hung lookup would delay others and the exit.
"""

from __future__ import annotations

import copy
import os
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from threading import RLock, Thread
from typing import Any, Final, Generic, TypeVar

import anyio  # by full names: a module of anyio is loaded when one of its names is first used

T = TypeVar("T")

monotonic: Final = partial(time.monotonic)
"""Measures limits. Not the function itself, which freezegun would replace in this module: no limit would pass."""
LONGEST_WAIT: Final = 1.0
"""Seconds that a thread waits at once: Ctrl-C on Windows, and a signal just before the wait, are handled after it."""


class SharedFuture(Generic[T]):
    """
    A result that any number of threads and tasks wait for. Tasks call `wait`.

    Has no lock, unlike `concurrent.futures.Future`: an exception of a signal handler could leave it locked for ever.
    """

    def __init__(self) -> None:
        self._outcomes: list[T | BaseException] = []
        """Results and exceptions. The first one counts."""
        self.wakers = set[Callable[[], object]]()
        """What wakes the threads and tasks that wait now."""

    def done(self) -> bool:
        return bool(self._outcomes)

    @property
    def has_failed(self) -> bool:
        return isinstance(self._outcomes[0], BaseException)

    def settle(self, outcome: T | BaseException) -> None:
        """Set the result or the exception, unless the future is done."""
        self._outcomes.append(outcome)
        for wake in tuple(self.wakers):
            wake()

    def result(self, timeout: float | None = None) -> T:
        """Wait in this thread, and return the result or raise the exception. Raises TimeoutError."""
        woken = new_queue()
        wake, ends = partial(woken.put, None), inf if timeout is None else monotonic() + timeout
        self.wakers.add(wake)
        try:
            while not self.done():
                left = ends - monotonic()
                if left <= 0:
                    raise TimeoutError
                with suppress(queue.Empty):
                    woken.get(timeout=min(left, LONGEST_WAIT))
        finally:
            self.wakers.discard(wake)
        return self.outcome()

    def outcome(self) -> T:
        """Return the result of a future that is done, or raise its exception as a copy: others may raise it as well."""
        outcome = self._outcomes[0]
        if isinstance(outcome, BaseException):
            raise copy.copy(outcome) from outcome.__cause__
        return outcome


def run_in_thread(work: Callable[[], T], *, name: str) -> SharedFuture[T]:
    """Call *work* in a daemon thread of its own. Raises RuntimeError if no thread can be started."""
    future = SharedFuture[T]()

    def run() -> None:
        try:
            future.settle(work())
        except BaseException as error:  # noqa: BLE001 - raised again in `outcome`
            future.settle(error)

    Thread(target=run, name=name, daemon=True).start()
    return future


async def wait(future: SharedFuture[T]) -> T:
    """
    Wait for *future* in this task, on asyncio or trio, and return its result or raise its exception.

    A cancelled wait does not cancel the future. The event loop may end before the future is done.
    """
    if not future.done():
        event, token = anyio.Event(), anyio.lowlevel.current_token()
        wake = partial(call_soon, token, event.set)
        future.wakers.add(wake)
        try:
            while not future.done():
                await event.wait()
        finally:
            future.wakers.discard(wake)
    return future.outcome()


def new_queue() -> queue.SimpleQueue[Any]:
    """Return a queue for threads to wait at. Not imported by its name, which gevent may replace at any time."""
    return queue.SimpleQueue()


def call_soon(token: anyio.lowlevel.EventLoopToken, action: Callable[[], object]) -> None:
    """Run *action* soon in the event loop of *token*, from any thread. Do nothing if that loop is closed."""
    loop: Any = token.native_token  # asyncio's or trio's
    # anyio.from_thread waits for the loop, which is a deadlock when the loop's own thread calls it.
    with suppress(RuntimeError):
        (loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon)(action)


class ProcessLock:
    """
    One lock for each process: a forked child has no thread that would release what a thread of the parent held.

    Call it for the lock of this process. That is Python's own: an exception of a signal handler inside an ``__enter__``
    in Python would leave the lock acquired.
    """

    def __init__(self) -> None:
        self._locks: dict[int, RLock] = {}

    def __call__(self) -> RLock:
        """Return the lock, for a ``with`` statement."""
        return self._locks.setdefault(os.getpid(), RLock())
