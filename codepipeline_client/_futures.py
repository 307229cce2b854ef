"""
Results that a thread will bring: asked for once, awaited by threads and by tasks alike.

Knows nothing of requests. A wait may be cancelled; the work goes on for those who still wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Lock, Thread
from traceback import clear_frames
from typing import Generic, TypeVar

from ._threads import SharedFuture, wait
from .errors import ConfigurationError

T = TypeVar("T")


class Once(Generic[T]):
    """A value that takes blocking work to make: made in a thread of its own when first wanted, for all who want it."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._attempts: dict[int, _Attempt[T]] = {}
        self._is_closed = False
        self.value: T | None = None
        """The value, once it is made."""

    def started(self) -> Future[T]:
        """Return the value to come. A failure is not kept: who asks after one causes another try."""
        attempt = self._here()
        with attempt.lock:
            future = attempt.future
            if future is None or (future.done() and not future.cancelled() and future.exception() is not None):
                future = attempt.future = Future()
                self._begin(future)
            return future

    def close(self) -> None:
        """Let those fail with a CancelledError who wait for the value, or will, if it is not made yet."""
        self._is_closed = True
        attempt = self._here()
        with attempt.lock:
            future = attempt.future
        if future is not None:
            future.cancel()

    def _here(self) -> _Attempt[T]:
        # By process: a forked child has the parent's locks and futures, but not the thread that would settle them.
        return self._attempts.setdefault(os.getpid(), _Attempt())

    def _begin(self, future: Future[T]) -> None:
        if self._is_closed:
            future.cancel()
            return
        try:
            Thread(target=self._run, args=(future,), daemon=True).start()
        except RuntimeError as error:
            future.set_exception(ConfigurationError(f"no thread could be started to prepare the call: {error}"))

    def _run(self, future: Future[T]) -> None:
        try:
            self.value = value = self._make()
        except BaseException as error:  # noqa: BLE001 - a defect, say: nobody may be left waiting
            _clear_frames(error)
            with suppress(InvalidStateError):  # a close was faster
                future.set_exception(error)
        else:
            with suppress(InvalidStateError):
                future.set_result(value)


class _Attempt(Generic[T]):
    """One process's try at a value."""

    __slots__ = ("future", "lock")

    def __init__(self) -> None:
        self.lock = Lock()
        self.future: Future[T] | None = None


def _clear_frames(error: BaseException) -> None:
    """Empty the frames of *error* and of those behind it: what reads settings may hold a proxy's password."""
    inner: BaseException | None = error
    while inner is not None:
        clear_frames(inner.__traceback__)
        inner = inner.__cause__ or inner.__context__


async def settled(future: Future[T]) -> T:
    """Wait for *future* in this task. A wait that is cancelled leaves the work to those who still wait."""
    if not future.done():
        done = SharedFuture[None]()
        future.add_done_callback(lambda _: done.settle(None))
        await wait(done)
    return future.result()
