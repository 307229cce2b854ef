"""The schedule of one execution: when it is polled, what is overlooked and when the wait is over."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Sequence
from itertools import count, repeat
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import (
    CodePipelineError,
    ConfigurationError,
    ConnectionFailedError,
    CredentialsError,
    PipelineExecution,
    PipelineExecutionReference,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    TransportError,
    WaitTimeoutError,
)
from codepipeline_client._polling.schedule import PollSchedule
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.testing import make_pipeline_execution
from codepipeline_client.waiting import PollConfig

Outcome = PipelineExecution | CodePipelineError

WEEK: Final = 7 * 86400.0
USUAL: Final[dict[str, Any]] = {
    "timeout": 600.0,
    "poll_interval": 2.0,
    "max_poll_interval": 30.0,
    "not_found_grace": 0.0,
}


def seen(status: str = "InProgress", **fields: Any) -> PipelineExecution:
    return make_pipeline_execution(status=status, **fields)


def refused(code: str, status: int = 400) -> ServiceError:
    return SERVICE_ERRORS.get(code, ServiceError)(
        "", code=code, http_status_code=status, request_id=None, operation_name="GetPipelineExecution"
    )


def hopeless() -> ConnectionFailedError:
    failure = ConnectionFailedError("no such host")
    failure.may_pass = False
    return failure


def odd(status: int = 200) -> ResponseDecodeError:
    return ResponseDecodeError("odd", http_status_code=status, request_id=None)


def late(limit: str) -> RequestTimeoutError:
    return RequestTimeoutError("silent", limit=limit)


THROTTLE: Final = refused("ThrottlingException")
LOST: Final = refused("PipelineExecutionNotFoundException")
REFERENCE: Final = PipelineExecutionReference(seen().pipeline_name, seen().pipeline_execution_id)


def schedule(chance: float = 0.5, **changes: Any) -> PollSchedule:
    """Return a schedule whose pauses are as long as its intervals, unless *chance* is another."""
    return PollSchedule(REFERENCE, PollConfig(**{**USUAL, **changes}), chance=lambda: chance)


def paused(polls: PollSchedule, outcome: Outcome, elapsed: float) -> float:
    """Record a poll after which the wait goes on, and return the pause."""
    pause = polls.record(outcome, elapsed).pause
    assert pause is not None, polls.error
    return pause


def ended(polls: PollSchedule, outcome: Outcome, elapsed: float) -> CodePipelineError | None:
    """Record a poll that ends the wait, and return what it failed with."""
    assert polls.record(outcome, elapsed).pause is None
    return polls.error


def walk(polls: PollSchedule, *outcomes: Outcome) -> list[float]:
    """Poll in no time, and return the pauses after each outcome."""
    pauses: list[float] = []
    for outcome in outcomes:
        pauses.append(paused(polls, outcome, sum(pauses)))
    return pauses


def run_out(polls: PollSchedule, outcomes: Iterator[Outcome]) -> tuple[float, WaitTimeoutError]:
    """Poll in no time until the time is over; return when the last poll was, and the error."""
    elapsed = 0.0
    for outcome in outcomes:
        pause = polls.record(outcome, elapsed).pause
        if pause is None:
            assert isinstance(polls.error, WaitTimeoutError)
            return elapsed, polls.error
        elapsed += pause
    raise AssertionError("there were too few outcomes")


# Pauses


def test_pauses_grow_while_nothing_changes() -> None:
    """By half each time, up to the longest."""
    pauses = walk(schedule(), *[seen()] * 11)
    assert pauses == pytest.approx([2.0, 3.0, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30.0, 30.0, 30.0, 30.0])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(seen("Stopping"), id="status"),
        pytest.param(seen("Paused"), id="unknown-status"),
        pytest.param(seen(status_summary="waits for an approval"), id="summary"),
        pytest.param(seen(artifact_revisions=()), id="revisions"),
    ],
)
def test_after_a_change_the_interval_is_short_again(change: PipelineExecution) -> None:
    """Whatever changed: where something has happened, more may."""
    assert walk(schedule(), seen(), seen(), seen(), change, change, seen()) == [2.0, 3.0, 4.5, 2.0, 3.0, 2.0]


def test_a_throttle_doubles_the_interval() -> None:
    """It stays so until there is a change."""
    pauses = walk(schedule(), THROTTLE, THROTTLE, seen(), seen(), THROTTLE, seen(), seen("Stopping"))
    assert pauses == [4.0, 8.0, 2.0, 3.0, 6.0, 9.0, 2.0]


@pytest.mark.parametrize("failure", [refused("500", 500), ConnectionFailedError("reset"), odd()], ids=repr)
def test_another_failure_is_like_a_poll_without_a_change(failure: CodePipelineError) -> None:
    """It says nothing about how many calls there may be."""
    assert walk(schedule(), failure, failure, seen(), failure, failure) == [3.0, 4.5, 2.0, 3.0, 4.5]


@pytest.mark.parametrize("failure", [THROTTLE, odd()], ids=["throttle", "odd"])
def test_no_pause_is_longer_than_the_longest(failure: CodePipelineError) -> None:
    """However often a poll fails, and whatever chance says."""
    assert max(walk(schedule(chance=0.999, max_poll_interval=5.0), *[failure] * 9)) == 5.0


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.75), (0.25, 0.875), (0.5, 1.0), (0.999, 1.2495)])
def test_pauses_are_randomised(chance: float, factor: float) -> None:
    """By a quarter to both sides, so that many that began together do not poll together."""
    assert walk(schedule(chance), seen(), seen()) == pytest.approx([2.0 * factor, 3.0 * factor])


def test_while_it_is_not_found_the_interval_stays() -> None:
    """It will be there in a moment, or never."""
    pauses = walk(schedule(not_found_grace=9.0), LOST, LOST, LOST, seen(), seen(), LOST, LOST)
    assert pauses == [2.0, 2.0, 2.0, 2.0, 3.0, 2.0, 2.0]


def test_an_approval_of_a_week_is_a_bounded_number_of_polls() -> None:
    """Two a minute, and some more at the beginning."""
    polls = PollSchedule(REFERENCE, PollConfig(None, 2.0, 30.0, 0.0), chance=Random(7).random)
    elapsed = 0.0
    while elapsed < WEEK:
        elapsed += paused(polls, seen(), elapsed)
    assert ended(polls, seen("Succeeded"), elapsed) is None
    assert WEEK / 30 < polls.polls < WEEK / 30 * 1.1


# The end of the time


@pytest.mark.parametrize(
    ("timeout", "last"),
    [pytest.param(600.0, 599.0, id="long"), pytest.param(10.0, 9.0, id="ten"), pytest.param(0.5, 0.45, id="short")],
)
@pytest.mark.parametrize("outcome", [seen(), THROTTLE, odd(), LOST], ids=["seen", "throttle", "odd", "not-found"])
def test_the_last_poll_is_shortly_before_the_end(timeout: float, last: float, outcome: Outcome) -> None:
    """So that its response still counts. It is one poll, whatever comes of it."""
    polls = schedule(timeout=timeout, not_found_grace=WEEK)
    elapsed, error = run_out(polls, repeat(outcome))
    assert elapsed == pytest.approx(last)
    assert error.seconds == elapsed
    assert error.__cause__ is (None if isinstance(outcome, PipelineExecution) else outcome)


def test_a_service_that_throttles_every_poll_is_not_polled_faster_at_the_end() -> None:
    """Twenty seconds are four polls: after 0, 4, 12 and 19 seconds."""
    assert run_out(schedule(timeout=20.0), repeat(THROTTLE))[1].polls == 4


@pytest.mark.parametrize(("elapsed", "pause"), [(8.0, 1.0), (7.0, 2.0)], ids=["cut-short", "as-it-comes"])
def test_a_clock_that_falls_short_makes_no_second_last_poll(elapsed: float, pause: float) -> None:
    """The pause before it was a little too short."""
    polls = schedule(timeout=10.0)
    assert paused(polls, seen(), elapsed) == pause
    assert isinstance(ended(polls, seen(), 8.999), WaitTimeoutError)


def test_a_poll_that_takes_all_the_time_was_the_last() -> None:
    """It began in time, and nothing is left for another."""
    error = ended(schedule(), late("timeout"), 600.0)
    assert isinstance(error, WaitTimeoutError)
    assert (error.polls, error.failures) == (1, 1)


@pytest.mark.parametrize("elapsed", [599.0, 600.0, 6000.0])
def test_a_terminal_status_counts_however_late_it_is_seen(elapsed: float) -> None:
    """The response is there: why not return it?"""
    assert ended(schedule(), seen("Failed"), elapsed) is None


@pytest.mark.parametrize("failure", [refused("AccessDeniedException"), LOST])
def test_what_cannot_pass_is_raised_at_the_end_of_the_time_too(failure: CodePipelineError) -> None:
    """It says more than that the time is over."""
    assert ended(schedule(), failure, 600.0) is failure


def test_without_a_limit_the_wait_goes_on() -> None:
    """For a year and longer."""
    polls = schedule(timeout=None)
    assert paused(polls, seen(), 0.0) == 2.0
    assert paused(polls, seen(), 1e9) == 3.0
    assert polls.poll_timeout(1e9) is None


@pytest.mark.parametrize(
    ("timeout", "elapsed", "expected"),
    [
        pytest.param(600.0, 0.0, 600.0, id="all"),
        pytest.param(600.0, 590.0, 10.0, id="what-is-left"),
        pytest.param(600.0, 599.0, 1.0, id="last-poll"),
        pytest.param(600.0, 601.0, 1.0, id="too-late"),
        pytest.param(2.0, 9.0, 0.2, id="too-late-in-a-short-wait"),
    ],
)
def test_a_poll_may_take_what_is_left(timeout: float, elapsed: float, expected: float) -> None:
    """A machine that was asleep when the time ended makes its last poll all the same."""
    assert schedule(timeout=timeout).poll_timeout(elapsed) == pytest.approx(expected)


# What ends a wait


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"])
def test_a_terminal_status_ends_the_wait(status: str) -> None:
    """A successful one or not."""
    polls = schedule()
    assert ended(polls, seen(status), 0.0) is None
    assert polls.execution == seen(status)


@pytest.mark.parametrize("status", ["InProgress", "Stopping", "Paused", "succeeded", ""])
def test_another_status_does_not(status: str) -> None:
    """Stopping may still become Succeeded, and who knows what a new status means."""
    assert paused(schedule(), seen(status), 0.0) == 2.0


PASSING: Final[dict[str, CodePipelineError]] = {
    "throttled": THROTTLE,
    "throttled-bare": refused("429", 429),
    "throttled-503": refused("SlowDown", 503),
    "500": refused("InternalFailure", 500),
    "503-bare": refused("503", 503),
    "520": refused("520", 520),
    "529-with-a-code": refused("BrandNewException", 529),
    "408-bare": refused("408", 408),
    "425-bare": refused("425", 425),
    "aborted": refused("RequestAbortedException"),
    "odd-408": odd(408),
    "odd-520": odd(520),
    "reset": ConnectionFailedError("reset"),
    "transport": TransportError("broke"),
    "read-timeout": late("read_timeout"),
    "connect-timeout": late("connect_timeout"),
    "timeout": late("timeout"),
    "odd": odd(),
}
UNTRUSTED: Final[dict[str, CodePipelineError]] = {
    "redirect": refused("302", 302),
    "page-404": refused("404", 404),
    "page-403": refused("403", 403),
    "odd-302": odd(302),
    "odd-400": odd(400),
}
LASTING: Final[dict[str, CodePipelineError]] = {
    "execution-not-found": LOST,
    "pipeline-not-found": refused("PipelineNotFoundException"),
    "denied": refused("AccessDeniedException", 403),
    "expired": refused("ExpiredTokenException", 403),
    "unknown-key": refused("UnrecognizedClientException", 403),
    "validation": refused("ValidationException"),
    "unknown-code": refused("BrandNewException"),
    "not-implemented": refused("InternalFailure", 501),
    "not-implemented-bare": refused("501", 501),
    "http-version": refused("505", 505),
    "odd-501": odd(501),
    "credentials": CredentialsError("none"),
    "configuration": ConfigurationError("this client is closed"),
    "another": CodePipelineError("?"),
}


@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("before", [True, False], ids=["seen-before", "first"])
def test_what_may_pass_is_counted_and_goes_on(failure: CodePipelineError, before: bool) -> None:
    """Neither the first poll nor a later one ends by it."""
    polls = schedule()
    if before:
        polls.record(seen(), 0.0)
    paused(polls, failure, 1.0)
    assert (polls.polls, polls.failures) == (1 + before, 1)
    assert polls.execution == (seen() if before else None)


@pytest.mark.parametrize("failure", UNTRUSTED.values(), ids=UNTRUSTED)
def test_a_response_that_is_not_the_services_passes_once_the_execution_was_seen(failure: CodePipelineError) -> None:
    """The page of a proxy says nothing then. Before, the endpoint may be a wrong one."""
    assert ended(schedule(), failure, 1.0) is failure
    polls = schedule()
    polls.record(seen(), 0.0)
    paused(polls, failure, 1.0)
    assert polls.failures == 1


@pytest.mark.parametrize("failure", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("before", [True, False], ids=["seen-before", "first"])
def test_what_cannot_pass_ends_the_wait_at_once(failure: CodePipelineError, before: bool) -> None:
    """The error itself is raised, and is no failure that was overlooked."""
    polls = schedule()
    if before:
        polls.record(seen(), 0.0)
    assert ended(polls, failure, 1.0) is failure
    assert (polls.polls, polls.failures) == (1 + before, 0)


@pytest.mark.parametrize("response", [seen(), THROTTLE, odd()], ids=["execution", "error", "odd"])
def test_a_host_that_was_found_once_will_be_found_again(response: Outcome) -> None:
    """A resolver that fails for an hour ends no wait; a name that is wrong from the beginning does."""
    assert isinstance(ended(schedule(), hopeless(), 0.0), ConnectionFailedError)
    polls = schedule()
    walk(polls, ConnectionFailedError("refused"), late("connect_timeout"))
    assert isinstance(ended(polls, hopeless(), 9.0), ConnectionFailedError)
    polls = schedule()
    walk(polls, response, hopeless(), hopeless())
    assert polls.failures == 2 + isinstance(response, CodePipelineError)


@pytest.mark.parametrize("code", ["PipelineExecutionNotFoundException", "PipelineNotFoundException"])
@pytest.mark.parametrize(
    ("outcomes", "ends"),
    [
        pytest.param([(None, 0.0), (None, 4.9)], False, id="within"),
        pytest.param([(None, 5.0)], True, id="past"),
        pytest.param([(None, 1.0), (seen(), 4.0), (None, 8.9)], False, id="within-since-seen"),
        pytest.param([(None, 1.0), (seen(), 4.0), (None, 9.0)], True, id="past-since-seen"),
        pytest.param([(seen(), 4.0), (THROTTLE, 8.0), (None, 9.0)], True, id="a-throttle-does-not-count"),
    ],
)
def test_not_found_passes_within_the_grace(code: str, outcomes: list[tuple[Outcome | None, float]], ends: bool) -> None:
    """From the beginning, or since it was last seen; it is a poll, and no failure."""
    polls = schedule(not_found_grace=5.0)
    *before, (last, at) = [(outcome or refused(code), at) for outcome, at in outcomes]
    for outcome, elapsed in before:
        paused(polls, outcome, elapsed)
    if ends:
        assert ended(polls, last, at) is last
    else:
        assert paused(polls, last, at) == 2.0
    assert polls.polls == len(outcomes)
    assert polls.failures == sum(outcome is THROTTLE for outcome, _ in outcomes)


def test_without_a_grace_there_is_none() -> None:
    """Not even for a poll that took no time."""
    assert ended(schedule(), LOST, 0.0) is LOST


# The error of a wait


def error_after(*outcomes: Outcome, **changes: Any) -> WaitTimeoutError:
    polls = schedule(**changes)
    *before, last = outcomes
    for number, outcome in enumerate(before):
        polls.record(outcome, float(number))
    error = ended(polls, last, 600.0)
    assert isinstance(error, WaitTimeoutError)
    return error


def test_a_timeout_says_what_was_seen_and_how_often_it_was_polled() -> None:
    """And that the execution itself goes on."""
    error = error_after(THROTTLE, seen("Stopping"), odd(), seen("Stopping"))
    assert str(error) == (
        f"execution {REFERENCE.pipeline_execution_id} of pipeline web was still Stopping after 600.0 seconds "
        "(4 polls, 2 of them failed): the wait is over, the execution itself goes on"
    )
    assert (error.execution, error.polls, error.failures, error.seconds) == (seen("Stopping"), 4, 2, 600.0)
    assert error.attempts == 0
    assert error.__cause__ is None


@pytest.mark.parametrize("last", [THROTTLE, odd(), late("timeout")], ids=["throttle", "odd", "timeout"])
def test_a_failure_of_the_last_poll_is_the_cause(last: CodePipelineError) -> None:
    """Only of the last. If all polls failed, the message ends with it."""
    assert error_after(seen(), last).__cause__ is last
    assert error_after(last, seen()).__cause__ is None
    error = error_after(last, last)
    assert error.execution is None
    assert error.__cause__ is last
    assert "was not seen within 600.0 seconds (2 polls, 2 of them failed)" in str(error)
    assert str(error).endswith(f"; the last poll failed: {last}")


def test_not_found_at_the_end_of_the_time_is_the_cause() -> None:
    """When the grace is as long as the wait."""
    error = error_after(LOST, not_found_grace=1e6)
    assert error.__cause__ is LOST
    assert (error.polls, error.failures, error.execution) == (1, 0, None)


def test_a_timeout_survives_pickle_and_copy() -> None:
    """With all that it knows."""
    error = error_after(seen(), THROTTLE)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is WaitTimeoutError
        assert (str(twin), vars(twin)) == (str(error), vars(error))
        assert isinstance(twin, TimeoutError)


def test_a_long_status_does_not_fill_the_message() -> None:
    """The service may say what it likes."""
    assert len(str(error_after(seen("x" * 100_000)))) < 400


def test_a_wait_may_time_out_at_any_moment() -> None:
    """Among many, also before the first poll."""
    polls = schedule()
    error = polls.timed_out(3.0)
    assert (error.polls, error.failures, error.seconds, error.__cause__) == (0, 0, 3.0, None)
    assert str(error).endswith("the execution goes on if there is one")
    polls.record(THROTTLE, 4.0)
    error = polls.timed_out(5.0)
    assert (error.polls, error.failures, error.seconds, error.__cause__) == (1, 1, 5.0, THROTTLE)


def test_each_poll_is_reported() -> None:
    """What it saw or failed with, and the pause after it."""
    polls = schedule()
    outcomes: list[Outcome] = [seen(), THROTTLE, seen(), seen("Succeeded")]
    reports = [polls.record(outcome, place * 60.0) for place, outcome in enumerate(outcomes)]
    assert {report.reference for report in reports} == {REFERENCE}
    assert [report.number for report in reports] == [1, 2, 3, 4]
    assert [report.seconds for report in reports] == [0.0, 60.0, 120.0, 180.0]
    assert [report.execution for report in reports] == [seen(), None, seen(), seen("Succeeded")]
    assert [report.failure for report in reports] == [None, THROTTLE, None, None]
    assert [report.pause for report in reports] == [2.0, 4.0, 6.0, None]


# Any order of outcomes


@given(st.floats(0.01, 300.0), st.floats(0.1, 60.0), st.integers())
def test_every_wait_with_a_limit_ends(factor: float, interval: float, seed: int) -> None:
    """After no more polls than its shortest pauses allow, and never after its time."""
    random, timeout = Random(seed), interval * factor
    polls = PollSchedule(REFERENCE, PollConfig(timeout, interval, 60.0, 0.0), chance=random.random)
    outcomes: Sequence[Outcome] = [seen(), seen("Stopping"), *PASSING.values()]
    elapsed, error = run_out(polls, (random.choice(outcomes) for _ in count()))
    assert elapsed <= timeout
    assert error.polls <= timeout / (0.75 * interval) + 2
