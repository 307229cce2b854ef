"""Results of threads: awaited by threads and by tasks, on whatever event loop."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from concurrent.futures import CancelledError

import anyio
import pytest
import trio

from codepipeline_client._threads import ProcessLock, SharedFuture, run_in_thread, running_library, wait

LIMIT = 10.0
BACKENDS = ["asyncio", "trio"]


def test_work_runs_in_a_daemon_thread_with_its_name() -> None:
    """A thread that hangs must not keep the program from ending."""
    thread = run_in_thread(threading.current_thread, name="lookup").result(LIMIT)
    assert (thread.name, thread.daemon) == ("lookup", True)


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit()], ids=["error", "exit"])
def test_what_work_raises_is_raised_for_those_who_wait(error: BaseException) -> None:
    """Nobody is left waiting, even if the thread exits."""

    def fail() -> None:
        raise error

    assert run_in_thread(fail, name="lookup").exception(LIMIT) is error


@pytest.mark.parametrize("outcome", [None, ValueError("no")], ids=["result", "error"])
def test_the_end_of_work_that_nobody_wants_is_ignored(outcome: Exception | None) -> None:
    """The future may have been cancelled, or given a result by another."""
    gate = threading.Event()

    def work() -> None:
        gate.wait(LIMIT)
        if outcome is not None:
            raise outcome

    before = set(threading.enumerate())
    future = run_in_thread(work, name="lookup")
    (thread,) = set(threading.enumerate()) - before
    future.cancel()
    gate.set()
    thread.join(LIMIT)
    assert future.cancelled()


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_tasks_wait_without_a_thread_each(backend: str) -> None:
    """One thread brings the result to all of them."""

    async def main() -> None:
        future, results = SharedFuture[str](), list[str]()

        async def waiter() -> None:
            results.append(await wait(future))

        before = set(threading.enumerate())  # some are left by earlier tests, and may end meanwhile
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(waiter)
            await anyio.wait_all_tasks_blocked()
            assert set(threading.enumerate()) - before == set()
            threading.Thread(target=future.settle, args=("value",)).start()
        assert results == ["value"] * 50
        assert await wait(future) == "value"

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [ValueError, CancelledError])
def test_tasks_get_the_error_of_a_future(kind: type[Exception], backend: str) -> None:
    """Also that of a future that was cancelled, while they waited."""

    async def main() -> None:
        future = SharedFuture[str]()
        end = future.cancel if kind is CancelledError else lambda: future.settle_with(kind())
        async with anyio.create_task_group() as tasks:

            async def waiter() -> None:
                with pytest.raises(kind):
                    await wait(future)

            tasks.start_soon(waiter)
            await anyio.wait_all_tasks_blocked()
            end()

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_result_that_comes_as_a_task_begins_to_wait_is_seen(backend: str) -> None:
    """Between the look and the wait."""

    class Late(SharedFuture[str]):
        looks = 0

        def done(self) -> bool:
            self.looks += 1
            if self.looks == 2:
                self.settle("value")
            return super().done()

    async def main() -> None:
        with anyio.fail_after(LIMIT):
            assert await wait(Late()) == "value"

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancelled_wait_leaves_the_future_to_others(backend: str) -> None:
    """Also to those who wait after the event loop has ended."""
    future = SharedFuture[str]()

    async def main() -> None:
        with anyio.move_on_after(0):
            await wait(future)
        assert not future.cancelled()

    anyio.run(main, backend=backend)
    future.settle("value")
    assert future.result(0) == "value"


def test_a_cancelled_wait_leaves_nothing_in_the_future() -> None:
    """A source that hangs for minutes would collect a callback of each call that timed out."""
    future = SharedFuture[str]()

    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        with anyio.move_on_after(0):
            await wait(future)
        return weakref.ref(asyncio.get_running_loop())

    loop = asyncio.run(main())
    gc.collect()
    assert not future.done()
    assert loop() is None


def test_a_result_for_a_loop_that_was_closed_is_ignored() -> None:
    """The task that waited never runs again."""
    future, loop = SharedFuture[str](), asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: None)  # asyncio reports the task
    loop.create_task(wait(future))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    future.settle("value")
    assert future.result(0) == "value"


def test_trio_is_seen_as_the_guest_of_an_asyncio_loop() -> None:
    """There both run, and only trio's own primitives work."""

    async def host() -> str:
        loop = asyncio.get_running_loop()
        outcome = loop.create_future()

        async def guest() -> str:
            value = await wait(run_in_thread(lambda: "value", name="lookup"))
            return f"{value} on {running_library()}"

        trio.lowlevel.start_guest_run(
            guest,
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=lambda done: outcome.set_result(done.unwrap()),
        )
        result: str = await outcome
        return f"{result}, hosted by {running_library()}"

    assert asyncio.run(host()) == "value on trio, hosted by asyncio"


def test_one_thread_at_a_time_holds_it() -> None:
    lock, inside, most = ProcessLock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(500):
            with lock():
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_another_process_has_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork, by the child's own number: the parent's lock is held, and nobody there will release it."""
    lock, here = ProcessLock(), os.getpid()
    with lock(), monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: here + 1)
        for _ in range(2):
            with lock():
                pass
