"""The scheduler of many: which execution is polled next and when, and how each ends, for any order of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from math import inf
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codepipeline_client import (
    CodePipelineError,
    ConfigurationError,
    CredentialsError,
    FollowedExecution,
    ParameterValidationError,
    ParameterViolation,
    PipelineExecution,
    PipelineExecutionReference,
    ResponseMetadata,
    ServiceError,
    WaitTimeoutError,
)
from codepipeline_client._polling.batch import BatchScheduler, Poll
from codepipeline_client._polling.schedule import PollSchedule
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.operations.get_pipeline_execution import GetPipelineExecutionOutput
from codepipeline_client.testing import make_pipeline_execution
from codepipeline_client.waiting import PollConfig

USUAL: Final[dict[str, Any]] = {
    "timeout": 600.0,
    "poll_interval": 2.0,
    "max_poll_interval": 30.0,
    "not_found_grace": 0.0,
}
Outcome = str | CodePipelineError
"""What comes of a poll: a status, or a failure."""


def references(number: int) -> list[PipelineExecutionReference]:
    return [PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000") for place in range(number)]


A, B, C, D = references(4)


def about(expected: float) -> object:
    """Return what equals *expected* up to the rounding of floats."""
    return pytest.approx(expected, rel=1e-6, abs=1e-5)


def batch(
    references: Iterable[PipelineExecutionReference],
    *,
    rate: float = 10.0,
    most: int = 8,
    chance: Callable[[], float] = lambda: 0.5,
    **changes: Any,
) -> BatchScheduler:
    """Return a scheduler whose pauses are as long as its intervals, unless *chance* is another."""
    config = PollConfig(**{**USUAL, **changes})
    return BatchScheduler(references, config, max_calls_per_second=rate, max_in_flight=most, chance=chance)


def seen(reference: PipelineExecutionReference, status: str = "InProgress") -> PipelineExecution:
    name, execution_id = reference.pipeline_name, reference.pipeline_execution_id
    return make_pipeline_execution(pipeline_name=name, pipeline_execution_id=execution_id, status=status)


def refused(code: str, status: int = 400, *, attempts: int = 1) -> ServiceError:
    error = SERVICE_ERRORS.get(code, ServiceError)(
        "", code=code, http_status_code=status, request_id=None, operation_name="GetPipelineExecution"
    )
    error.attempts = attempts
    return error


def output(
    reference: PipelineExecutionReference, status: str = "InProgress", *, attempts: int = 1
) -> GetPipelineExecutionOutput:
    metadata = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=attempts)
    return GetPipelineExecutionOutput(pipeline_execution=seen(reference, status), response_metadata=metadata, raw={})


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


def test_all_are_polled_at_once_and_in_order_as_far_as_the_rate_allows() -> None:
    """Each one later than the one before."""
    scheduler = batch([A, B, C], rate=4.0)
    assert started(scheduler, 0.0).schedule.reference == A
    assert pause(scheduler, 0.0) == about(0.25)
    assert started(scheduler, 0.25).schedule.reference == B
    assert started(scheduler, 0.5).schedule.reference == C
    assert [schedule.reference for schedule in scheduler.in_flight] == [A, B, C]


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


def test_one_that_comes_twice_is_followed_once() -> None:
    """And where it came first."""
    scheduler = batch(iter([A, B, A, B]), rate=1000.0)
    for place, reference in enumerate([A, B]):
        assert polled(scheduler, place / 10, "Succeeded") == reference
        assert [end.reference for end in taken(scheduler)] == [reference]
    assert scheduler.next(0.2) is None


@pytest.mark.parametrize("timeout", [None, 600.0])
def test_no_more_polls_are_in_flight_than_may_be(timeout: float | None) -> None:
    """The next begins when one has ended; until then only the time counts."""
    scheduler = batch([A, B, C], most=2, rate=1000.0, timeout=timeout)
    first, _ = started(scheduler, 0.0), started(scheduler, 1.0)
    assert pause(scheduler, 2.0) == (inf if timeout is None else 598.0)
    end(scheduler, first, "InProgress", 3.0)
    assert started(scheduler, 3.0).schedule.reference == C
    assert pause(scheduler, 3.1) == (inf if timeout is None else about(596.9))


def test_a_poll_may_take_what_is_left_of_the_time() -> None:
    """But ten seconds at most: a hung one is soon made again."""
    for timeout, within in ((5.0, 3.5), (11.5, 10.0), (600.0, 10.0), (None, 10.0)):
        assert started(batch([A], timeout=timeout), 1.5).timeout == within


@pytest.mark.parametrize(
    ("failure", "wait"),
    [
        pytest.param(refused("InternalFailure", 500, attempts=3), 0.3, id="retried"),
        pytest.param(refused("ThrottlingException"), 1 / 7, id="throttled"),
        pytest.param(refused("TooManyRequests", 429), 1 / 7, id="throttled-by-status"),
        pytest.param(refused("PipelineNotFoundException"), 0.1, id="refused"),
        pytest.param(
            ParameterValidationError("GetPipelineExecution", (ParameterViolation("x", "y"),)), 0.0, id="unsent"
        ),
    ],
)
def test_the_rate_limit_counts_each_request(failure: CodePipelineError, wait: float) -> None:
    """Retries, too; and a throttle lowers it."""
    scheduler = batch([A, B], rate=10.0)
    polled(scheduler, 0.0, failure)
    taken(scheduler)
    step = scheduler.next(0.0)
    assert (0.0 if isinstance(step, Poll) else step) == about(wait)


@pytest.mark.parametrize(("attempts", "wait"), [(1, 0.1), (3, 0.3)])
def test_the_rate_limit_counts_each_request_of_a_success(attempts: int, wait: float) -> None:
    """The output says how many there were."""
    scheduler = batch([A, B], rate=10.0)
    scheduler.record(started(scheduler, 0.0), output(A, attempts=attempts), 0.0)
    assert pause(scheduler, 0.0) == about(wait)


def test_throttles_of_polls_that_were_in_flight_together_count_once() -> None:
    """Those that began before the rate was cut tell nothing new."""
    scheduler = batch([A, B, C], rate=10.0)
    first, second = started(scheduler, 0.0), started(scheduler, 0.1)
    end(scheduler, first, refused("ThrottlingException"), 0.1)
    end(scheduler, second, refused("ThrottlingException"), 0.1)
    assert pause(scheduler, 0.1) == about(1 / 7)


@pytest.mark.parametrize("moment", ["end-of-the-time", "due"])
def test_a_moment_that_no_clock_would_show_does_not_count(moment: str) -> None:
    """To sleep so little could move no clock, and so go on for ever."""
    scheduler = batch([A], timeout=10.0 if moment != "due" else None, most=0 if moment != "due" else 8)
    if moment == "due":
        polled(scheduler, 0.0)
        assert pause(scheduler, 2.0 - 3e-6) > 0
        assert started(scheduler, 2.0 - 5e-7).schedule.reference == A
    else:
        assert pause(scheduler, 10.0 - 3e-6) > 0
        assert scheduler.next(10.0 - 5e-7) is None
        assert taken(scheduler)


@pytest.mark.parametrize(
    ("number", "timeout", "margin"), [(20, 600.0, 2.0), (300, 600.0, 30.0), (900, 600.0, 60.0), (5, 600.0, 1.0)]
)
def test_each_has_a_last_poll(number: int, timeout: float, margin: float) -> None:
    """They begin early enough for the rate, but not before the last tenth of the time."""
    scheduler = batch(references(number), timeout=timeout, poll_interval=300.0, max_poll_interval=300.0)
    polls = simulated(scheduler, latency=lambda: 0.01, outcome=lambda _: "InProgress", seconds=timeout + 1.0)
    last = sorted(moments[-1] for moments in polls.values())
    assert len(last) == number
    assert sum(moment > timeout - margin - 0.1 for moment in last) >= min(number, margin * 10) - 1


# How each ends


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"])
def test_one_with_a_terminal_status_is_to_be_taken_first(status: str) -> None:
    """Until it is taken, nothing else is done."""
    scheduler = batch([A, B])
    polled(scheduler, 0.0, status)
    assert scheduler.next(1.0) is None
    assert taken(scheduler) == [FollowedExecution(A, seen(A, status), None)]
    assert started(scheduler, 1.0).schedule.reference == B


def test_one_that_fails_for_good_does_not_end_the_others() -> None:
    """It comes with what it was last seen as."""
    scheduler = batch([A, B], rate=1000.0)
    polled(scheduler, 0.0)
    polled(scheduler, 0.1)
    denied = refused("AccessDeniedException", 403)
    assert polled(scheduler, 5.0, denied) == A
    [followed] = taken(scheduler)
    assert followed == FollowedExecution(A, seen(A), denied)
    assert followed.error is denied
    assert polled(scheduler, 6.0, "Succeeded") == B


def test_when_the_time_is_over_the_rest_ends() -> None:
    """Those in flight, those that are queued, and those that were never polled."""
    scheduler = batch([A, B, C], rate=1.0, timeout=10.0)
    polled(scheduler, 0.0)
    in_flight = started(scheduler, 1.0)
    assert scheduler.next(10.0) is None
    ends = taken(scheduler)
    assert [followed.reference for followed in ends] == [B, C, A]
    assert [followed.execution for followed in ends] == [None, None, seen(A)]
    assert [getattr(followed.error, "polls", None) for followed in ends] == [0, 0, 1]
    assert {type(followed.error) for followed in ends} == {WaitTimeoutError}
    assert not end(scheduler, in_flight, "Succeeded", 10.1)
    assert not scheduler.ended
    assert scheduler.next(11.0) is None


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ConfigurationError("closed"), id="closed"),
        pytest.param(CredentialsError("none"), id="no-credentials"),
        pytest.param(refused("ExpiredTokenException", 403), id="expired"),
        pytest.param(refused("ExpiredToken", 403), id="expired-by-its-other-name"),
        pytest.param(refused("InvalidClientTokenId", 403), id="unknown-key"),
        pytest.param(refused("UnrecognizedClientException", 403), id="unrecognized"),
    ],
)
def test_what_concerns_all_ends_all_without_a_further_poll(failure: CodePipelineError) -> None:
    """Each with a copy of the error, which says that nothing was sent."""
    failure.__cause__ = KeyError("x")
    scheduler = batch([A, B, C], rate=1000.0)
    polled(scheduler, 0.0)
    in_flight = started(scheduler, 0.1)
    assert polled(scheduler, 0.2, failure) == C
    ends = taken(scheduler)
    assert [(followed.reference, followed.execution) for followed in ends] == [(C, None), (B, None), (A, seen(A))]
    assert ends[0].error is failure
    for followed in ends[1:]:
        assert followed.error is not None
        assert followed.error is not failure
        assert (type(followed.error), followed.error.args) == (type(failure), failure.args)
        assert (followed.error.attempts, followed.error.__cause__) == (0, failure.__cause__)
    assert not end(scheduler, in_flight, "InProgress", 1.0)
    assert scheduler.next(1.0) is None


def test_those_that_end_together_end_in_the_order_in_which_they_were_due() -> None:
    """After those in flight."""
    scheduler = batch([A, B, C, D], rate=1000.0)
    polled(scheduler, 0.0, refused("ThrottlingException"))
    for moment in (0.1, 0.2):
        polled(scheduler, moment)
    polled(scheduler, 0.3, CredentialsError("none"))
    assert [followed.reference for followed in taken(scheduler)] == [D, B, C, A]


def test_all_that_remain_may_be_failed() -> None:
    """Those in flight and those that are queued; none ends twice."""
    scheduler = batch([A, B, C], rate=1000.0)
    polled(scheduler, 0.0, "Succeeded")
    taken(scheduler)
    in_flight = started(scheduler, 0.1)
    for _ in range(2):
        scheduler.fail(ConfigurationError("closed"))
    ends = taken(scheduler)
    assert [(followed.reference, str(followed.error)) for followed in ends] == [(B, "closed"), (C, "closed")]
    assert ends[0].error is not ends[1].error
    assert not end(scheduler, in_flight, "InProgress", 0.2)
    assert scheduler.next(0.3) is None


def test_a_cleared_scheduler_has_nothing_to_do() -> None:
    """It forgets those that were queued, those in flight, and those that had ended."""
    scheduler = batch([A, B, C], rate=1000.0)
    polled(scheduler, 0.0)
    in_flight = started(scheduler, 0.1)
    polled(scheduler, 0.2, "Failed")
    scheduler.clear()
    assert scheduler.next(0.3) is None
    assert not end(scheduler, in_flight, "Failed", 0.4)
    assert not scheduler.ended


# Interrupts and cancellations


def test_after_an_interrupt_those_in_flight_are_due_since_they_were_started() -> None:
    """The poll does not count, and what comes of it is not recorded."""
    scheduler = batch([A, B], rate=1000.0)
    interrupted = started(scheduler, 0.0)
    polled(scheduler, 1.0)
    scheduler.requeue()
    scheduler.requeue()
    assert interrupted.schedule.polls == 0
    again = started(scheduler, 60.0)
    assert again.schedule is interrupted.schedule
    assert not end(scheduler, interrupted, "Failed", 60.1)
    assert end(scheduler, again, "InProgress", 60.2)
    assert polled(scheduler, 60.3) == B


def test_after_an_interrupt_none_is_lost_and_none_ends_twice() -> None:
    """Wherever it came: between two places, one is in neither; one that has ended may still be in both."""
    scheduler = batch([A, B, C], rate=1000.0)
    lost = started(scheduler, 0.0)
    del scheduler.in_flight[lost.schedule]
    twice = started(scheduler, 0.1).schedule
    scheduler.ended.append(FollowedExecution(twice.reference, seen(twice.reference, "Failed")))
    scheduler.requeue()
    assert [followed.reference for followed in taken(scheduler)] == [B]
    for moment, reference in ((1.0, C), (2.0, A)):
        assert polled(scheduler, moment, "Succeeded") == reference
        taken(scheduler)
    assert scheduler.next(3.0) is None


# Fairness


def simulated(
    scheduler: BatchScheduler, *, latency: Callable[[], float], outcome: Callable[[PollSchedule], str], seconds: float
) -> dict[PipelineExecutionReference, list[float]]:
    """Make polls for so many seconds, and return when each execution was polled."""
    now, numbers = 0.0, count()
    in_flight: list[tuple[float, int, Poll]] = []
    polls: dict[PipelineExecutionReference, list[float]] = {}
    while now < seconds:
        scheduler.ended.clear()
        while in_flight and in_flight[0][0] <= now:
            _, _, poll = in_flight.pop(0)
            end(scheduler, poll, outcome(poll.schedule), now)
        step = scheduler.next(now)
        if isinstance(step, Poll):
            polls.setdefault(step.schedule.reference, []).append(now)
            in_flight.append((now + latency(), next(numbers), step))
            in_flight.sort()
        elif step is None and not scheduler.ended:
            break
        elif step is not None:
            now = min(now + step, in_flight[0][0] if in_flight else inf)
    return polls


# Any order


@settings(max_examples=60)
@given(st.data(), st.integers(0, 12), st.integers(1, 4), st.sampled_from([None, 5.0, 60.0]))
def test_whatever_happens_each_ends_exactly_once(
    data: st.DataObject, number: int, most: int, timeout: float | None
) -> None:
    """In any order of polls that end, fail, are interrupted or end too late."""
    scheduler = batch(
        references(number), most=most, timeout=timeout, rate=data.draw(st.sampled_from([0.5, 10.0, 1000.0]))
    )
    outcomes = st.sampled_from(
        [*("InProgress", "Stopping", "Succeeded", "Failed", "ThrottlingException", "AccessDeniedException"), "keys", ""]
    )
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
            what = data.draw(outcomes) if moment < 100 else "Succeeded"
            now += data.draw(st.floats(0.0, 3.0)) if moment < 100 else 0.0
            if what == "":
                scheduler.requeue()
                assert not end(scheduler, poll, "Failed", now)
            elif what == "keys":
                end(scheduler, poll, CredentialsError("none"), now)
            else:
                end(scheduler, poll, refused(what) if what.endswith("Exception") else what, now)
    else:
        pytest.fail("it went on for ever")
    assert sorted(ended, key=references(number).index) == references(number)


def test_an_execution_that_an_interrupt_left_in_the_queue_twice_ends_once() -> None:
    scheduler = batch([A])
    (schedule,) = scheduler._remaining.values()  # pyright: ignore[reportPrivateUsage] - as an interrupt leaves it
    scheduler._push(schedule, 0.0)  # pyright: ignore[reportPrivateUsage]
    scheduler.fail(CredentialsError("none"))
    assert [end.reference for end in scheduler.ended] == [A]
