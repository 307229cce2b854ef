"""Pauses: how a close ends them, wherever they are."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from functools import partial
from typing import Any

import anyio
import pytest

from codepipeline_client._pauses import Cutoffs, Pauses, SystemClock
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
    pauses = Pauses(SystemClock())
    threads = [threading.Thread(target=pauses.sleep, args=(1e6,), daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert not pauses.are_over
    pauses.end()
    for thread in threads:
        thread.join(SOON)
    assert not any(thread.is_alive() for thread in threads)
    assert pauses.are_over


def test_a_clock_of_ones_own_sleeps_itself() -> None:
    clock = FakeClock()
    Pauses(clock).sleep(1e6)
    assert clock.slept == (1e6,)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_close_ends_the_pause_of_each_task(backend: str) -> None:
    pauses = Pauses(Sleepless())

    async def main() -> None:
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(pauses.sleep_async, 1e6)
                await anyio.wait_all_tasks_blocked()
                pauses.end()

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_close_ends_the_pause_in_another_loop(backend: str) -> None:
    """From a thread that has no loop, or another one."""
    pauses, asleep = Pauses(Sleepless()), threading.Event()

    async def main() -> None:
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(pauses.sleep_async, 1e6)
                await anyio.wait_all_tasks_blocked()
                asleep.set()

    other = threading.Thread(target=anyio.run, args=(main,), kwargs={"backend": backend}, daemon=True)
    other.start()
    assert asleep.wait(SOON)
    pauses.end()
    other.join(SOON)
    assert not other.is_alive()


def test_a_close_does_not_mind_a_loop_that_ended_in_a_pause() -> None:
    pauses = Pauses(Sleepless())
    loop = asyncio.new_event_loop()
    task = loop.create_task(pauses.sleep_async(1e6))
    loop.run_until_complete(asyncio.sleep(0))
    pauses.end()
    loop.run_until_complete(task)
    loop.close()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_pause_is_forgotten(backend: str) -> None:
    """By who keeps the scopes, too: a client lives for months."""
    pauses = Pauses(Sleepless())

    async def main() -> None:
        with anyio.move_on_after(0):
            await pauses.sleep_async(1e6)

    anyio.run(main, backend=backend)
    assert pauses.cutoffs._cuts == {}  # pyright: ignore[reportPrivateUsage] - nothing else tells


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_pause_that_begins_after_the_close_is_none(backend: str) -> None:
    """Whoever looked before the close, from another thread, and sleeps after it."""
    pauses = Pauses(SystemClock())
    pauses.end()
    pauses.sleep(1e6)

    async def main() -> None:
        with anyio.fail_after(SOON):
            await pauses.sleep_async(1e6)

    anyio.run(main, backend=backend)


WAYS = pytest.mark.parametrize(
    ("backend", "is_ours"),
    [
        pytest.param("asyncio", True, id="asyncio-ours"),
        pytest.param("asyncio", False, id="asyncio-others"),
        pytest.param("trio", True, id="trio"),
    ],
)


@WAYS
def test_what_is_waited_for_ends_at_its_time(backend: str, is_ours: bool) -> None:
    async def main() -> list[object]:
        wait = partial(Cutoffs().wait, is_ours=is_ours)
        return [
            await wait(bring("never", after=SOON), 0.01),
            await wait(bring("in time"), SOON),
            await wait(bring("limitless"), None),
        ]

    assert anyio.run(main, backend=backend) == [None, "in time", "limitless"]


@WAYS
def test_nothing_is_waited_for_after_the_end(backend: str, is_ours: bool) -> None:
    async def main() -> object:
        cutoffs = Cutoffs()
        cutoffs.end()
        return await cutoffs.wait(bring("never", after=SOON), SOON, is_ours=is_ours)

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
            return await Cutoffs().wait(linger(), 0.01, is_ours=False)

    assert anyio.run(main, backend=backend) is None
    assert ends == ["told"]


@WAYS
def test_an_error_of_the_work_is_no_cutoff(backend: str, is_ours: bool) -> None:
    """Not even the one that asyncio itself tells of a cutoff with."""

    async def fail() -> None:
        raise TimeoutError("the work's own")

    async def main() -> None:
        with pytest.raises(TimeoutError, match="the work's own"):
            await Cutoffs().wait(fail(), SOON, is_ours=is_ours)

    anyio.run(main, backend=backend)


@WAYS
def test_a_cancellation_from_outside_is_no_cutoff(backend: str, is_ours: bool) -> None:
    """Whoever cancelled gets it, and not the one who waits."""
    came = list[object]()

    async def main() -> None:
        with anyio.move_on_after(0.01) as scope:
            came.append(await Cutoffs().wait(bring("never", after=SOON), SOON, is_ours=is_ours))
        assert scope.cancelled_caught

    anyio.run(main, backend=backend)
    assert came == []


def test_a_close_that_comes_as_the_work_ends_is_too_late() -> None:
    """It finds nothing to cut off, and says nothing."""
    complaints = list[dict[str, object]]()

    async def main() -> str | None:
        loop, cutoffs = asyncio.get_running_loop(), Cutoffs()
        loop.set_exception_handler(lambda _, complaint: complaints.append(complaint))
        work = loop.create_future()
        waiting = asyncio.ensure_future(cutoffs.wait(work, SOON, is_ours=True))
        await asyncio.sleep(0)
        work.set_result("whole")
        cutoffs.end()
        came = await waiting
        await asyncio.sleep(0)
        return came

    assert asyncio.run(main()) == "whole"
    assert complaints == []


class Rung(asyncio.SelectorEventLoop):
    """An event loop that knows its timers."""

    def __init__(self) -> None:
        super().__init__()
        self.rung: list[asyncio.TimerHandle] = []

    def call_at(  # type: ignore[override]  # the base ties the arguments to the callback
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """Set one, and keep it."""
        self.rung.append(super().call_at(when, callback, *args, context=context))
        return self.rung[-1]


def test_one_timer_serves_all_who_wait_equally_long() -> None:
    """Nearly all of what is waited for ends by itself, and a timer for each would cost more than that is worth."""

    async def main() -> tuple[list[str | None], int]:
        loop, cutoffs = asyncio.get_running_loop(), Cutoffs()
        assert isinstance(loop, Rung)
        came = [await cutoffs.wait(bring("it"), SOON, is_ours=True) for _ in range(50)]
        return came, len(loop.rung)

    with asyncio.Runner(loop_factory=Rung) as runner:
        assert runner.run(main()) == (["it"] * 50, 1)


def test_whoever_waits_is_cut_off_at_his_own_time() -> None:
    """Not with the others, neither before nor after: whoever came first, and whoever waits for less."""
    waits = [5.0, 0.06, 0.02, 0.04, 0.02, None]

    async def main() -> dict[float | None, float]:
        loop, cutoffs = asyncio.get_running_loop(), Cutoffs()
        began, took = loop.time(), dict[float | None, float]()

        async def wait(seconds: float | None) -> None:
            assert await cutoffs.wait(loop.create_future(), seconds, is_ours=True) is None
            took[seconds] = loop.time() - began

        async with asyncio.timeout(SOON), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(wait(seconds)) for seconds in waits]
            await asyncio.wait(running[1:-1])
            assert not running[0].done()
            assert not running[-1].done()
            cutoffs.end()
        return took

    took = asyncio.run(main())
    for seconds in (0.02, 0.04, 0.06):
        assert seconds - 0.01 <= took[seconds] < 4


def test_a_timer_does_not_outlive_what_it_was_for() -> None:
    """A program may have a client for each request, and each of them a timeout of hours."""

    async def main() -> list[bool]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Rung)
        for end in (Cutoffs.end, Cutoffs.drop):
            cutoffs = Cutoffs()
            assert await cutoffs.wait(bring("it"), 1e6, is_ours=True) == "it"
            end(cutoffs)
        await asyncio.sleep(0)
        cutoffs = Cutoffs()
        cutoffs.drop()
        assert await cutoffs.wait(loop.create_future(), 0.01, is_ours=True) is None
        return [timer.cancelled() for timer in loop.rung]

    with asyncio.Runner(loop_factory=Rung) as runner:
        assert runner.run(main()) == [True, True, False]


def test_each_event_loop_has_its_own_timer() -> None:
    """A client may outlive the loop that it was first used in, with what nobody waited for to the end there."""
    cutoffs = Cutoffs()

    async def main(seconds: float) -> object:
        wait = cutoffs.wait(asyncio.get_running_loop().create_future(), seconds, is_ours=True)
        return await asyncio.wait_for(wait, None if seconds < SOON else 0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(main(SOON))
    assert [asyncio.run(main(0.01)) for _ in range(2)] == [None, None]


def test_what_a_closed_loop_left_behind_is_in_nobodys_way() -> None:
    """Whoever still waited in it is never cut off, and ends when the garbage collector finds him."""
    cutoffs, loop = Cutoffs(), asyncio.new_event_loop()

    async def wait() -> object:
        return await cutoffs.wait(asyncio.get_running_loop().create_future(), 0.01, is_ours=True)

    loop.set_exception_handler(lambda _, __: None)  # it complains of tasks that did not end
    left = wait()
    task = loop.create_task(left)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert asyncio.run(wait()) is None
    left.close()
    cutoffs.end()
    assert not task.done()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_closes_its_own_copy() -> None:
    """Even when a thread of the parent was about to sleep, which the child does not have."""
    pauses = Pauses(SystemClock())
    asleep = threading.Thread(target=pauses.sleep, args=(1e6,), daemon=True)
    asleep.start()
    with pauses._waker()._cond:  # type: ignore[attr-defined] # pyright: ignore - what a sleeper holds for a moment
        child = os.fork()
        if child == 0:
            threading.Timer(SOON, os._exit, (1,)).start()
            pauses.end()
            os._exit(0 if pauses.are_over else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not pauses.are_over
    assert asleep.is_alive()
    pauses.end()
    asleep.join(SOON)
