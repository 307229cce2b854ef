"""Clocks and deadlines: the time of the machine, and how much of it a call has left."""

from __future__ import annotations

import time
from math import inf
from typing import Any

import anyio
import pytest

from codepipeline_client.clock import Clock, Deadline, SystemClock


class Ticking:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "passed", "left", "over"),
    [
        pytest.param(None, 1e9, inf, False, id="no-limit"),
        pytest.param(3.0, 0.0, 3.0, False, id="fresh"),
        pytest.param(3.0, 2.0, 1.0, False, id="some-left"),
        pytest.param(3.0, 3.0, 0.0, True, id="over"),
        pytest.param(3.0, 5.0, -2.0, True, id="long-over"),
    ],
)
def test_a_deadline_tells_what_is_left(seconds: float | None, passed: float, left: float, over: bool) -> None:
    clock = Ticking()
    deadline = Deadline(seconds, clock.monotonic)
    clock.now += passed
    assert deadline.left() == left
    assert deadline.has_passed is over
    assert deadline.seconds == seconds


@pytest.mark.parametrize(
    ("left", "wanted", "may"),
    [
        pytest.param(None, None, None, id="no-limit-at-all"),
        pytest.param(None, 5.0, 5.0, id="only-the-steps-own"),
        pytest.param(3.0, None, 3.0, id="only-the-calls"),
        pytest.param(3.0, 5.0, 3.0, id="the-call-ends-first"),
        pytest.param(3.0, 1.0, 1.0, id="the-step-ends-first"),
    ],
)
def test_a_step_may_take_the_smaller_of_the_two(left: float | None, wanted: float | None, may: float | None) -> None:
    assert Deadline(left, Ticking().monotonic).within(wanted) == may


def test_a_step_after_the_end_may_take_no_time_but_never_less() -> None:
    clock = Ticking()
    deadline = Deadline(1.0, clock.monotonic)
    clock.now += 9.0
    assert deadline.within(None) == deadline.within(5.0) == 0.0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_system_clock_tells_the_machines_time_and_sleeps(backend: str) -> None:
    clock: Clock = SystemClock()
    assert abs(clock.time() - time.time()) < 60
    before = clock.monotonic()
    clock.sleep(0.01)
    anyio.run(clock.sleep_async, 0.01, backend=backend)
    assert clock.monotonic() - before >= 0.02
    assert isinstance(clock, Clock)
    assert not isinstance(time, Clock)


def test_a_clock_that_inherits_from_the_protocol_inherits_no_behaviour() -> None:
    class Bare(Clock):
        pass

    kind: Any = Bare
    clock = kind()
    assert [clock.time(), clock.monotonic(), clock.sleep(1), clock.sleep_async(1)] == [None] * 4
