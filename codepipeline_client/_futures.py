"""
Results that a thread will bring: asked for once, awaited by threads and by tasks alike.

Knows nothing of requests. A wait may be cancelled; the work goes on for those who still wait.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Generic, TypeVar

import anyio
from sniffio import current_async_library

from .errors import CodePipelineError

T = TypeVar("T")


class Once(Generic[T]):
    """A value that takes blocking work to make: made in a thread of its own when first wanted, for all who want it."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._future: Future[T] | None = None
        self.value: T | None = None
        """The value, once it is made."""

    def started(self) -> Future[T]:
        """Return the value to come. A failure is not kept: who asks after one causes another try."""
        with self._lock:
            future = self._future
            if future is None or (future.done() and future.exception() is not None):
                future = self._future = Future()
                Thread(target=self._run, args=(future,), daemon=True).start()
            return future

    def _run(self, future: Future[T]) -> None:
        try:
            self.value = self._make()
        except CodePipelineError as error:
            future.set_exception(error.with_traceback(None))  # frames that read settings may hold a proxy's password
        except BaseException as error:  # noqa: BLE001 - a warning turned into an error, say: nobody may be left waiting
            future.set_exception(error)
        else:
            future.set_result(self.value)


async def settled(future: Future[T]) -> T:
    """Wait for *future* in this task. A wait that is cancelled leaves the work to those who still wait."""
    if not future.done():
        event, soon = anyio.Event(), _call_soon()

        def wake(_: Future[T]) -> None:
            with suppress(RuntimeError):  # the loop has ended, and the wait with it
                soon(event.set)

        future.add_done_callback(wake)
        await event.wait()
    return future.result()


def _call_soon() -> Callable[[Callable[[], object]], object]:
    """
    Return what makes this event loop call a function, from any thread and without waiting for it.

    `anyio.from_thread` waits, for ever where the loop ends meanwhile, and deadlocks when called on the loop itself.
    """
    if current_async_library() == "trio":
        from trio.lowlevel import current_trio_token

        return current_trio_token().run_sync_soon
    from asyncio import get_running_loop

    return get_running_loop().call_soon_threadsafe
