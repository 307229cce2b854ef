"""Results of threads, awaited by threads and tasks on any event loop, and locks of one process."""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import threading
import weakref
from typing import Any

import anyio
import pytest
import trio

from codepipeline_client._threads import ProcessLock, SharedFuture, new_queue, run_in_thread, wait
from codepipeline_client.testing import LocalCodePipeline
from tests.clients import opened
from tests.endpoint import INPUT, options_for

LIMIT = 10.0


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit()], ids=["error", "exit"])
def test_an_error_of_work_is_the_futures(error: BaseException) -> None:
    """Also if the thread exits."""

    def work() -> None:
        raise error

    future = run_in_thread(work, name="lookup")
    with pytest.raises(type(error)):
        future.result(LIMIT)
    assert future.has_failed


def test_the_first_outcome_counts_and_is_waited_for_in_time() -> None:
    future = SharedFuture[str]()
    with pytest.raises(TimeoutError):
        future.result(0.01)
    threading.Timer(0.01, future.settle, ["value"]).start()
    assert future.result() == "value"
    future.settle(ValueError())
    assert future.result(0) == "value"
    assert not future.wakers


@pytest.mark.anyio
async def test_many_tasks_wait_without_a_thread_each() -> None:
    """One thread brings the result to all of them."""
    future, results = SharedFuture[str](), list[str]()

    async def waiter() -> None:
        results.append(await wait(future))

    before = set(threading.enumerate())  # some are left by earlier tests, and may end
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(waiter)
        await anyio.wait_all_tasks_blocked()
        assert set(threading.enumerate()) - before == set()
        threading.Thread(target=future.settle, args=("value",)).start()
    assert results == ["value"] * 50
    assert await wait(future) == "value"


@pytest.mark.anyio
async def test_a_result_that_comes_as_a_task_begins_to_wait_is_seen() -> None:
    """Between the look and the wait."""

    class Late(SharedFuture[str]):
        looks = 0

        def done(self) -> bool:
            self.looks += 1
            if self.looks == 2:
                self.settle("value")
            return super().done()

    with anyio.fail_after(LIMIT):
        assert await wait(Late()) == "value"


def test_a_cancelled_wait_leaves_the_future_to_others_and_nothing_in_it() -> None:
    """A source that hangs for minutes would collect a callback of each call that timed out."""
    future = SharedFuture[str]()

    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        with anyio.move_on_after(0):
            await wait(future)
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(main())
    gc.collect()
    assert loop() is None
    future.settle("value")
    assert future.result(0) == "value"


def test_a_result_for_a_loop_that_was_closed_is_ignored() -> None:
    """The task that waited never runs again."""
    future, loop = SharedFuture[str](), asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: None)  # asyncio reports the task
    loop.create_task(wait(future))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    future.settle("value")
    assert future.result(0) == "value"


def test_trio_may_be_the_guest_of_an_asyncio_loop() -> None:
    """There both run, and only trio's own primitives work."""

    async def host() -> str:
        loop = asyncio.get_running_loop()
        outcome = loop.create_future()

        async def guest() -> str:
            return await wait(run_in_thread(lambda: "value", name="lookup"))

        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda done: outcome.set_result(done.unwrap()),
        )
        result: str = await outcome
        return result

    assert asyncio.run(host()) == "value"


def test_a_lock_is_held_by_one_thread_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child has a lock of its own: there the parent's is held, and nobody would release it."""
    lock, here = ProcessLock(), os.getpid()
    with lock():
        assert lock() is lock()
        assert not run_in_thread(lambda: lock().acquire(blocking=False), name="other").result(LIMIT)
        monkeypatch.setattr(os, "getpid", lambda: here + 1)
        assert run_in_thread(lambda: lock().acquire(blocking=False), name="child").result(LIMIT)


def test_no_thread_is_started_under_a_lock(
    kind: str, service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under gevent, to start a thread is to switch to one that may want the lock: a deadlock."""
    locks, started, start = list[Any](), list[tuple[str, bool]](), threading.Thread.start

    def new_lock() -> object:
        locks.append(threading.RLock())
        return locks[-1]

    def recorded(thread: threading.Thread) -> None:
        started.append((thread.name, any(lock._is_owned() for lock in locks)))
        start(thread)

    for module in ("_threads", "_http.pool"):
        monkeypatch.setattr(f"codepipeline_client.{module}.RLock", new_lock)
    monkeypatch.setattr(threading.Thread, "start", recorded)
    url = service.endpoint_url.replace("127.0.0.1", "localhost")
    with opened(kind, **options_for(service, endpoint_url=url, credentials=lambda: service.credentials)) as client:
        client.get_pipeline_execution(**INPUT)
    ours = [is_locked for name, is_locked in started if name.startswith("codepipeline_client")]
    assert len(ours) >= 2, "the lookup and the credentials"
    assert len(locks) >= 2
    assert not any(ours)


def test_threads_wait_at_queues_that_may_be_replaced_after_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """As gevent does: Python's own would stop all greenlets."""

    class Replaced(queue.Queue[Any]):
        """It stands in for gevent's."""

    monkeypatch.setattr(queue, "SimpleQueue", Replaced)
    assert isinstance(new_queue(), Replaced)
    future = SharedFuture[str]()
    threading.Timer(0.01, future.settle, ["value"]).start()
    assert future.result(LIMIT) == "value"
