"""The schedule of one execution: when it is polled, which failures it overlooks, and when the wait is over."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, repeat
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import GetPipelineExecutionOutput, errors
from codepipeline_client._polling.schedule import PollOutcome, PollSchedule
from tests.outcomes import config, hopeless, odd, output, references, refused

WEEK: Final = 7 * 86400.0
(REFERENCE,) = references(1)


def seen(status: str = "InProgress", **fields: Any) -> GetPipelineExecutionOutput:
    return output(REFERENCE, status, **fields)


def late(limit: str) -> errors.RequestTimeoutError:
    return errors.RequestTimeoutError("silent", limit=limit)


THROTTLE: Final = refused("ThrottlingException")
NOT_FOUND: Final = refused("PipelineExecutionNotFoundException")


def schedule(chance: float = 0.5, **changes: Any) -> PollSchedule:
    """Return a schedule whose pauses are as long as its intervals, unless *chance* is another."""
    return PollSchedule(REFERENCE, config(**changes), lambda: chance)


def paused(polls: PollSchedule, outcome: PollOutcome, elapsed: float) -> float:
    """Record a poll after which the wait goes on, and return the pause."""
    pause = polls.record(outcome, elapsed).pause
    assert pause is not None, polls.error
    assert polls.due == elapsed + pause
    return pause


def ended(polls: PollSchedule, outcome: PollOutcome, elapsed: float) -> errors.CodePipelineError | None:
    """Record a poll that ends the wait, and return its error."""
    assert polls.record(outcome, elapsed).pause is None
    return polls.error


def walk(polls: PollSchedule, *outcomes: PollOutcome) -> list[float]:
    """Poll in no time, and return the pauses after each outcome."""
    pauses: list[float] = []
    for outcome in outcomes:
        pauses.append(paused(polls, outcome, sum(pauses)))
    return pauses


def run_out(polls: PollSchedule, outcomes: Iterator[PollOutcome]) -> errors.WaitTimeoutError:
    """Poll in no time until the time is over, and return the error."""
    while polls.record(next(outcomes), polls.due).pause is not None:
        pass
    assert isinstance(polls.error, errors.WaitTimeoutError)
    return polls.error


# Pauses


@pytest.mark.parametrize(
    ("outcomes", "pauses"),
    [
        pytest.param([seen()] * 10, [2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30, 30, 30], id="nothing-changes"),
        pytest.param([seen(), seen(), seen("Stopping"), seen("Stopping")], [2, 3, 2, 3], id="status-changes"),
        pytest.param([seen(), seen(), seen("Paused"), seen("Paused")], [2, 3, 2, 3], id="unknown-status"),
        pytest.param([seen(), seen(), seen(status_summary="waits")], [2, 3, 2], id="summary-changes"),
        pytest.param([seen(), seen(), seen(artifact_revisions=())], [2, 3, 2], id="revisions-change"),
        pytest.param([THROTTLE, THROTTLE, seen(), seen(), THROTTLE, seen()], [4, 8, 2, 3, 6, 9], id="throttled"),
        pytest.param([refused("500", 500), odd(), seen(), odd()], [3, 4.5, 2, 3], id="failures"),
        pytest.param([errors.ConnectionFailedError("reset")] * 2, [3, 4.5], id="lost-connections"),
        pytest.param([NOT_FOUND] * 3 + [seen(), seen(), NOT_FOUND, NOT_FOUND], [2, 2, 2, 2, 3, 2, 2], id="not-found"),
    ],
)
def test_the_interval_grows_until_something_changes(outcomes: list[PollOutcome], pauses: list[float]) -> None:
    """By half after each poll, up to the longest; a throttle doubles it. It stays while the execution is not found."""
    assert walk(schedule(not_found_grace=9.0), *outcomes) == pytest.approx(pauses)


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.75), (0.25, 0.875), (0.5, 1.0), (0.999, 1.2495)])
def test_pauses_are_randomised(chance: float, factor: float) -> None:
    """By a quarter to both sides, and never beyond the longest interval."""
    assert walk(schedule(chance), seen(), seen()) == pytest.approx([2.0 * factor, 3.0 * factor])
    assert max(walk(schedule(chance, max_poll_interval=5.0), *[THROTTLE] * 9)) <= 5.0


# The end of the time


@pytest.mark.parametrize(
    ("timeout", "last"),
    [pytest.param(600.0, 599.0, id="long"), pytest.param(10.0, 9.0, id="ten"), pytest.param(0.5, 0.45, id="short")],
)
@pytest.mark.parametrize("outcome", [seen(), THROTTLE, odd(), NOT_FOUND], ids=["seen", "throttle", "odd", "not-found"])
def test_the_last_poll_is_shortly_before_the_end(timeout: float, last: float, outcome: PollOutcome) -> None:
    """So that its response still counts. It is one poll, and its failure is the cause of the error."""
    polls = schedule(timeout=timeout, not_found_grace=WEEK)
    error = run_out(polls, repeat(outcome))
    assert error.seconds == polls.due == pytest.approx(last)
    assert error.__cause__ is (outcome if isinstance(outcome, errors.CodePipelineError) else None)


@pytest.mark.parametrize(("elapsed", "pause"), [(8.0, 1.0), (7.0, 2.0)], ids=["cut-short", "not-cut"])
def test_a_clock_that_falls_short_makes_no_second_last_poll(elapsed: float, pause: float) -> None:
    """The pause before the last poll was a little too short."""
    polls = schedule(timeout=10.0)
    assert paused(polls, seen(), elapsed) == pause
    assert isinstance(ended(polls, seen(), 8.999), errors.WaitTimeoutError)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        pytest.param(late("timeout"), errors.WaitTimeoutError, id="took-all-the-time"),
        pytest.param(seen("Failed"), type(None), id="terminal"),
        pytest.param(NOT_FOUND, type(NOT_FOUND), id="not-found"),
    ],
)
def test_a_poll_that_ends_after_the_time_still_counts(outcome: PollOutcome, error: type[object]) -> None:
    """A terminal status, or a failure that cannot pass, says more than that the time is over."""
    assert isinstance(ended(schedule(), outcome, 6000.0), error)


@pytest.mark.parametrize(
    ("timeout", "elapsed", "expected"),
    [
        pytest.param(600.0, 0.0, 600.0, id="all"),
        pytest.param(600.0, 590.0, 10.0, id="what-is-left"),
        pytest.param(600.0, 601.0, 1.0, id="too-late"),
        pytest.param(2.0, 9.0, 0.2, id="too-late-in-a-short-wait"),
    ],
)
def test_a_poll_may_take_what_is_left(timeout: float, elapsed: float, expected: float) -> None:
    """A machine that was asleep when the time ended still makes its last poll."""
    assert schedule(timeout=timeout).poll_timeout(elapsed) == pytest.approx(expected)


# What ends a wait


PASSING: Final[dict[str, errors.CodePipelineError]] = {
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
    "reset": errors.ConnectionFailedError("reset"),
    "transport": errors.TransportError("broke"),
    "read-timeout": late("read_timeout"),
    "connect-timeout": late("connect_timeout"),
    "timeout": late("timeout"),
    "odd": odd(),
}
UNTRUSTED: Final[dict[str, errors.CodePipelineError]] = {
    "redirect": refused("302", 302),
    "page-404": refused("404", 404),
    "page-403": refused("403", 403),
    "odd-302": odd(302),
    "odd-400": odd(400),
}
LASTING: Final[dict[str, errors.CodePipelineError]] = {
    "execution-not-found": NOT_FOUND,
    "pipeline-not-found": refused("PipelineNotFoundException"),
    "denied": refused("AccessDeniedException", 403),
    "expired": refused("ExpiredTokenException", 403),
    "unknown-access-key": refused("UnrecognizedClientException", 403),
    "validation": refused("ValidationException"),
    "unknown-code": refused("BrandNewException"),
    "not-implemented": refused("InternalFailure", 501),
    "not-implemented-bare": refused("501", 501),
    "http-version": refused("505", 505),
    "odd-501": odd(501),
    "credentials": errors.CredentialsError("none"),
    "configuration": errors.ConfigurationError("this client is closed"),
    "another": errors.CodePipelineError("?"),
}
ROWS: Final = [
    *(pytest.param(failure, True, True, id=name) for name, failure in PASSING.items()),
    *(pytest.param(failure, False, True, id=name) for name, failure in UNTRUSTED.items()),
    *(pytest.param(failure, False, False, id=name) for name, failure in LASTING.items()),
]


@pytest.mark.parametrize(("failure", "at_first", "later"), ROWS)
def test_which_failures_end_a_wait(failure: errors.CodePipelineError, at_first: bool, later: bool) -> None:
    """Once the execution was seen, a response that may not be the service's passes: the endpoint is no wrong one."""
    for is_seen, passes in ((False, at_first), (True, later)):
        polls = schedule()
        if is_seen:
            polls.record(seen(), 0.0)
        assert (polls.record(failure, 1.0).pause is not None) == passes
        assert polls.error is (None if passes else failure)
        assert (polls.polls, polls.failures) == (1 + is_seen, int(passes))


@pytest.mark.parametrize("response", [seen(), THROTTLE, odd()], ids=["execution", "error", "odd"])
def test_an_unknown_host_passes_after_any_response(response: PollOutcome) -> None:
    """A resolver that fails for an hour ends no wait; a name that is wrong from the beginning does."""
    polls = schedule()
    walk(polls, errors.ConnectionFailedError("refused"), late("connect_timeout"))
    assert isinstance(ended(polls, hopeless(), 9.0), errors.ConnectionFailedError)
    walk(schedule(), response, hopeless(), hopeless())


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
def test_not_found_passes_within_the_grace(
    code: str, outcomes: list[tuple[PollOutcome | None, float]], ends: bool
) -> None:
    """From the beginning, or since it was last seen. It counts as a poll, and not as a failure."""
    polls = schedule(not_found_grace=5.0)
    for outcome, elapsed in outcomes:
        polls.record(outcome or refused(code), elapsed)
    assert (polls.error is not None) == ends
    assert polls.polls == len(outcomes)
    assert polls.failures == sum(outcome is THROTTLE for outcome, _ in outcomes)


@pytest.mark.parametrize(
    ("outcomes", "start", "end"),
    [
        pytest.param(
            [THROTTLE, seen("Stopping"), odd(), seen("Stopping")],
            "still Stopping after 600.0 seconds (polls: 4, temporary failures: 2)",
            "the execution itself continues",
            id="seen",
        ),
        pytest.param(
            [seen("x" * 100_000), THROTTLE],
            f"still {'x' * 100} after 600.0 seconds (polls: 2, temporary failures: 1)",
            "the execution itself continues",
            id="long-status",
        ),
        pytest.param(
            [THROTTLE, late("timeout")],
            "not seen within 600.0 seconds (polls: 2, temporary failures: 2)",
            ". If it exists, it may still be running. The last poll failed: silent",
            id="all-failed",
        ),
        pytest.param(
            [],
            "not seen within 600.0 seconds (polls: 0, temporary failures: 0)",
            "still be running.",
            id="never-polled",
        ),
    ],
)
def test_a_timeout_says_what_was_seen_and_how_often_it_was_polled(
    outcomes: list[PollOutcome], start: str, end: str
) -> None:
    """A failure of the last poll is its cause. If all polls failed, the message ends with it."""
    polls = schedule()
    for number, outcome in enumerate(outcomes):
        polls.record(outcome, float(number))
    error = polls.timed_out(600.0)
    name = f"execution {REFERENCE.pipeline_execution_id} of pipeline web"
    assert str(error).startswith(f"{name} was {start}")
    assert str(error).endswith(end)
    last = outcomes[-1] if outcomes else None
    assert error.__cause__ is (last if isinstance(last, errors.CodePipelineError) else None)
    assert (error.execution, error.polls, error.failures) == (polls.execution, polls.polls, polls.failures)
    assert (error.seconds, error.attempts) == (600.0, 0)


@given(st.floats(0.01, 300.0), st.floats(0.1, 60.0), st.integers())
def test_every_wait_with_a_limit_ends(factor: float, interval: float, seed: int) -> None:
    """After no more polls than its shortest pauses allow, and never after its time."""
    random, timeout = Random(seed), interval * factor
    polls = PollSchedule(
        REFERENCE, config(timeout=timeout, poll_interval=interval, max_poll_interval=60.0), random.random
    )
    outcomes: list[PollOutcome] = [seen(), seen("Stopping"), *PASSING.values()]
    error = run_out(polls, (random.choice(outcomes) for _ in count()))
    assert error.seconds <= timeout
    assert error.polls <= timeout / (0.75 * interval) + 2
