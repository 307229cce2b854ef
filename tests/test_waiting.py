"""Waiting: when to ask again, what may be overlooked and when it is over, for any order of what polls bring."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Sequence
from itertools import count, repeat
from math import inf
from random import Random
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client import (
    CodePipelineError,
    ConfigurationError,
    ConnectionFailedError,
    CredentialsError,
    FollowedExecution,
    OnPoll,
    PipelineExecution,
    PipelineExecutionReference,
    PollReport,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    TransportError,
    WaitTimeoutError,
    waiting,
)
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.testing import make_pipeline_execution
from codepipeline_client.waiting import Follow, Pace, Step, pace

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


def follow(chance: float = 0.5, **changes: Any) -> Follow:
    """Return a follow whose pauses are as long as its intervals, unless *chance* is another."""
    return Follow(REFERENCE, pace(**{**USUAL, **changes}), chance=lambda: chance)


def walk(way: Follow, *outcomes: Outcome, seconds: float = 0.0) -> list[float | None]:
    """Return the pauses after each outcome of a poll, when each poll takes as many *seconds*."""
    pauses: list[float | None] = []
    elapsed = 0.0
    for outcome in outcomes:
        elapsed += seconds
        pause = way.after(outcome, elapsed).pause
        pauses.append(pause)
        elapsed += pause or 0.0
    return pauses


def came_of(way: Follow, outcome: Outcome, elapsed: float) -> Step | CodePipelineError:
    """Return what follows from a poll, or the error that it ends with."""
    try:
        return way.after(outcome, elapsed)
    except CodePipelineError as error:
        return error


def run_out(way: Follow, outcomes: Iterator[Outcome]) -> tuple[float, WaitTimeoutError]:
    """Poll in no time until the time is over; return when the last poll was, and the error."""
    elapsed = 0.0
    for outcome in outcomes:
        step = came_of(way, outcome, elapsed)
        if isinstance(step, WaitTimeoutError):
            return elapsed, step
        assert isinstance(step, Step)
        assert step.pause is not None
        elapsed += step.pause
    raise AssertionError("there were too few outcomes")


# When to ask again


def test_pauses_grow_while_nothing_changes() -> None:
    """By half each time, up to the longest."""
    pauses = walk(follow(), *[seen()] * 11)
    assert pauses == pytest.approx([2.0, 3.0, 4.5, 6.75, 10.125, 15.1875, 22.78125, 30.0, 30.0, 30.0, 30.0])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(seen("Stopping"), id="status"),
        pytest.param(seen("Paused"), id="a-status-nobody-knows"),
        pytest.param(seen(status_summary="waits for an approval"), id="summary"),
        pytest.param(seen(artifact_revisions=()), id="revisions"),
    ],
)
def test_after_a_change_it_asks_quickly_again(change: PipelineExecution) -> None:
    """Whatever changed: where something has happened, more may."""
    pauses = walk(follow(), seen(), seen(), seen(), change, change, seen())
    assert pauses == [2.0, 3.0, 4.5, 2.0, 3.0, 2.0]


def test_a_throttle_doubles_the_pause() -> None:
    """And what is doubled stays so, until there is news."""
    pauses = walk(follow(), THROTTLE, THROTTLE, seen(), seen(), THROTTLE, seen(), seen("Stopping"))
    assert pauses == [4.0, 8.0, 2.0, 3.0, 6.0, 9.0, 2.0]


@pytest.mark.parametrize("failure", [refused("500", 500), ConnectionFailedError("reset"), odd()], ids=repr)
def test_another_failure_is_like_a_poll_without_news(failure: CodePipelineError) -> None:
    """It says nothing about how many calls there may be."""
    assert walk(follow(), failure, failure, seen(), failure, failure) == [3.0, 4.5, 2.0, 3.0, 4.5]


@pytest.mark.parametrize("failure", [THROTTLE, odd()], ids=["throttle", "odd"])
def test_no_pause_is_longer_than_the_longest(failure: CodePipelineError) -> None:
    """However often it goes wrong, and whatever chance says."""
    pauses = walk(follow(chance=0.999, max_poll_interval=5.0), *[failure] * 9)
    assert max(pause or inf for pause in pauses) == 5.0


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 0.75), (0.25, 0.875), (0.5, 1.0), (0.999, 1.2495)])
def test_pauses_are_spread(chance: float, factor: float) -> None:
    """By a quarter to both sides, so that many who began together do not ask together."""
    assert walk(follow(chance), seen(), seen()) == pytest.approx([2.0 * factor, 3.0 * factor])


def test_while_it_is_not_found_it_asks_evenly() -> None:
    """It will be there in a moment, or never."""
    pauses = walk(follow(not_found_grace=9.0), LOST, LOST, LOST, seen(), seen(), LOST, LOST)
    assert pauses == [2.0, 2.0, 2.0, 2.0, 3.0, 2.0, 2.0]


def test_an_approval_of_a_week_is_a_bounded_number_of_polls() -> None:
    """Two a minute, and some more at the beginning."""
    random = Random(7)
    way = Follow(REFERENCE, pace(**{**USUAL, "timeout": None}), chance=random.random)
    elapsed = 0.0
    while elapsed < WEEK:
        elapsed += way.after(seen(), elapsed).pause or inf
    assert way.after(seen("Succeeded"), elapsed) == Step(None)
    assert WEEK / 30 < way.polls < WEEK / 30 * 1.1


# The end of the time


@pytest.mark.parametrize(
    ("timeout", "last"),
    [pytest.param(600.0, 599.0, id="long"), pytest.param(10.0, 9.0, id="ten"), pytest.param(0.5, 0.45, id="short")],
)
def test_the_last_look_is_shortly_before_the_end(timeout: float, last: float) -> None:
    """So that its answer still comes in time; there is no sense in a pause after it."""
    elapsed, error = run_out(follow(timeout=timeout), repeat(seen()))
    assert elapsed == pytest.approx(last)
    assert error.seconds == elapsed


@pytest.mark.parametrize(("elapsed", "pause"), [(8.0, 1.0), (7.0, 2.0)], ids=["cut-short", "as-it-comes"])
def test_the_last_look_is_the_last_even_when_the_pause_was_too_short(elapsed: float, pause: float) -> None:
    """A clock may come a little short: there is one last look, and not a row of them."""
    way = follow(timeout=10.0)
    assert way.after(seen(), elapsed) == Step(pause)
    with pytest.raises(WaitTimeoutError):
        way.after(seen(), 8.999)


def test_a_poll_that_takes_all_the_time_was_the_last() -> None:
    """It began in time, and nothing is left for another."""
    with pytest.raises(WaitTimeoutError) as caught:
        follow().after(late("timeout"), 600.0)
    assert (caught.value.polls, caught.value.failures) == (1, 1)
    with pytest.raises(WaitTimeoutError):
        follow().after(seen(), 599.0)


@pytest.mark.parametrize(
    ("timeout", "rest"),
    [
        pytest.param(600.0, 0.1, id="long"),
        pytest.param(10.0, 0.1, id="ten"),
        pytest.param(1.0, 0.04, id="one"),
        pytest.param(0.01, 0.0004, id="short"),
    ],
)
@pytest.mark.parametrize("failure", [THROTTLE, LOST, odd()], ids=repr)
def test_a_last_look_that_fails_is_made_again(timeout: float, rest: float, failure: CodePipelineError) -> None:
    """What may pass ends no wait while there is time to ask, and is not asked about in a rush either."""
    way = follow(timeout=timeout, not_found_grace=WEEK)
    elapsed, error = run_out(way, repeat(failure))
    assert timeout - rest <= elapsed < timeout
    assert error.__cause__ is failure
    assert error.polls <= follow_polls(timeout) + 10


def follow_polls(timeout: float) -> int:
    """How many polls there are until a last look that sees the execution unfinished, at even pauses."""
    way = follow(timeout=timeout, max_poll_interval=2.0)
    return run_out(way, repeat(seen()))[1].polls


def test_looking_again_ends_with_the_first_answer() -> None:
    """Whether that is the end, or that there is none."""
    way = follow(timeout=10.0)
    assert walk(way, THROTTLE, THROTTLE) == [4.0, 5.0]
    assert way.after(THROTTLE, 9.0) == Step(0.25)
    with pytest.raises(WaitTimeoutError):
        way.after(seen(), 9.25)
    assert way.after(seen("Failed"), 9.25) == Step(None)


def test_looking_again_takes_no_more_than_what_is_left() -> None:
    """But for what an answer needs at least, when the pause was too long."""
    way = follow(timeout=10.0)
    way.after(THROTTLE, 9.0)
    assert way.poll_timeout(9.25) == 0.75
    assert way.poll_timeout(10.5) == 0.05


@pytest.mark.parametrize("elapsed", [599.0, 600.0, 6000.0])
def test_an_end_is_an_end_however_late_it_is_seen(elapsed: float) -> None:
    """The answer is there: why not give it?"""
    assert follow().after(seen("Failed"), elapsed) == Step(None)


@pytest.mark.parametrize("failure", [refused("AccessDeniedException"), LOST])
def test_what_cannot_pass_is_told_at_the_end_of_the_time_too(failure: CodePipelineError) -> None:
    """It says more than that the time is over."""
    with pytest.raises(type(failure)) as caught:
        follow().after(failure, 600.0)
    assert caught.value is failure


def test_without_a_limit_it_goes_on() -> None:
    """For a year and longer."""
    way = follow(timeout=None)
    assert way.after(seen(), 0.0).pause == 2.0
    assert way.after(seen(), 1e9).pause == 3.0
    assert way.poll_timeout(1e9) is None


@pytest.mark.parametrize(
    ("timeout", "elapsed", "expected"),
    [
        pytest.param(600.0, 0.0, 600.0, id="all"),
        pytest.param(600.0, 590.0, 10.0, id="what-is-left"),
        pytest.param(600.0, 599.0, 1.0, id="last-look"),
        pytest.param(600.0, 601.0, 1.0, id="overslept"),
        pytest.param(2.0, 9.0, 0.2, id="overslept-a-short-wait"),
    ],
)
def test_a_poll_gets_what_is_left(timeout: float, elapsed: float, expected: float) -> None:
    """A machine that was asleep when the time ended has its last look all the same."""
    assert follow(timeout=timeout).poll_timeout(elapsed) == pytest.approx(expected)


# What ends it


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"])
def test_every_end_is_an_end(status: str) -> None:
    """Good or bad, it is returned: the error is for the caller to make."""
    way = follow()
    assert way.after(seen(status), 0.0) == Step(None)
    assert way.execution == seen(status)


@pytest.mark.parametrize("status", ["InProgress", "Stopping", "Paused", "succeeded", ""])
def test_what_is_no_end_goes_on(status: str) -> None:
    """Stopping may still become Succeeded, and who knows what a new status means."""
    assert follow().after(seen(status), 0.0) == Step(2.0)


PASSING: Final[dict[str, CodePipelineError]] = {
    "throttled": THROTTLE,
    "throttled-bare": refused("429", 429),
    "throttled-503": refused("SlowDown", 503),
    "500": refused("InternalFailure", 500),
    "503-bare": refused("503", 503),
    "501": refused("501", 501),
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
LASTING: Final[dict[str, CodePipelineError]] = {
    "execution-not-found": LOST,
    "pipeline-not-found": refused("PipelineNotFoundException"),
    "denied": refused("AccessDeniedException", 403),
    "expired": refused("ExpiredTokenException", 403),
    "unknown-key": refused("UnrecognizedClientException", 403),
    "validation": refused("ValidationException"),
    "unknown-code": refused("BrandNewException"),
    "redirect": refused("302", 302),
    "409-bare": refused("409", 409),
    "499-bare": refused("499", 499),
    "odd-400": odd(400),
    "credentials": CredentialsError("none"),
    "configuration": ConfigurationError("this client is closed"),
    "another": CodePipelineError("?"),
}


@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("before", [True, False], ids=["seen-before", "first"])
def test_what_may_pass_is_counted_and_goes_on(failure: CodePipelineError, before: bool) -> None:
    """Neither the first poll nor a later one ends by it."""
    way = follow()
    if before:
        way.after(seen(), 0.0)
    step = way.after(failure, 1.0)
    assert step.pause is not None
    assert (way.polls, way.failures) == (1 + before, 1)
    assert way.execution == (seen() if before else None)


@pytest.mark.parametrize("failure", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("before", [True, False], ids=["seen-before", "first"])
def test_what_cannot_pass_ends_it_at_once(failure: CodePipelineError, before: bool) -> None:
    """The error itself is raised, and is no failure that was overlooked."""
    way = follow()
    if before:
        way.after(seen(), 0.0)
    with pytest.raises(type(failure)) as caught:
        way.after(failure, 1.0)
    assert caught.value is failure
    assert (way.polls, way.failures) == (1 + before, 0)


@pytest.mark.parametrize(
    "answer",
    [seen(), THROTTLE, odd()],
    ids=["execution", "error", "something"],
)
def test_a_name_that_was_found_once_will_be_found_again(answer: Outcome) -> None:
    """A resolver that fails for an hour ends no wait; a name that is wrong from the beginning does."""
    with pytest.raises(ConnectionFailedError):
        follow().after(hopeless(), 0.0)
    with pytest.raises(ConnectionFailedError):
        walk(follow(), ConnectionFailedError("refused"), late("connect_timeout"), hopeless())
    way = follow()
    walk(way, answer, hopeless(), hopeless())
    assert way.failures == 2 + isinstance(answer, CodePipelineError)


@pytest.mark.parametrize("code", ["PipelineExecutionNotFoundException", "PipelineNotFoundException"])
@pytest.mark.parametrize(
    ("polls", "ends"),
    [
        pytest.param([(None, 0.0), (None, 4.9)], False, id="within"),
        pytest.param([(None, 5.0)], True, id="past"),
        pytest.param([(None, 1.0), (seen(), 4.0), (None, 8.9)], False, id="within-since-seen"),
        pytest.param([(None, 1.0), (seen(), 4.0), (None, 9.0)], True, id="past-since-seen"),
        pytest.param([(seen(), 4.0), (THROTTLE, 8.0), (None, 9.0)], True, id="a-throttle-is-no-sight"),
    ],
)
def test_not_found_passes_within_the_grace(code: str, polls: list[tuple[Outcome | None, float]], ends: bool) -> None:
    """From the beginning, or since it was last seen; it is a poll, and no failure."""
    way = follow(not_found_grace=5.0)
    *before, (last, at) = [(outcome or refused(code), at) for outcome, at in polls]
    for outcome, elapsed in before:
        way.after(outcome, elapsed)
    if ends:
        with pytest.raises(ServiceError) as caught:
            way.after(last, at)
        assert caught.value is last
    else:
        assert way.after(last, at).pause == 2.0
    assert way.polls == len(polls)
    assert way.failures == sum(outcome is THROTTLE for outcome, _ in polls)


def test_without_a_grace_there_is_none() -> None:
    """Not even for a poll that took no time."""
    with pytest.raises(ServiceError):
        follow().after(LOST, 0.0)


# The error of a wait


def error_after(*outcomes: Outcome, **changes: Any) -> WaitTimeoutError:
    way = follow(**changes)
    *before, last = outcomes
    for number, outcome in enumerate(before):
        way.after(outcome, float(number))
    with pytest.raises(WaitTimeoutError) as caught:
        way.after(last, 600.0)
    return caught.value


def test_a_timeout_says_what_was_seen_and_how_often_it_was_asked() -> None:
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
    """Only of the last: what passed before is no cause of anything."""
    assert error_after(seen(), last).__cause__ is last
    error = error_after(last, last)
    assert error.execution is None
    assert error.__cause__ is last
    assert "was not seen within 600.0 seconds (2 polls, 2 of them failed)" in str(error)
    assert error_after(last, seen()).__cause__ is None


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


def test_a_status_without_end_does_not_fill_the_message() -> None:
    """The service may say what it likes."""
    assert len(str(error_after(seen("x" * 100_000)))) < 400


def test_who_drives_many_may_end_one() -> None:
    """At any time, also before the first poll."""
    way = follow()
    assert way.timed_out(3.0).polls == 0
    way.after(THROTTLE, 4.0)
    error = way.timed_out(5.0)
    assert (error.polls, error.failures, error.seconds, error.__cause__) == (1, 1, 5.0, THROTTLE)


# Any order of outcomes

STATUSES: Final = ("InProgress", "Stopping", "Paused")
EVENTS: Final = st.lists(
    st.tuples(
        st.sampled_from([*STATUSES, *sorted(PASSING), "not-found"]),
        st.floats(0.0, 1.0, exclude_max=True),
        st.floats(0, 70),
    ),
    min_size=1,
    max_size=40,
)


@given(
    EVENTS,
    st.none() | st.floats(0.001, 5000.0),
    st.floats(0.01, 100.0),
    st.floats(1.0, 20.0),
    st.floats(0.0, 100.0),
)
@example([("InProgress", 0.5, 0.0)], 1e-3, 0.01, 1.0, 0.0)
def test_for_any_order_of_outcomes_the_rules_hold(
    events: list[tuple[str, float, float]], timeout: float | None, interval: float, factor: float, grace: float
) -> None:
    """The rules written out once more, beside what is done."""
    chances: list[float] = []
    limits = pace(timeout=timeout, poll_interval=interval, max_poll_interval=interval * factor, not_found_grace=grace)
    way = Follow(REFERENCE, limits, chance=chances.pop)
    end = inf if timeout is None else timeout
    last_look = end - min(1.0, end / 10)
    elapsed = due = 0.0
    failures = 0
    seen_at, known, wide = 0.0, None, interval
    for polls, (event, chance, seconds) in enumerate(events, 1):
        assert (way.polls, way.failures, way.execution) == (polls - 1, failures, known)
        limit = way.poll_timeout(elapsed)
        assert limit is None if timeout is None else limit is not None and limit > 0
        elapsed += min(seconds, inf if limit is None else limit)
        chances[:] = [chance]
        outcome = seen(event) if event in STATUSES else LOST if event == "not-found" else PASSING[event]
        passes = event != "not-found" or elapsed - seen_at < grace
        is_seen = isinstance(outcome, PipelineExecution)
        is_news = is_seen and outcome != known
        if isinstance(outcome, PipelineExecution):
            known, seen_at = outcome, elapsed
        failures += event in PASSING
        growth = 2.0 if event.startswith("throttled") else 1.5
        wide = interval if is_news or event == "not-found" else min(wide * growth, interval * factor)
        step = came_of(way, outcome, elapsed)
        if not passes:
            assert step is outcome
            assert way.failures == failures
            return
        if isinstance(step, WaitTimeoutError):
            assert max(elapsed, due) >= (last_look if is_seen else end - min(0.1, end / 25) - 1e-6)
            assert elapsed <= end + 1e-6
            assert step.__cause__ is (None if isinstance(outcome, PipelineExecution) else outcome)
            assert (step.polls, step.failures, step.execution) == (polls, failures, known)
            return
        assert isinstance(step, Step)
        assert step.pause is not None
        if max(elapsed, due) >= last_look:
            assert not is_seen
            left = end - elapsed
            assert step.pause == pytest.approx(max(left / 4, min(0.05, end / 50)))
            elapsed += step.pause
            due = max(due, elapsed)
            continue
        assert step.pause == pytest.approx(
            min(wide * (0.75 + chance / 2), interval * factor, last_look - elapsed), rel=1e-9, abs=1e-9
        )
        assert 0 < step.pause <= interval * factor
        assert due <= last_look
        due = last_look if step.pause == last_look - elapsed else elapsed + step.pause
        elapsed += step.pause


@given(st.floats(0.01, 300.0), st.floats(0.1, 60.0), st.integers())
def test_every_wait_with_a_limit_ends(factor: float, interval: float, seed: int) -> None:
    """After no more polls than its shortest pauses allow, and never after its time."""
    random, timeout = Random(seed), interval * factor
    way = Follow(
        REFERENCE,
        pace(timeout=timeout, poll_interval=interval, max_poll_interval=60.0, not_found_grace=0),
        chance=random.random,
    )
    outcomes: Sequence[Outcome] = [seen(), seen("Stopping"), *PASSING.values()]
    elapsed, error = run_out(way, (random.choice(outcomes) for _ in count()))
    assert elapsed <= timeout
    assert error.polls <= timeout / (0.75 * interval) + 12


# The numbers


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        *(
            pytest.param({name: value}, rf"{name} must be a number of seconds, above 0", id=f"{name}-{value!r:.6}")
            for name in ("timeout", "poll_interval", "max_poll_interval")
            for value in (0, -1, float("nan"), inf, 1e300, 10**400, True, "5")
        ),
        *(
            pytest.param({name: value}, rf"{name} must be a number of seconds, .*, not {value!r}", id=f"{name}-{value}")
            for name in ("poll_interval", "max_poll_interval", "not_found_grace")
            for value in (None, -2, False)
        ),
        pytest.param({"not_found_grace": inf}, "not_found_grace must be a number of seconds, from 0 up to", id="grace"),
        pytest.param(
            {"poll_interval": 60},
            r"poll_interval must not be above max_poll_interval, and 60 is above 30\.0",
            id="above-the-longest",
        ),
    ],
)
def test_a_number_that_cannot_be_meant_is_refused(changes: dict[str, Any], problem: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match=problem):
        pace(**{**USUAL, **changes})


def test_numbers_are_taken_as_seconds() -> None:
    """Whole ones, too; and equal intervals are a steady pace."""
    assert pace(timeout=1, poll_interval=2, max_poll_interval=2, not_found_grace=0) == Pace(
        timeout=1.0, poll_interval=2.0, max_poll_interval=2.0, not_found_grace=0.0
    )
    assert walk(follow(max_poll_interval=2.0), *[seen()] * 4) == [2.0] * 4


# The values


def test_a_followed_execution_gives_its_result() -> None:
    """The execution that has ended, however that was, or the error."""
    assert FollowedExecution(REFERENCE, seen("Failed")).result() == seen("Failed")
    with pytest.raises(ServiceError) as caught:
        FollowedExecution(REFERENCE, seen(), THROTTLE).result()
    assert caught.value is THROTTLE


def test_values_compare_hash_and_pickle() -> None:
    """They go where a program puts them."""
    report = PollReport(reference=REFERENCE, number=1, seconds=0.1, execution=seen(), failure=None, pause=2.0)
    for value in (REFERENCE, FollowedExecution(REFERENCE, seen()), report):
        twin = pickle.loads(pickle.dumps(value))
        assert twin == value
        assert hash(twin) == hash(value)


def test_the_station_shows_what_it_is_asked_for() -> None:
    """Who listens to polls finds the type here, as at the front door."""
    assert waiting.OnPoll is OnPoll
    assert set(waiting.__all__) >= {"Follow", "Pace", "PollReport", "Step", "pace"}
