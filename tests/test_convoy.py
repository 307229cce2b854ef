"""The convoy: whose turn it is and when, and what becomes of each, for any order of what calls bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count, pairwise
from math import inf
from random import Random
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
    PollReport,
    RequestTimeoutError,
    ResponseMetadata,
    ServiceError,
    WaitTimeoutError,
)
from codepipeline_client._budget import Budget
from codepipeline_client._convoy import Convoy, Turn
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.operations.get_pipeline_execution import GetPipelineExecutionOutput
from codepipeline_client.testing import make_pipeline_execution
from codepipeline_client.waiting import Follow, pace

USUAL: Final[dict[str, Any]] = {
    "timeout": 600.0,
    "poll_interval": 2.0,
    "max_poll_interval": 30.0,
    "not_found_grace": 0.0,
}
Outcome = PipelineExecution | CodePipelineError
A, B, C, D = (PipelineExecutionReference("web", f"0000000{place}-0000-4000-8000-000000000000") for place in range(4))


def about(expected: float) -> object:
    """Return what equals *expected* up to the rounding of floats."""
    return pytest.approx(expected, rel=1e-6, abs=1e-5)


def convoy(
    references: Iterable[PipelineExecutionReference],
    *,
    rate: float = 10.0,
    places: int = 8,
    most_places: int | None = None,
    chance: Callable[[], float] = lambda: 0.5,
    **changes: Any,
) -> Convoy:
    """Return a convoy whose pauses are as long as their intervals, unless *chance* is another."""
    paced = pace(**{**USUAL, **changes})
    return Convoy(references, paced, Budget(rate), places=places, most_places=most_places or places, chance=chance)


def seen(reference: PipelineExecutionReference, status: str = "InProgress") -> PipelineExecution:
    name, execution_id = reference.pipeline_name, reference.pipeline_execution_id
    return make_pipeline_execution(pipeline_name=name, pipeline_execution_id=execution_id, status=status)


def refused(code: str, status: int = 400, *, attempts: int = 1) -> ServiceError:
    error = SERVICE_ERRORS.get(code, ServiceError)(
        "", code=code, http_status_code=status, request_id=None, operation_name="GetPipelineExecution"
    )
    error.attempts = attempts
    return error


def turn(followed: Convoy, elapsed: float) -> Follow:
    """Return whose turn it is, which must be somebody's."""
    step = followed.step(elapsed)
    assert isinstance(step, Turn), step
    return step.follow


def pause(followed: Convoy, elapsed: float) -> float:
    """Return how long there is nothing to do, which must be so."""
    step = followed.step(elapsed)
    assert isinstance(step, float), step
    return step


def polled(followed: Convoy, elapsed: float, outcome: Outcome) -> PipelineExecutionReference:
    """Let whoever's turn it is be polled in no time, and return who that was."""
    follow = turn(followed, elapsed)
    assert followed.arrive(follow, outcome, elapsed) is not None
    return follow.reference


def drained(followed: Convoy) -> list[FollowedExecution]:
    """Take those that have ended."""
    ended = list(followed.ended)
    followed.ended.clear()
    return ended


# Turns


def test_all_are_polled_at_once_and_in_order_as_far_as_the_budget_goes() -> None:
    """Each one later than the one before."""
    followed = convoy([A, B, C], rate=4.0)
    assert turn(followed, 0.0).reference == A
    assert pause(followed, 0.0) == about(0.25)
    assert turn(followed, 0.25).reference == B
    assert turn(followed, 0.5).reference == C
    assert [follow.reference for follow in followed.under_way] == [A, B, C]


def test_each_is_polled_again_at_its_own_pace() -> None:
    """Two seconds after its poll was over, however long others take."""
    followed = convoy([A, B])
    polled(followed, 0.0, seen(A))
    slow = turn(followed, 0.1)
    assert pause(followed, 0.1) == about(1.9)
    assert polled(followed, 2.0, seen(A)) == A
    assert followed.arrive(slow, seen(B), 3.0) is not None
    assert pause(followed, 3.0) == about(2.0)  # A's second poll had no news, so that its third is 3 seconds later


def test_who_has_been_due_the_longest_is_next() -> None:
    """Not who was polled the longest ago, nor who is first in the list."""
    followed = convoy([A, B, C], rate=1000.0)
    polled(followed, 0.0, seen(A))
    polled(followed, 0.01, refused("ThrottlingException"))  # and so due after 4 seconds
    polled(followed, 0.02, seen(C))
    assert [turn(followed, 10.0 + place).reference for place in range(3)] == [A, C, B]


def test_one_that_comes_twice_is_followed_once() -> None:
    """And where it came first."""
    followed = convoy(iter([A, B, A, B]), rate=1000.0)
    for place, reference in enumerate([A, B]):
        assert polled(followed, place / 10, seen(reference, "Succeeded")) == reference
        assert [end.reference for end in drained(followed)] == [reference]
    assert followed.step(0.2) is None


def test_there_is_nothing_to_do_for_nobody() -> None:
    """An empty list has ended before it began."""
    followed = convoy([])
    assert followed.step(0.0) is None
    assert not followed.ended


@pytest.mark.parametrize("timeout", [None, 600.0])
def test_no_more_calls_are_under_way_than_there_are_places(timeout: float | None) -> None:
    """The next begins when one has ended; until then there is nothing to do but to look at the time."""
    followed = convoy([A, B, C], places=2, rate=1000.0, timeout=timeout)
    first, _ = turn(followed, 0.0), turn(followed, 1.0)
    assert pause(followed, 2.0) == (inf if timeout is None else 598.0)
    followed.arrive(first, seen(A), 3.0)
    assert turn(followed, 3.0).reference == C


@pytest.mark.parametrize("timeout", [None, 600.0])
def test_when_all_are_under_way_only_the_time_counts(timeout: float | None) -> None:
    """Nobody waits for a turn."""
    followed = convoy([A], timeout=timeout)
    turn(followed, 0.0)
    assert pause(followed, 1.0) == (inf if timeout is None else 599.0)


def test_nothing_is_waited_for_beyond_the_end_of_the_time() -> None:
    """The budget may allow no further call before it."""
    followed = convoy([A, B], rate=0.1, timeout=5.0)
    polled(followed, 0.0, seen(A))
    assert pause(followed, 1.0) == 4.0


def test_a_poll_may_take_what_is_left_of_the_time() -> None:
    """But ten seconds at most: a hung one keeps its place no longer, and the next may come through."""
    for timeout, within in ((5.0, 3.5), (11.5, 10.0), (600.0, 10.0), (None, 10.0)):
        step = convoy([A], timeout=timeout).step(1.5)
        assert isinstance(step, Turn)
        assert step.timeout == within


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
def test_the_budget_is_told_of_each_call(failure: CodePipelineError, wait: float) -> None:
    """How many requests it took, and whether the service wants fewer."""
    followed = convoy([A, B], rate=10.0)
    polled(followed, 0.0, failure)
    drained(followed)
    step = followed.step(0.0)
    assert (0.0 if isinstance(step, Turn) else step) == about(wait)


def test_throttles_of_calls_under_way_together_count_once() -> None:
    """The budget is told when each began."""
    followed = convoy([A, B, C], rate=10.0)
    first, second = turn(followed, 0.0), turn(followed, 0.1)
    followed.arrive(first, refused("ThrottlingException"), 0.1)
    followed.arrive(second, refused("ThrottlingException"), 0.1)
    assert pause(followed, 0.1) == about(1 / 7)


def test_one_whose_call_was_given_up_is_next() -> None:
    """It has been due for as long as its call was under way. The call counts for nothing."""
    followed = convoy([A, B], rate=1000.0)
    given_up = turn(followed, 0.0)
    polled(followed, 1.0, seen(B))
    followed.recall(given_up)
    followed.recall(given_up)
    assert given_up.polls == 0
    assert polled(followed, 60.0, seen(A)) == A
    assert polled(followed, 60.1, seen(B)) == B


# Ends


@pytest.mark.parametrize("status", ["Succeeded", "Failed", "Stopped", "Superseded", "Cancelled"])
def test_one_that_has_ended_is_to_be_taken_first(status: str) -> None:
    """However it ended. Until it is taken, nothing else is done."""
    followed = convoy([A, B])
    polled(followed, 0.0, seen(A, status))
    assert followed.step(1.0) is None
    [end] = drained(followed)
    assert end == FollowedExecution(A, seen(A, status), None)
    assert turn(followed, 1.0).reference == B


def test_one_that_fails_for_good_ends_no_other() -> None:
    """It is told what it was last seen as."""
    followed = convoy([A, B], rate=1000.0)
    polled(followed, 0.0, seen(A))
    polled(followed, 0.1, seen(B))
    denied = refused("AccessDeniedException", 403)
    assert polled(followed, 5.0, denied) == A
    [end] = drained(followed)
    assert end == FollowedExecution(A, seen(A), denied)
    assert end.error is denied
    assert denied.__traceback__ is None
    assert polled(followed, 6.0, seen(B, "Succeeded")) == B


def test_failures_that_may_pass_end_none() -> None:
    """They are as good as an answer that all goes on."""
    followed = convoy([A])
    for moment, failure in enumerate((refused("ThrottlingException"), RequestTimeoutError("late", limit="timeout"))):
        polled(followed, moment * 60.0, failure)
    assert not followed.ended
    polled(followed, 200.0, seen(A, "Succeeded"))
    assert drained(followed)[0].result().status == "Succeeded"


def test_when_the_time_is_over_all_that_remain_end() -> None:
    """Those under way, those that wait, and those that were never asked about."""
    followed = convoy([A, B, C], rate=1.0, timeout=10.0)
    polled(followed, 0.0, seen(A))
    under_way = turn(followed, 1.0)
    assert followed.step(10.0) is None
    ends = drained(followed)
    assert [end.reference for end in ends] == [B, C, A]
    assert [end.execution for end in ends] == [None, None, seen(A)]
    assert [getattr(end.error, "polls", None) for end in ends] == [0, 0, 1]
    assert {type(end.error) for end in ends} == {WaitTimeoutError}
    assert followed.arrive(under_way, seen(B, "Succeeded"), 10.1) is None
    assert not followed.ended
    assert followed.step(11.0) is None


def test_a_moment_that_no_clock_would_show_before_the_end_is_the_end() -> None:
    """To sleep so little could move no clock, and so go on for ever."""
    followed = convoy([A], timeout=10.0, places=0)
    assert pause(followed, 10.0 - 3e-6) > 0
    assert followed.step(10.0 - 5e-7) is None
    assert drained(followed)


def test_a_turn_that_no_clock_would_show_to_be_too_early_has_come() -> None:
    """As above: the turn is due at 2.0 seconds."""
    followed = convoy([A])
    polled(followed, 0.0, seen(A))
    assert pause(followed, 2.0 - 3e-6) > 0
    assert turn(followed, 2.0 - 5e-7).reference == A


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ConfigurationError("closed"), id="closed"),
        pytest.param(CredentialsError("no keys"), id="no-keys"),
        pytest.param(refused("ExpiredTokenException", 403), id="expired"),
        pytest.param(refused("ExpiredToken", 403), id="expired-by-its-other-name"),
        pytest.param(refused("InvalidClientTokenId", 403), id="unknown-key"),
        pytest.param(refused("UnrecognizedClientException", 403), id="unrecognized"),
    ],
)
def test_what_no_call_can_mend_ends_all_without_asking(failure: CodePipelineError) -> None:
    """Each with an error of its own, that says that nothing was sent. A call under way still has its chance."""
    failure.__cause__ = KeyError("x")
    followed = convoy([A, B, C], rate=1000.0)
    polled(followed, 0.0, seen(A))
    under_way = turn(followed, 0.1)
    assert polled(followed, 0.2, failure) == C
    ends = drained(followed)
    assert [(end.reference, end.execution) for end in ends] == [(C, None), (A, seen(A))]
    assert ends[0].error is failure
    again = ends[1].error
    assert again is not None
    assert again is not failure
    assert (type(again), again.args, again.attempts) == (type(failure), failure.args, 0)
    assert again.__cause__ is failure.__cause__
    assert pause(followed, 0.3) == about(599.7)
    report = followed.arrive(under_way, seen(B), 1.0)
    assert report is not None
    assert report.pause is None
    [end] = drained(followed)
    assert (end.reference, end.execution, type(end.error)) == (B, seen(B), type(failure))
    assert followed.step(1.0) is None


def test_those_that_end_together_end_in_the_order_in_which_they_were_due() -> None:
    """When no call can be made any more, as when the time is over."""
    followed = convoy([A, B, C, D], rate=1000.0)
    polled(followed, 0.0, refused("ThrottlingException"))
    for moment in (0.1, 0.2):
        polled(followed, moment, seen(A))
    polled(followed, 0.3, CredentialsError("no keys"))
    assert [end.reference for end in drained(followed)] == [D, B, C, A]


def test_one_under_way_may_still_end_well_when_no_call_can_be_made_any_more() -> None:
    """It was sent before."""
    followed = convoy([A, B], rate=1000.0)
    under_way = turn(followed, 0.0)
    polled(followed, 0.1, CredentialsError("no keys"))
    drained(followed)
    followed.arrive(under_way, seen(A, "Succeeded"), 1.0)
    assert drained(followed)[0].result() == seen(A, "Succeeded")


def test_a_call_that_hangs_makes_room_for_another() -> None:
    """After a second, and until there are as many as may be; a call that is over makes room at once."""
    followed = convoy([A, B, C, D], rate=1000.0, places=1, most_places=2)
    first = turn(followed, 0.0)
    assert pause(followed, 0.4) == about(0.6)
    second = turn(followed, 1.0)
    assert second.reference == B
    assert pause(followed, 5.0) == about(595.0)
    followed.arrive(first, seen(A), 5.0)
    third = turn(followed, 5.0)
    assert third.reference == C
    followed.arrive(third, seen(C), 5.1)
    assert turn(followed, 5.1).reference == D
    assert next(iter(followed.under_way)) is second


def test_an_interruption_while_the_time_ends_makes_none_end_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had ended already is not told of again."""
    followed = convoy([A, B, C], timeout=10.0)
    whole = Follow.timed_out

    def interrupted(follow: Follow, elapsed: float) -> WaitTimeoutError:
        if follow.reference == B:
            raise KeyboardInterrupt
        return whole(follow, elapsed)

    with monkeypatch.context() as patch:
        patch.setattr(Follow, "timed_out", interrupted)
        with pytest.raises(KeyboardInterrupt):
            followed.step(10.0)
    assert followed.step(10.0) is None
    assert [end.reference for end in drained(followed)] == [A, B, C]


@pytest.mark.parametrize(
    ("number", "timeout", "margin"), [(20, 600.0, 2.0), (300, 600.0, 30.0), (900, 600.0, 60.0), (5, 600.0, 1.0)]
)
def test_each_of_many_has_a_last_look(number: int, timeout: float, margin: float) -> None:
    """They begin early enough for the budget, but not before the last tenth of the time."""
    references = [
        PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000") for place in range(number)
    ]
    followed = convoy(references, rate=10.0, timeout=timeout, poll_interval=300.0, max_poll_interval=300.0)
    polls = simulated(
        followed, latency=lambda: 0.01, outcome=lambda follow, _: seen(follow.reference), seconds=timeout + 1.0
    )
    last = sorted(moments[-1] for moments in polls.values())
    assert len(last) == number
    assert sum(moment > timeout - margin - 0.1 for moment in last) >= min(number, margin * 10) - 1


def test_when_it_is_given_up_all_that_remain_end() -> None:
    """Those under way and those that wait, each with an error of its own; none ends twice."""
    followed = convoy([A, B, C], rate=1000.0)
    polled(followed, 0.0, seen(A, "Succeeded"))
    drained(followed)
    under_way = turn(followed, 0.1)
    followed.give_up(ConfigurationError("closed"))
    followed.give_up(ConfigurationError("closed"))
    ends = drained(followed)
    assert [(end.reference, str(end.error)) for end in ends] == [(B, "closed"), (C, "closed")]
    assert ends[0].error is not ends[1].error
    assert followed.arrive(under_way, seen(B), 0.2) is None
    assert followed.step(0.3) is None
    assert not followed.ended


@pytest.mark.parametrize(("attempts", "wait"), [(1, 0.1), (3, 0.3)])
def test_the_budget_is_told_of_each_request_of_a_success(attempts: int, wait: float) -> None:
    """The whole answer says how many there were."""
    followed = convoy([A, B], rate=10.0)
    metadata = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=attempts)
    answer = GetPipelineExecutionOutput(pipeline_execution=seen(A), response_metadata=metadata, raw={})
    report = followed.arrive(turn(followed, 0.0), answer, 0.0)
    assert report is not None
    assert report.execution == seen(A)
    assert pause(followed, 0.0) == about(wait)


def test_nobody_is_out_of_sight_after_a_regrouping() -> None:
    """One under way that is called stays; one that is not is next; one that has ended stays so."""
    followed = convoy([A, B, C, D], rate=1000.0)
    called, lost = turn(followed, 0.0), turn(followed, 0.1)
    polled(followed, 0.2, seen(C, "Succeeded"))
    followed.regroup({called})
    assert list(followed.under_way) == [called]
    del followed.under_way[called]  # as if the interruption had come in the middle
    followed.regroup(())
    assert [end.reference for end in drained(followed)] == [C]
    found = [polled(followed, 1.0 + place, seen(A)) for place in range(3)]
    assert sorted(found, key=[A, B, C, D].index) == [A, B, D]
    assert lost.polls == called.polls == 1


def test_a_convoy_that_was_disbanded_has_ended() -> None:
    """With those that waited, those under way, and those that had ended."""
    followed = convoy([A, B, C], rate=1000.0)
    polled(followed, 0.0, seen(A))
    under_way = turn(followed, 0.1)
    polled(followed, 0.2, seen(C, "Failed"))
    followed.disband()
    assert followed.step(0.3) is None
    assert not followed.ended
    assert followed.arrive(under_way, seen(B, "Failed"), 0.4) is None
    assert not followed.ended


# Reports


def test_each_poll_is_reported() -> None:
    """What it saw or failed with, and when the next one is due."""
    followed = convoy([A])
    outcomes: list[Outcome] = [seen(A), refused("ThrottlingException"), seen(A), seen(A, "Succeeded")]
    reports: list[PollReport] = []
    for moment, outcome in enumerate(outcomes):
        report = followed.arrive(turn(followed, moment * 60.0), outcome, moment * 60.0 + 0.5)
        assert report is not None
        reports.append(report)
    assert [report.reference for report in reports] == [A] * 4
    assert [report.number for report in reports] == [1, 2, 3, 4]
    assert [report.seconds for report in reports] == [0.5, 60.5, 120.5, 180.5]
    assert [report.execution or report.failure for report in reports] == outcomes
    assert [report.pause for report in reports] == [2.0, 4.0, 6.0, None]


def test_the_last_poll_is_reported_as_such_when_it_failed() -> None:
    """There is no other."""
    followed = convoy([A])
    denied = refused("AccessDeniedException", 403)
    report = followed.arrive(turn(followed, 0.0), denied, 1.0)
    assert report is not None
    assert (report.execution, report.failure, report.pause, report.number) == (None, denied, None, 1)


# Fairness


def simulated(
    followed: Convoy, *, latency: Callable[[], float], outcome: Callable[[Follow, float], Outcome], seconds: float
) -> dict[PipelineExecutionReference, list[float]]:
    """Drive a convoy for so many seconds, and return when each was polled."""
    now, numbers = 0.0, count()
    under_way: list[tuple[float, int, Follow]] = []
    polls: dict[PipelineExecutionReference, list[float]] = {}
    while now < seconds:
        followed.ended.clear()
        while under_way and under_way[0][0] <= now:
            _, _, follow = under_way.pop(0)
            followed.arrive(follow, outcome(follow, now), now)
        step = followed.step(now)
        if isinstance(step, Turn):
            polls.setdefault(step.follow.reference, []).append(now)
            under_way.append((now + latency(), next(numbers), step.follow))
            under_way.sort()
        elif step is None and not followed.ended:
            break
        elif step is not None:
            now = min(now + step, under_way[0][0] if under_way else inf)
    return polls


@pytest.mark.parametrize(
    ("number", "rate", "slowest"),
    [
        pytest.param(400, 10.0, 0.05, id="too-many-for-the-budget"),
        pytest.param(400, 20.0, 0.3, id="slow-answers"),
        pytest.param(200, 10.0, 0.05, id="just-too-many"),
        pytest.param(20, 10.0, 0.05, id="few"),
    ],
)
def test_none_waits_much_longer_than_the_others(number: int, rate: float, slowest: float) -> None:
    """No more than twice the fair interval, where that is longer than its own pace; also one that never changes."""
    random = Random(1)
    references = [
        PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000") for place in range(number)
    ]
    lively = set(references[::2])  # these change with each poll, and so are due again soon

    def outcome(follow: Follow, now: float) -> Outcome:
        status = "Stopping" if follow.reference in lively and follow.polls % 2 else "InProgress"
        return seen(follow.reference, status)

    followed = convoy(references, rate=rate, chance=random.random, timeout=None)
    polls = simulated(followed, latency=lambda: random.uniform(0.01, slowest), outcome=outcome, seconds=600.0)
    fair = number / rate
    longest = max(fair, 30.0)  # the slowest pace
    for reference in references:
        moments = [0.0, *polls[reference], 600.0]
        gaps = [after - before for before, after in pairwise(moments)]
        assert max(gaps) <= 2.0 * longest
        assert gaps[0] <= 1.1 * fair
    total = sum(len(moments) for moments in polls.values())
    assert total <= 600.0 * rate + 2
    if fair > 30.0:
        assert total >= 0.98 * 600.0 * rate


# Any order


@settings(max_examples=60)
@given(st.data(), st.integers(0, 12), st.integers(1, 4), st.sampled_from([None, 5.0, 60.0]))
def test_whatever_happens_each_ends_exactly_once(
    data: st.DataObject, number: int, places: int, timeout: float | None
) -> None:
    """In any order of calls that end, fail, are given up or come too late."""
    references = [
        PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000") for place in range(number)
    ]
    followed = convoy(references, places=places, timeout=timeout, rate=data.draw(st.sampled_from([0.5, 10.0, 1000.0])))
    outcomes = st.sampled_from(
        ["InProgress", "Stopping", "Succeeded", "Failed", "ThrottlingException", "AccessDeniedException", "keys", ""]
    )
    ended: list[PipelineExecutionReference] = []
    now = 0.0
    for moment in range(2000):
        ended += [end.reference for end in drained(followed)]
        step = followed.step(now)
        if step is None and not followed.ended:
            break
        assert len(followed.under_way) <= places
        if isinstance(step, float) and not followed.under_way:
            now += step
        elif followed.under_way:
            follow = (
                data.draw(st.sampled_from(list(followed.under_way))) if moment < 100 else next(iter(followed.under_way))
            )
            what = data.draw(outcomes) if moment < 100 else "Succeeded"
            now += data.draw(st.floats(0.0, 3.0)) if moment < 100 else 0.0
            if what == "":
                followed.recall(follow)
            elif what == "keys":
                followed.arrive(follow, CredentialsError("no keys"), now)
            elif what.endswith("Exception"):
                followed.arrive(follow, refused(what), now)
            else:
                followed.arrive(follow, seen(follow.reference, what), now)
    else:
        pytest.fail("it went on for ever")
    assert sorted(ended, key=references.index) == references
