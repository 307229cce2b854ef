"""Clocks and deadlines, and how closing a client ends what waits."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from math import inf

import anyio
import pytest

from codepipeline_client.clock import Clock, ClosableClock, Deadline, SystemClock
from codepipeline_client.testing import FakeClock

SOON = 10


@pytest.mark.parametrize(
    ("seconds", "passed", "left", "limit", "within"),
    [
        pytest.param(None, 1e9, inf, None, None, id="no-limit-at-all"),
        pytest.param(None, 1e9, inf, 5.0, 5.0, id="only-the-steps-own"),
        pytest.param(5.0, 2.0, 3.0, None, 3.0, id="only-the-calls"),
        pytest.param(5.0, 2.0, 3.0, 5.0, 3.0, id="the-call-ends-first"),
        pytest.param(5.0, 2.0, 3.0, 1.0, 1.0, id="the-step-ends-first"),
        pytest.param(5.0, 5.0, 0.0, 5.0, 0.0, id="over"),
        pytest.param(5.0, 7.0, -2.0, 5.0, 0.0, id="long-over"),
    ],
)
def test_a_step_has_its_own_limit_or_what_is_left_of_the_deadline(
    seconds: float | None, passed: float, left: float, limit: float | None, within: float | None
) -> None:
    clock = FakeClock()
    deadline = Deadline(seconds, clock.monotonic)
    clock.sleep(passed)
    assert (deadline.seconds, deadline.left(), deadline.within(limit)) == (seconds, left, within)


@pytest.mark.anyio
async def test_the_system_clock_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Clock = SystemClock()
    assert isinstance(clock, Clock)
    assert not isinstance(time, Clock)
    assert abs(clock.time() - time.time()) < 60
    before = clock.monotonic()
    clock.sleep(0.01)
    await clock.sleep_async(0.01)
    monkeypatch.setattr(time, "monotonic", lambda: before)  # as freezegun does
    assert clock.monotonic() - before >= 0.02


# Sleeps that a close ends


@pytest.mark.anyio
async def test_after_a_close_nothing_is_waited_for() -> None:
    clock = ClosableClock(SystemClock())
    clock.close()
    clock.sleep(1e6)
    with anyio.fail_after(SOON):
        await clock.sleep_async(1e6)
        assert await clock.wait(work("never", seconds=SOON), inf) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_closes_its_own_copy() -> None:
    """Though a thread of the parent sleeps, which the child does not have."""
    clock = ClosableClock(SystemClock())
    asleep = threading.Thread(target=clock.sleep, args=(1e6,), daemon=True)
    asleep.start()
    child = os.fork()
    if child == 0:
        threading.Timer(SOON, os._exit, (1,)).start()
        clock.close()
        clock.sleep(1e6)
        os._exit(0 if clock.is_closed else 2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not clock.is_closed
    assert asleep.is_alive()
    clock.close()
    asleep.join(SOON)
    assert not asleep.is_alive()


# Work that is waited for


async def work(result: object, *, seconds: float = 0.0) -> object:
    await anyio.sleep(seconds)
    if isinstance(result, Exception):
        raise result
    return result


@pytest.mark.anyio
async def test_work_is_cut_off_at_its_time() -> None:
    """Its own TimeoutError is no cutoff."""
    wait = ClosableClock(SystemClock()).wait
    assert await wait(work("never", seconds=SOON), 0.01) is None
    assert await wait(work("in time"), SOON) == "in time"
    assert await wait(work("no limit"), inf) == "no limit"
    with pytest.raises(TimeoutError, match="the work's own"):
        await wait(work(TimeoutError("the work's own")), SOON)


@pytest.mark.anyio
async def test_work_that_lingers_is_cut_off_again() -> None:
    """A transport may wait again when it is cancelled: for a goodbye, say."""

    async def linger() -> object:
        try:
            await anyio.sleep(SOON)
        finally:
            await anyio.sleep(SOON)
            raise AssertionError("it lingered")

    with anyio.fail_after(SOON / 2):
        assert await ClosableClock(SystemClock()).wait(linger(), 0.01) is None


@pytest.mark.anyio
async def test_a_cancellation_from_outside_is_passed_on_and_leaves_nothing() -> None:
    """A client lives for months, so no cancel scope is kept."""
    clock = ClosableClock(SystemClock())
    with anyio.move_on_after(0.01) as scope:
        await clock.wait(work("never", seconds=SOON), SOON)
        raise AssertionError("it was not cancelled")
    assert scope.cancelled_caught
    assert clock._closed.wakers == set()  # pyright: ignore[reportPrivateUsage] - nothing else shows it


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_close_that_comes_as_the_work_ends_is_too_late(anyio_backend: str) -> None:
    """It finds nothing to cut off, and the event loop has nothing to complain of, which would fail the test."""
    clock, result = ClosableClock(SystemClock()), asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(clock.wait(result, SOON))
    await asyncio.sleep(0)
    result.set_result("whole")
    clock.close()
    assert await waiting == "whole"
    await asyncio.sleep(0)
