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
        await (_in_trio(future) if running_library() == "trio" else _in_asyncio(future))
    return future.result()


def running_library() -> str:
    """Return what the current task runs on: ``asyncio`` or ``trio``."""
    from sniffio import current_async_library  # here, since a sync client does without

    return current_async_library()


def load_anyio_for(library: str) -> None:
    """Load the part of anyio that is for *library*, which takes long enough to be felt on an event loop."""
    import anyio
    from anyio.lowlevel import checkpoint

    anyio.run(checkpoint, backend=library)


# The libraries' own primitives, for two reasons. anyio's load the rest of anyio when first used, which holds up the
# event loop for as long as this is there to avoid. And anyio.from_thread waits for the loop: for ever if that has
# ended meanwhile, and in a deadlock if it is the loop's own thread that settles the future.


async def _in_asyncio(future: Future[T]) -> None:
    from asyncio import get_running_loop

    loop = get_running_loop()
    waiting = loop.create_future()

    def wake() -> None:
        if not waiting.done():
            waiting.set_result(None)

    future.add_done_callback(lambda _: _soon(loop.call_soon_threadsafe, wake))
    await waiting


async def _in_trio(future: Future[T]) -> None:
    from trio import Event
    from trio.lowlevel import current_trio_token

    token, woken = current_trio_token(), Event()
    future.add_done_callback(lambda _: _soon(token.run_sync_soon, woken.set))
    await woken.wait()


def _soon(call: Callable[[Callable[[], None]], object], wake: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop has ended, and the wait with it
        call(wake)
