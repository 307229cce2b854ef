"""
Run what may hang in a daemon thread; its result is a future that threads and tasks can wait for.

Not the event loop's own threads: those are few, and a program waits for them when it ends.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

import anyio
from anyio.lowlevel import EventLoopToken, current_token

T = TypeVar("T")


def start(work: Callable[[], T], *, name: str = "codepipeline_client") -> Future[T]:
    """
    Run *work* in a daemon thread of its own and return the result to come.

    Raises OSError when no thread can be started.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # no waiter can cancel it

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the result is waited for
            future.set_exception(error)
        else:
            future.set_result(result)

    try:
        Thread(target=run, name=name, daemon=True).start()
    except RuntimeError as error:
        raise OSError(f"no thread could be started: {error}") from error
    return future


def outcome(future: Future[T]) -> T:
    """Return the result of a future that is done, or raise an error that is this caller's own."""
    error = future.exception()
    if error is not None:
        raise copy.copy(error) from error.__cause__
    return future.result()


async def wait(future: Future[T]) -> T:
    """Wait for *future* in this task, on asyncio or trio. Cancelling the task leaves the work to run on."""
    if not future.done():
        token, done = current_token(), anyio.Event()
        future.add_done_callback(lambda _: call_soon(token, done.set))
        await done.wait()
    return outcome(future)


def call_soon(token: EventLoopToken, action: Callable[[], object]) -> None:
    """Run *action* soon in the event loop of *token*, from any thread; never if that loop has ended."""
    loop: Any = token.native_token  # asyncio's or trio's
    # anyio.from_thread waits for the loop, which is a deadlock when the loop's own thread calls it.
    with suppress(RuntimeError):
        (loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon)(action)
