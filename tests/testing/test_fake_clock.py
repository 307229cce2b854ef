"""The clock of tests: sleeping takes no time and is recorded."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import anyio
import pytest

from codepipeline_client import Clock
from codepipeline_client.testing import FakeClock


def test_it_begins_at_a_fixed_instant_unless_another_is_given() -> None:
    """The same on every machine, every day; and it fits where a client wants a clock."""
    clock: Clock = FakeClock()
    assert (clock.time(), clock.monotonic()) == (1_767_225_600.0, 0.0)
    assert FakeClock(start=5).time() == 5
    assert repr(FakeClock(start=5.5)) == "<FakeClock 5.5 after 0.0 s>"


def test_a_sleep_moves_it_at_once_and_is_recorded() -> None:
    clock = FakeClock(start=100)
    clock.sleep(86_400)
    clock.advance(0.5)
    clock.sleep(0)
    assert (clock.time(), clock.monotonic(), clock.slept) == (86_500.5, 86_400.5, (86_400, 0))


@pytest.mark.anyio
async def test_an_async_sleep_lets_other_tasks_run() -> None:
    clock, seen = FakeClock(), list[str]()

    async def sleeper(name: str) -> None:
        for _ in range(2):
            await clock.sleep_async(10)
            seen.append(name)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(sleeper, "a")
        tasks.start_soon(sleeper, "b")
    assert sorted(seen[:2]) == sorted(seen[2:]) == ["a", "b"]
    assert (clock.monotonic(), clock.slept) == (40, (10, 10, 10, 10))


@pytest.mark.anyio
async def test_a_cancelled_task_sleeps_nothing() -> None:
    """As with a real sleep, the cancellation arrives while it waits."""
    clock = FakeClock()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await clock.sleep_async(10)
    assert scope.cancelled_caught
    assert (clock.monotonic(), clock.slept) == (0, ())


def test_threads_lose_nothing() -> None:
    clock = FakeClock()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(clock.sleep, [1] * 4000))
    assert (clock.monotonic(), len(clock.slept)) == (4000, 4000)


@pytest.mark.parametrize("seconds", [-0.001, -math.inf, math.inf, math.nan])
def test_time_runs_forwards_and_comes_to_an_end(seconds: float) -> None:
    clock = FakeClock()
    with pytest.raises(ValueError, match="sleep must"):
        clock.sleep(seconds)
    with pytest.raises(ValueError, match="sleep must"):
        anyio.run(clock.sleep_async, seconds)
    with pytest.raises(ValueError, match="advance must"):
        clock.advance(seconds)
    assert (clock.monotonic(), clock.slept) == (0, ())
    if not math.isfinite(seconds):
        with pytest.raises(ValueError, match="start must be a finite number of seconds"):
            FakeClock(start=seconds)
