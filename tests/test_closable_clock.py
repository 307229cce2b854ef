"""ClosableClock: how a close ends them, wherever they are."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable
from math import inf

import anyio
import pytest

from codepipeline_client.clock import ClosableClock, SystemClock
from codepipeline_client.testing import FakeClock

SOON = 10


class Sleepless(SystemClock):
    """The machine's clock, if nobody ended its sleeps."""

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        return anyio.sleep_forever()


async def bring(what: str, *, after: float = 0.0) -> str:
    await anyio.sleep(after)
    return what


def test_a_close_ends_the_pause_of_each_thread() -> None:
    clock = ClosableClock(SystemClock())
    threads = [threading.Thread(target=clock.sleep, args=(1e6,), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert not clock.is_closed
    clock.close()
    for thread in threads:
        thread.join(SOON)
    assert not any(thread.is_alive() for thread in threads)
    assert clock.is_closed


def test_a_clock_of_ones_own_sleeps_itself() -> None:
    clock = FakeClock()
    ClosableClock(clock).sleep(1e6)
    assert clock.slept == (1e6,)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_close_ends_the_pause_of_each_task(backend: str) -> None:
    clock = ClosableClock(Sleepless())

    async def main() -> None:
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(clock.sleep_async, 1e6)
                await anyio.wait_all_tasks_blocked()
                clock.close()

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_close_ends_the_pause_in_another_loop(backend: str) -> None:
    """From a thread that has no loop, or another one."""
    clock, asleep = ClosableClock(Sleepless()), threading.Event()

    async def main() -> None:
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(clock.sleep_async, 1e6)
                await anyio.wait_all_tasks_blocked()
                asleep.set()

    other = threading.Thread(target=anyio.run, args=(main,), kwargs={"backend": backend}, daemon=True)
    other.start()
    assert asleep.wait(SOON)
    clock.close()
    other.join(SOON)
    assert not other.is_alive()


def test_a_close_does_not_mind_a_loop_that_ended_in_a_pause() -> None:
    clock = ClosableClock(Sleepless())
    loop = asyncio.new_event_loop()
    task = loop.create_task(clock.sleep_async(1e6))
    loop.run_until_complete(asyncio.sleep(0))
    clock.close()
    loop.run_until_complete(task)
    loop.close()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_pause_is_forgotten(backend: str) -> None:
    """By who keeps the scopes, too: a client lives for months."""
    clock = ClosableClock(Sleepless())

    async def main() -> None:
        with anyio.move_on_after(0):
            await clock.sleep_async(1e6)

    anyio.run(main, backend=backend)
    assert clock._scopes == {}  # pyright: ignore[reportPrivateUsage] - nothing else tells


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_pause_that_begins_after_the_close_is_none(backend: str) -> None:
    """Whoever looked before the close, from another thread, and sleeps after it."""
    clock = ClosableClock(SystemClock())
    clock.close()
    clock.sleep(1e6)

    async def main() -> None:
        with anyio.fail_after(SOON):
            await clock.sleep_async(1e6)

    anyio.run(main, backend=backend)


BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


@BACKENDS
def test_what_is_waited_for_ends_at_its_time(backend: str) -> None:
    async def main() -> list[object]:
        wait = ClosableClock(SystemClock()).wait
        return [
            await wait(bring("never", after=SOON), 0.01),
            await wait(bring("in time"), SOON),
            await wait(bring("limitless"), inf),
        ]

    assert anyio.run(main, backend=backend) == [None, "in time", "limitless"]


@BACKENDS
def test_nothing_is_waited_for_after_the_end(backend: str) -> None:
    async def main() -> object:
        clock = ClosableClock(SystemClock())
        clock.close()
        return await clock.wait(bring("never", after=SOON), SOON)

    assert anyio.run(main, backend=backend) is None


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_work_of_others_is_cut_off_until_it_has_ended(backend: str) -> None:
    """A transport may wait again when it is told to end: for a goodbye, say."""
    ends = list[str]()

    async def linger() -> None:
        try:
            await anyio.sleep(SOON)
        finally:
            ends.append("told")
            await anyio.sleep(10 * SOON)
            ends.append("outrun")

    async def main() -> object:
        with anyio.fail_after(SOON):
            return await ClosableClock(SystemClock()).wait(linger(), 0.01)

    assert anyio.run(main, backend=backend) is None
    assert ends == ["told"]


@BACKENDS
def test_an_error_of_the_work_is_no_cutoff(backend: str) -> None:
    """Not even the one that asyncio itself tells of a cutoff with."""

    async def fail() -> None:
        raise TimeoutError("the work's own")

    async def main() -> None:
        with pytest.raises(TimeoutError, match="the work's own"):
            await ClosableClock(SystemClock()).wait(fail(), SOON)

    anyio.run(main, backend=backend)


@BACKENDS
def test_a_cancellation_from_outside_is_no_cutoff(backend: str) -> None:
    """Whoever cancelled gets it, and not the one who waits."""
    came = list[object]()

    async def main() -> None:
        with anyio.move_on_after(0.01) as scope:
            came.append(await ClosableClock(SystemClock()).wait(bring("never", after=SOON), SOON))
        assert scope.cancelled_caught

    anyio.run(main, backend=backend)
    assert came == []


def test_a_close_that_comes_as_the_work_ends_is_too_late() -> None:
    """It finds nothing to cut off, and says nothing."""
    complaints = list[dict[str, object]]()

    async def main() -> str | None:
        loop, clock = asyncio.get_running_loop(), ClosableClock(SystemClock())
        loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
        work = loop.create_future()
        waiting = asyncio.ensure_future(clock.wait(work, SOON))
        await asyncio.sleep(0)
        work.set_result("whole")
        clock.close()
        came = await waiting
        await asyncio.sleep(0)
        return came

    assert asyncio.run(main()) == "whole"
    assert complaints == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_closes_its_own_copy() -> None:
    """Though a thread of the parent sleeps, which the child does not have."""
    clock = ClosableClock(SystemClock())
    asleep = threading.Thread(target=clock.sleep, args=(1e6,), daemon=True)
    asleep.start()
    while not clock._sleepers:  # pyright: ignore[reportPrivateUsage] - nothing else tells
        time.sleep(0)
    child = os.fork()
    if child == 0:
        threading.Timer(SOON, os._exit, (1,)).start()
        clock.close()
        os._exit(0 if clock.is_closed else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not clock.is_closed
    assert asleep.is_alive()
    clock.close()
    asleep.join(SOON)
    assert not asleep.is_alive()
