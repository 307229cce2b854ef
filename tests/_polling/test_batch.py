"""The scheduler of many executions: which is polled next and when, and how each ends, for any order of outcomes."""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codepipeline_client import FollowedExecution, GetPipelineExecutionOutput, PipelineExecutionReference, errors
from codepipeline_client._polling.batch import BatchScheduler, Poll
from tests.outcomes import about, config, output, references, refused, seen

Outcome = str | errors.CodePipelineError
"""What comes of a poll: a status, or a failure."""

A, B, C, D = references(4)


def batch(
    executions: Collection[PipelineExecutionReference], *, rate: float = 10.0, most: int = 8, **changes: Any
) -> BatchScheduler:
    """Return a scheduler whose pauses are as long as its intervals."""
    return BatchScheduler(executions, config(**changes), rate, lambda: 0.5, max_in_flight=most)


def started(scheduler: BatchScheduler, elapsed: float) -> Poll:
    """Return the poll to make, which there must be."""
    step = scheduler.next(elapsed)
    assert isinstance(step, Poll), step
    return step


def pause(scheduler: BatchScheduler, elapsed: float) -> float:
    """Return for how long there is no poll to make, which must be so."""
    step = scheduler.next(elapsed)
    assert isinstance(step, float), step
    return step


def end(scheduler: BatchScheduler, poll: Poll, outcome: Outcome, elapsed: float) -> bool:
    """End a poll, and return whether that was recorded."""
    result = output(poll.schedule.reference, outcome) if isinstance(outcome, str) else outcome
    return scheduler.record(poll, result, elapsed) is not None


def polled(scheduler: BatchScheduler, elapsed: float, outcome: Outcome = "InProgress") -> PipelineExecutionReference:
    """Make the next poll in no time, and return whose it was."""
    poll = started(scheduler, elapsed)
    assert end(scheduler, poll, outcome, elapsed)
    return poll.schedule.reference


def taken(scheduler: BatchScheduler) -> list[FollowedExecution]:
    """Take the executions that have ended."""
    ends = list(scheduler.ended)
    scheduler.ended.clear()
    return ends


# Which is next, and when


def test_each_is_polled_again_by_its_own_schedule() -> None:
    """Two seconds after its poll has ended, however long others take."""
    scheduler = batch([A, B])
    polled(scheduler, 0.0)
    slow = started(scheduler, 0.1)
    assert pause(scheduler, 0.1) == about(1.9)
    assert polled(scheduler, 2.0) == A
    assert end(scheduler, slow, "InProgress", 3.0)
    assert pause(scheduler, 3.0) == about(2.0)  # A's second poll saw no change, so its third is 3 seconds later


def test_the_one_that_has_been_due_the_longest_is_next() -> None:
    """Not the one that was polled the longest ago, nor the first in the list."""
    scheduler = batch([A, B, C], rate=1000.0)
    polled(scheduler, 0.0)
    polled(scheduler, 0.01, refused("ThrottlingException"))  # and so due after 4 seconds
    polled(scheduler, 0.02)
    assert [started(scheduler, 10.0 + place).schedule.reference for place in range(3)] == [A, C, B]


@pytest.mark.parametrize("timeout", [None, 600.0])
def test_no_more_polls_are_in_flight_than_may_be(timeout: float | None) -> None:
    """The next begins when one has ended; until then only the time counts."""
    scheduler = batch([A, B, C], most=2, rate=1000.0, timeout=timeout)
    first, _ = started(scheduler, 0.0), started(scheduler, 1.0)
    assert pause(scheduler, 2.0) == (inf if timeout is None else 598.0)
    end(scheduler, first, "InProgress", 3.0)
    assert started(scheduler, 3.0).schedule.reference == C


@pytest.mark.parametrize(("timeout", "within"), [(5.0, 3.5), (11.5, 10.0), (600.0, 10.0), (None, 10.0)])
def test_a_poll_may_take_what_is_left_of_the_time(timeout: float | None, within: float) -> None:
    """But ten seconds at most: a hung one is soon made again."""
    assert started(batch([A], timeout=timeout), 1.5).timeout == within


@pytest.mark.parametrize(
    ("outcome", "wait"),
    [
        pytest.param(output(A), 0.1, id="success"),
        pytest.param(output(A, attempts=3), 0.3, id="success-retried"),
        pytest.param(refused("InternalFailure", 500, attempts=3), 0.3, id="retried"),
        pytest.param(refused("ThrottlingException"), 1 / 7, id="throttled"),
        pytest.param(refused("TooManyRequests", 429), 1 / 7, id="throttled-by-status"),
        pytest.param(refused("PipelineNotFoundException"), 0.1, id="refused"),
        pytest.param(
            errors.ParameterValidationError("GetPipelineExecution", (errors.ParameterViolation("x", "y"),)),
            0.0,
            id="unsent",
        ),
    ],
)
def test_the_rate_limit_counts_each_request(
    outcome: errors.CodePipelineError | GetPipelineExecutionOutput, wait: float
) -> None:
    """Retries, too; and a throttle lowers it."""
    scheduler = batch([A, B], rate=10.0)
    scheduler.record(started(scheduler, 0.0), outcome, 0.0)
    taken(scheduler)
    step = scheduler.next(0.0)
    assert (0.0 if isinstance(step, Poll) else step) == about(wait)


def test_throttles_of_polls_that_were_in_flight_together_count_once() -> None:
    """The second one began before the rate was cut."""
    scheduler = batch([A, B, C], rate=10.0)
    first, second = started(scheduler, 0.0), started(scheduler, 0.1)
    end(scheduler, first, refused("ThrottlingException"), 0.1)
    end(scheduler, second, refused("ThrottlingException"), 0.1)
    assert pause(scheduler, 0.1) == about(1 / 7)


def test_seconds_too_few_for_a_clock_do_not_count() -> None:
    """To sleep so little could move no clock, and so go on for ever: before a poll, and before the end of the time."""
    scheduler = batch([A], timeout=None)
    polled(scheduler, 0.0)
    assert pause(scheduler, 2.0 - 3e-6) > 0
    assert started(scheduler, 2.0 - 5e-7).schedule.reference == A
    scheduler = batch([A], timeout=10.0, most=0)
    assert pause(scheduler, 10.0 - 3e-6) > 0
    assert scheduler.next(10.0 - 5e-7) is None
    assert taken(scheduler)


@pytest.mark.parametrize(("number", "margin"), [(20, 2.0), (300, 30.0), (900, 60.0), (5, 1.0)])
def test_each_has_a_last_poll(number: int, margin: float) -> None:
    """They begin early enough for the rate, but not before the last tenth of the time."""
    scheduler = batch(references(number), timeout=600.0, poll_interval=300.0, max_poll_interval=300.0)
    last: dict[PipelineExecutionReference, float] = {}
    now = 0.0
    while (step := scheduler.next(now)) is not None or scheduler.ended:
        scheduler.ended.clear()
        if isinstance(step, Poll):
            last[step.schedule.reference] = now
            end(scheduler, step, "InProgress", now)
        elif step is not None:
            now += step
    assert len(last) == number
    assert sum(moment > 600.0 - margin - 0.1 for moment in last.values()) >= min(number, margin * 10) - 1


# How each ends


def test_when_the_time_is_over_the_rest_ends() -> None:
    """Those in flight, those that are queued, and those that were never polled."""
    scheduler = batch([A, B, C], rate=1.0, timeout=10.0)
    polled(scheduler, 0.0)
    in_flight = started(scheduler, 1.0)
    assert scheduler.next(10.0) is None
    ends = taken(scheduler)
    assert [(followed.reference, followed.execution) for followed in ends] == [(B, None), (C, None), (A, seen(A))]
    assert [getattr(followed.error, "polls", None) for followed in ends] == [0, 0, 1]
    assert {type(followed.error) for followed in ends} == {errors.WaitTimeoutError}
    assert not end(scheduler, in_flight, "Succeeded", 10.1)
    assert scheduler.next(11.0) is None


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(errors.ConfigurationError("closed"), id="closed"),
        pytest.param(errors.CredentialsError("none"), id="no-credentials"),
        pytest.param(refused("ExpiredTokenException", 403), id="expired"),
        pytest.param(refused("ExpiredToken", 403), id="expired-by-its-other-name"),
        pytest.param(refused("InvalidClientTokenId", 403), id="unknown-access-key"),
        pytest.param(refused("UnrecognizedClientException", 403), id="unrecognized"),
    ],
)
def test_what_concerns_all_ends_all_without_a_further_poll(failure: errors.CodePipelineError) -> None:
    """In the order in which they were due, each with a copy of the error, which says that nothing was sent."""
    failure.__cause__ = KeyError("x")
    scheduler = batch([A, B, C, D], rate=1000.0)
    polled(scheduler, 0.0, refused("ThrottlingException"))
    polled(scheduler, 0.1)
    in_flight = started(scheduler, 0.2)
    assert polled(scheduler, 0.3, failure) == D
    first, *others = taken(scheduler)
    assert first == FollowedExecution(D, None, failure)
    assert [(each.reference, each.execution) for each in others] == [(C, None), (B, seen(B)), (A, None)]
    assert len({id(each.error) for each in (first, *others)}) == 4
    for each in others:
        assert each.error is not None
        assert (type(each.error), each.error.args) == (type(failure), failure.args)
        assert (each.error.attempts, each.error.__cause__) == (0, failure.__cause__)
    assert not end(scheduler, in_flight, "InProgress", 1.0)
    assert scheduler.next(1.0) is None


# Interrupts and cancellations


def test_after_an_interrupt_those_in_flight_are_polled_again() -> None:
    """They are due as before. The interrupted poll does not count, and its outcome is not recorded."""
    scheduler = batch([A, B], rate=1000.0)
    interrupted = started(scheduler, 0.0)
    polled(scheduler, 1.0)
    scheduler.requeue()
    again = started(scheduler, 60.0)
    assert again.schedule is interrupted.schedule
    assert again.schedule.polls == 0
    assert not end(scheduler, interrupted, "Failed", 60.1)
    assert end(scheduler, again, "InProgress", 60.2)
    assert polled(scheduler, 60.3) == B


@settings(max_examples=60)
@given(st.data(), st.integers(0, 12), st.integers(1, 4), st.sampled_from([None, 5.0, 60.0]))
def test_whatever_happens_each_ends_exactly_once(
    data: st.DataObject, number: int, most: int, timeout: float | None
) -> None:
    """In any order of polls that end, fail, are interrupted or end too late."""
    failures = {code: refused(code) for code in ("ThrottlingException", "AccessDeniedException")}
    outcomes: dict[str, Outcome] = {"credentials": errors.CredentialsError("none"), **failures}
    outcomes |= {status: status for status in ("InProgress", "Stopping", "Succeeded", "Failed")}
    rate = data.draw(st.sampled_from([0.5, 10.0, 1000.0]))
    scheduler = batch(references(number), most=most, timeout=timeout, rate=rate)
    ended: list[PipelineExecutionReference] = []
    now = 0.0
    for moment in range(2000):
        ended += [followed.reference for followed in taken(scheduler)]
        step = scheduler.next(now)
        if step is None and not scheduler.ended:
            break
        assert len(scheduler.in_flight) <= most
        if isinstance(step, float) and not scheduler.in_flight:
            now += step
        elif scheduler.in_flight:
            polls = list(scheduler.in_flight.values())
            poll = data.draw(st.sampled_from(polls)) if moment < 100 else polls[0]
            what = data.draw(st.sampled_from([*outcomes, "interrupt"])) if moment < 100 else "Succeeded"
            now += data.draw(st.floats(0.0, 3.0)) if moment < 100 else 0.0
            if what == "interrupt":
                scheduler.requeue()
                assert not end(scheduler, poll, "Failed", now)
            else:
                end(scheduler, poll, outcomes[what], now)
    else:
        pytest.fail("it went on for ever")
    assert sorted(ended, key=references(number).index) == references(number)
