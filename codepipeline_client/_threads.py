"""
Run what may hang in daemon threads of our own; threads and tasks alike wait for the result.

Not `anyio.to_thread` and not the event loop's executor: they have few threads, and no daemons. One name lookup that
hangs would hold up the others, and the end of the program.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from threading import RLock, Thread
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import EventLoopToken, current_token

T = TypeVar("T")


class SharedFuture(Future[T]):
    """A result that any number of threads and tasks wait for. Tasks call `wait`, threads the future's own methods."""

    def __init__(self) -> None:
        super().__init__()
        self.wakers = wakers = set[Callable[[], None]]()
        """What wakes the tasks that wait now."""
        # One callback for all tasks: a future has no way to remove the callback of a task that was cancelled.
        self.add_done_callback(lambda _: _call_all(wakers))

    def settle(self, result: T) -> None:
        """Set the result, unless the future is done."""
        with suppress(InvalidStateError):
            self.set_result(result)

    def settle_with(self, error: BaseException) -> None:
        """Set the exception, unless the future is done."""
        with suppress(InvalidStateError):
            self.set_exception(error)


def _call_all(wakers: set[Callable[[], None]]) -> None:
    for wake in tuple(wakers):
        wake()


def run_in_thread(work: Callable[[], T], *, name: str) -> SharedFuture[T]:
    """Call *work* in a daemon thread of its own. Raises RuntimeError if no thread can be started."""
    future = SharedFuture[T]()
    Thread(target=_run, args=(work, future), name=name, daemon=True).start()
    return future


def _run(work: Callable[[], T], future: SharedFuture[T]) -> None:
    try:
        future.settle(work())
    except BaseException as error:  # noqa: BLE001 - raised again in `outcome`
        future.settle_with(error)


async def wait(future: SharedFuture[T]) -> T:
    """
    Wait for *future* in this task, on asyncio or trio, and return its result or raise its exception.

    A cancelled wait does not cancel the future. The event loop may end before the future is done.
    """
    if not future.done():
        event, token = anyio.Event(), current_token()
        wake = partial(call_soon, token, event.set)
        future.wakers.add(wake)
        try:
            if not future.done():
                await event.wait()
        finally:
            future.wakers.discard(wake)
    return outcome(future)


def outcome(future: Future[T]) -> T:
    """Return the result of a future that is done, or raise its exception as a copy: others may raise it as well."""
    error = future.exception()
    if error is not None:
        raise copy.copy(error) from error.__cause__
    return future.result()


def call_soon(token: EventLoopToken, action: Callable[[], object]) -> None:
    """Run *action* soon in the event loop of *token*, from any thread. Do nothing if that loop is closed."""
    loop: Any = token.native_token  # asyncio's or trio's
    # anyio.from_thread waits for the loop, which is a deadlock when the loop's own thread calls it.
    with suppress(RuntimeError):
        (loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon)(action)


class ProcessLock:
    """
    One lock for each process: a forked child has no thread that would release what a thread of the parent held.

    Call it for the lock of this process. That is Python's own, since an exception that a signal handler raises may
    come between the statements of an ``__enter__`` in Python, and then nothing would release the lock.
    """

    def __init__(self) -> None:
        self._locks: dict[int, RLock] = {}

    def __call__(self) -> RLock:
        """Return the lock, for a ``with`` statement."""
        return self._locks.setdefault(os.getpid(), RLock())
