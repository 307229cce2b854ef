"""Pauses: how a close ends them, wherever they are."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable

import anyio
import pytest

from codepipeline_client._pauses import Pauses, SystemClock
from codepipeline_client.testing import FakeClock

SOON = 10


class Sleepless(SystemClock):
    """The machine's clock, if nobody ended its sleeps."""

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        return anyio.sleep_forever()


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
    assert pauses._scopes == {}  # pyright: ignore[reportPrivateUsage] - nothing else tells


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
