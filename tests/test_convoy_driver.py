"""The loops that follow many: in threads, and in tasks on asyncio and trio."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, closing
from inspect import isawaitable
from itertools import count
from typing import Any, Final, Protocol

import anyio
import anyio.lowlevel
import pytest
from attrs import field, frozen

from codepipeline_client import (
    ConfigurationError,
    FollowedExecution,
    OnPoll,
    PipelineExecution,
    PipelineExecutionReference,
    PollReport,
    ResponseMetadata,
    ServiceError,
    WaitTimeoutError,
)
from codepipeline_client import _convoy as convoy_module
from codepipeline_client import _convoy_driver as driver
from codepipeline_client._convoy import Convoy
from codepipeline_client._convoy_driver import followed, followed_async
from codepipeline_client._crew import Crew
from codepipeline_client._march import March
from codepipeline_client._pauses import ClosableClock
from codepipeline_client.clock import Clock, SystemClock
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.operations.get_pipeline_execution import GetPipelineExecutionOutput
from codepipeline_client.testing import FakeClock, make_pipeline_execution
from codepipeline_client.waiting import Follow, pace

SOON: Final = 5.0
"""Seconds that nothing here takes, unless it hangs."""
INSTANT: Final = 0.02
"""Seconds in which what must not happen would have happened."""
BACKENDS: Final = pytest.mark.parametrize("backend", ["asyncio", "trio"])
Outcome = PipelineExecution | BaseException | str
"""What comes of a poll: a status stands for an execution that has it."""


def references(number: int) -> list[PipelineExecutionReference]:
    return [PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000") for place in range(number)]


A, B, C = REFERENCES = references(3)


def seen(reference: PipelineExecutionReference, status: str = "InProgress") -> PipelineExecution:
    name, execution_id = reference.pipeline_name, reference.pipeline_execution_id
    return make_pipeline_execution(pipeline_name=name, pipeline_execution_id=execution_id, status=status)


def refused(code: str, status: int = 400) -> ServiceError:
    error = SERVICE_ERRORS[code]("", code=code, http_status_code=status, request_id=None, operation_name="X")
    error.attempts = 1
    return error


@frozen
class Service:
    """What is asked: the next outcome of each execution in turn, the last one for ever."""

    outcomes: dict[PipelineExecutionReference, list[Outcome]]
    asked: list[tuple[PipelineExecutionReference, float | None]] = field(
        factory=list[tuple[PipelineExecutionReference, float | None]]
    )

    def poll(self, reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        self.asked.append((reference, timeout))
        outcomes = self.outcomes[reference]
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return seen(reference, outcome) if isinstance(outcome, str) else outcome


class Journey(Protocol):
    """Follows all by one of the loops, and returns how each ended, in order."""

    def __call__(
        self, poll: Callable[..., Any], references: Iterable[PipelineExecutionReference] = ..., **changes: Any
    ) -> list[FollowedExecution]: ...


def terms(
    *, clock: Clock | ClosableClock | None = None, rate: float = 10.0, on_poll: OnPoll | None = None, **changes: Any
) -> dict[str, Any]:
    """Return the arguments beside the poll and the references. ClosableClock are as long as their intervals."""
    usual = {"timeout": 600.0, "poll_interval": 2.0, "max_poll_interval": 30.0, "not_found_grace": 0.0}
    return {
        "pace": pace(**{**usual, **changes}),
        "max_calls_per_second": rate,
        "clock": clock if isinstance(clock, ClosableClock) else ClosableClock(clock or FakeClock()),
        "chance": lambda: 0.5,
        "on_poll": on_poll,
    }


def in_task(poll: Callable[..., Any]) -> Callable[..., Any]:
    """Return the poll for tasks; one that is for tasks already stays as it is."""

    async def ask(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        await anyio.lowlevel.checkpoint()
        outcome = poll(reference, timeout)
        execution: PipelineExecution = await outcome if isawaitable(outcome) else outcome
        return execution

    return ask


@pytest.fixture(params=["sync", "asyncio", "trio"])
def journey(request: pytest.FixtureRequest) -> Journey:
    """Each of the loops."""

    def run(
        poll: Callable[..., Any], references: Iterable[PipelineExecutionReference] = REFERENCES, **changes: Any
    ) -> list[FollowedExecution]:
        if request.param == "sync":
            return list(followed(poll, references, **terms(**changes)))

        async def main() -> list[FollowedExecution]:
            return [end async for end in followed_async(in_task(poll), references, **terms(**changes))]

        return anyio.run(main, backend=request.param)

    return run


@pytest.fixture
def started() -> Callable[[], set[threading.Thread]]:
    """Return what tells the crew's threads that were started in the test and are still there."""
    before = set(threading.enumerate())
    return lambda: {each for each in threading.enumerate() if "(_work)" in each.name} - before


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opens at the end, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


# What all loops do


def test_each_is_yielded_as_it_ends(journey: Journey) -> None:
    """However it ends: an end that is bad is no error of the wait."""
    service = Service({A: ["InProgress", "Stopping", "Stopped"], B: ["Succeeded"], C: ["InProgress", "Failed"]})
    ends = journey(service.poll)
    assert ends == [
        FollowedExecution(B, seen(B, "Succeeded")),
        FollowedExecution(C, seen(C, "Failed")),
        FollowedExecution(A, seen(A, "Stopped")),
    ]
    assert Counter(reference for reference, _ in service.asked) == {A: 3, B: 1, C: 2}


def test_one_that_fails_for_good_ends_no_other(journey: Journey) -> None:
    """It is yielded with its error."""
    denied = refused("AccessDeniedException", 403)
    service = Service({A: ["InProgress", denied], B: [refused("ThrottlingException"), "Succeeded"], C: ["Succeeded"]})
    ends = {end.reference: end for end in journey(service.poll)}
    assert ends.keys() == {A, B, C}
    assert ends[A] == FollowedExecution(A, seen(A), denied)
    assert ends[B].result() == seen(B, "Succeeded")
    with pytest.raises(type(denied)):
        ends[A].result()


def test_with_a_fake_clock_calls_come_one_after_the_other_and_nothing_waits(journey: Journey) -> None:
    """A day passes at once, and a test can count on the order."""
    clock, now, most = FakeClock(), 0, 0

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        try:
            return seen(reference, "Succeeded" if clock.monotonic() > 86400 else "InProgress")
        finally:
            now -= 1

    before = time.monotonic()
    ends = journey(poll, clock=clock, timeout=None, max_poll_interval=3600.0)
    assert time.monotonic() - before < SOON
    assert [end.result().status for end in ends] == ["Succeeded"] * 3
    assert most == 1
    assert sum(clock.slept) == pytest.approx(clock.monotonic())


def test_when_the_time_is_over_all_that_remain_are_yielded(journey: Journey) -> None:
    """Each with a timeout of its own."""
    service = Service({A: ["InProgress"], B: ["InProgress", "Succeeded"], C: ["InProgress"]})
    clock = FakeClock()
    ends = journey(service.poll, clock=clock, timeout=100.0)
    assert [end.reference for end in ends] == [B, *sorted([A, C], key=[end.reference for end in ends].index)]
    assert {type(end.error) for end in ends[1:]} == {WaitTimeoutError}
    assert [end.execution for end in ends[1:]] == [seen(end.reference) for end in ends[1:]]
    assert 98.9 <= clock.monotonic() <= 100.1
    assert all(timeout is not None and timeout <= 100.0 for _, timeout in service.asked)


def test_a_call_under_way_when_the_time_is_over_is_not_waited_for(journey: Journey) -> None:
    """It hangs, and no limit ends it."""
    clock, gate = FakeClock(), threading.Event()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> Any:
        clock.advance(700.0)
        if threading.current_thread() is not threading.main_thread():
            return gate.wait(SOON) and seen(reference)
        return anyio.sleep_forever()

    before = time.monotonic()
    try:
        ends = journey(poll, [A, B], clock=clock)
    finally:
        gate.set()
    assert [end.reference for end in ends] == [A, B]
    assert {type(end.error) for end in ends} == {WaitTimeoutError}
    assert time.monotonic() - before < SOON


def test_a_failure_that_is_kept_keeps_no_frames(journey: Journey) -> None:
    """It is the cause of the timeout, and kept until then: the frames of a call hold much."""
    [end] = journey(Service({A: [refused("InternalFailure", 500)]}).poll, [A], timeout=10.0)
    assert isinstance(end.error, WaitTimeoutError)
    assert isinstance(end.error.__cause__, ServiceError)
    assert end.error.__cause__.__traceback__ is None


def test_a_client_that_cannot_call_is_not_asked_for_the_others(journey: Journey) -> None:
    """A closed one, say. Each has an error of its own."""
    service = Service({A: ["InProgress", ConfigurationError("closed")], B: ["InProgress"], C: ["Succeeded"]})
    ends = journey(service.poll)
    assert {end.reference for end in ends} == {A, B, C}
    errors = [end.error for end in ends if end.reference != C]
    assert [str(error) for error in errors] == ["closed"] * 2
    assert errors[0] is not errors[1]
    assert len(service.asked) == 4


def test_each_poll_is_told_of(journey: Journey) -> None:
    """Before what ended with it is yielded, and where the consumer is."""
    reports: list[tuple[PollReport, threading.Thread]] = []
    service = Service({A: ["InProgress", "Succeeded"], B: [refused("AccessDeniedException", 403)]})

    def note(report: PollReport) -> None:
        reports.append((report, threading.current_thread()))

    journey(service.poll, [A, B], on_poll=note)
    assert {thread for _, thread in reports} == {threading.current_thread()}
    told = [(report.reference, report.number, report.pause) for report, _ in reports]
    assert told == [(A, 1, 2.0), (B, 1, None), (A, 2, None)]
    assert [report.seconds for report, _ in reports] == [0.0, pytest.approx(0.1), pytest.approx(2.0)]


def test_a_hung_call_does_not_hold_up_the_others(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    """They go on beside it; and in tasks it is cancelled, and asked again, when one of them has ended."""
    monkeypatch.setattr(driver, "_MOMENT", 0.01)
    gate, asked = threading.Event(), Counter[PipelineExecutionReference]()
    ended: list[PipelineExecutionReference] = []

    def note(report: PollReport) -> None:
        if report.pause is None:
            ended.append(report.reference)
        if len(ended) == 2:
            gate.set()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> Any:
        asked[reference] += 1
        if reference != A or gate.is_set():
            return seen(reference, "Succeeded" if asked[reference] > 4 else "InProgress")
        if threading.current_thread() is not threading.main_thread():
            return gate.wait(SOON) and seen(reference)
        return anyio.sleep_forever()

    ends = journey(poll, clock=SystemClock(), rate=500.0, poll_interval=0.01, max_poll_interval=0.02, on_poll=note)
    assert [end.reference for end in ends][2] == A
    assert {end.result().status for end in ends} == {"Succeeded"}


@pytest.mark.parametrize("asked_before", [True, False], ids=["in-a-pause", "before-the-first"])
def test_when_the_client_is_closed_all_that_remain_end_at_once(journey: Journey, asked_before: bool) -> None:
    """Also in a pause, and nothing more is asked. Nor is a core kept busy until the pause would be over."""
    clock, asked, reports = ClosableClock(SystemClock()), list[PipelineExecutionReference](), list[PollReport]()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        asked.append(reference)
        return seen(reference)

    def note(report: PollReport) -> None:
        reports.append(report)
        if len(reports) == 3:
            threading.Timer(INSTANT, clock.close).start()

    if not asked_before:
        clock.close()
    before, used = time.monotonic(), time.process_time()
    ends = journey(poll, clock=clock, rate=1000.0, poll_interval=30.0, on_poll=note)
    assert time.monotonic() - before < SOON
    assert time.process_time() - used < SOON / 10
    assert {end.reference for end in ends} == set(REFERENCES)
    assert {str(end.error) for end in ends} == {"the client is closed: make a new one"}
    assert {type(end.error) for end in ends} == {ConfigurationError}
    assert len({id(end.error) for end in ends}) == 3
    assert len(asked) == (3 if asked_before else 0)


def test_requests_of_a_success_count(journey: Journey) -> None:
    """An answer that took two, as a retry led to it, leaves half of the rate."""
    clock, moments = FakeClock(), list[float]()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> Any:
        moments.append(clock.monotonic())
        metadata = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=2)
        return GetPipelineExecutionOutput(
            pipeline_execution=seen(reference, "Succeeded"), response_metadata=metadata, raw={}
        )

    ends = journey(poll, references(41), clock=clock, rate=20.0)
    assert {end.result().status for end in ends} == {"Succeeded"}
    assert moments[-1] == pytest.approx(4.0, abs=0.2)


@pytest.mark.parametrize("rate", [0, "10"])
def test_a_rate_that_cannot_be_meant_is_refused_at_once(rate: Any) -> None:
    """Not when the first is asked for."""
    for follow in (followed, followed_async):
        with pytest.raises(ConfigurationError, match="max_calls_per_second"):
            follow(Service({}).poll, [A], **terms(rate=rate))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - not reached


def test_references_are_read_at_once_and_once(journey: Journey) -> None:
    """What is done to a list afterwards changes nothing, and an iterator will do."""
    service = Service({A: ["Succeeded"], B: ["Succeeded"]})
    assert [end.reference for end in journey(service.poll, iter([A, B, A]))] == [A, B]
    listed = [A]
    ends = followed(service.poll, listed, **terms())
    listed.clear()
    assert [end.reference for end in ends] == [A]


def test_there_is_nothing_to_ask_about_nobody(journey: Journey, started: Callable[[], set[threading.Thread]]) -> None:
    """No thread is started for it either."""
    assert journey(Service({}).poll, []) == []
    assert not started()


def test_the_time_counts_from_the_call() -> None:
    """Also the time in which nothing was asked for."""
    clock = FakeClock()
    ends = followed(Service({A: ["Succeeded"]}).poll, [A], **terms(clock=clock, timeout=60.0))
    clock.advance(61.0)
    assert isinstance(next(ends).error, WaitTimeoutError)


def test_there_is_no_burst_after_a_slow_consumer(journey: Journey) -> None:
    """Nothing is made up for: the calls keep their distance, however late they are."""
    clock, moments = FakeClock(), list[float]()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        moments.append(clock.monotonic())
        return seen(reference, "Succeeded" if len(moments) % 10 == 0 else "InProgress")

    def dawdle(report: PollReport) -> None:
        if report.pause is None:
            clock.advance(60.0)

    ends = journey(poll, references(50), clock=clock, timeout=None, on_poll=dawdle)
    assert len(ends) == 50
    for earlier, later in zip(moments, moments[2:], strict=False):
        assert later - earlier > 0.1


class Defect(Exception):
    """What no poll should raise."""


def test_a_defect_of_a_poll_is_raised_bare_and_ends_nothing() -> None:
    """The next that is asked for is followed as if nothing had been."""
    ends = followed(Service({A: ["InProgress", Defect("x"), "Succeeded"]}).poll, [A], **terms())
    with pytest.raises(Defect):
        next(ends)
    assert [end.reference for end in ends] == [A]


@BACKENDS
def test_a_defect_of_a_poll_in_a_task_is_raised_bare_and_ends_nothing(backend: str) -> None:
    """No group of exceptions is to be seen; and it has the cause that it had."""
    defect = Defect("x")
    defect.__cause__ = KeyError("y")

    async def main() -> None:
        service = Service({A: ["InProgress", defect, "Succeeded"], B: ["InProgress", "Succeeded"]})
        ends = followed_async(in_task(service.poll), [A, B], **terms())
        with pytest.raises(Defect) as caught:
            await anext(ends)
        assert caught.value is defect
        assert isinstance(defect.__cause__, KeyError)
        assert {end.reference for end in [end async for end in ends]} == {A, B}

    anyio.run(main, backend=backend)


# In threads


def test_when_all_have_ended_no_thread_is_left(started: Callable[[], set[threading.Thread]]) -> None:
    """Not even for a moment; and it stays ended."""
    ends = followed(Service({A: ["InProgress", "Succeeded"], B: ["Failed"]}).poll, [A, B], **terms())
    assert next(ends).reference == B
    assert len(started()) == 1
    assert [end.reference for end in ends] == [A]
    assert not started()
    assert list(ends) == []


@pytest.mark.parametrize("number", [1, 3, 20])
def test_calls_are_made_in_eight_threads_at_most(number: int, started: Callable[[], set[threading.Thread]]) -> None:
    """And in no more than there are executions."""
    together, now, lock = min(number, 8), 0, threading.Lock()
    all_in, too_many = threading.Event(), threading.Event()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        nonlocal now
        with lock:
            now += 1
            (all_in if now == together else too_many if now > together else threading.Event()).set()
        assert all_in.wait(SOON)
        assert not too_many.wait(INSTANT)
        with lock:
            now -= 1
        return seen(reference, "Succeeded")

    ends = followed(poll, references(number), **terms(clock=SystemClock(), rate=1000.0))
    next(ends)
    assert len(started()) == together
    all_in.set()  # the last ones may be fewer
    assert len(list(ends)) == number - 1


@pytest.mark.parametrize("in_a_call", [False, True], ids=["idle", "in-a-call"])
def test_an_iterator_that_is_dropped_leaves_nothing(
    started: Callable[[], set[threading.Thread]], gate: threading.Event, in_a_call: bool
) -> None:
    """No need to close it: its threads end, at the latest when their calls do."""
    both = threading.Event()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        if reference == A:
            assert not in_a_call or both.wait(SOON)
            return seen(A, "Succeeded")
        both.set()
        assert gate.wait(SOON)
        return seen(reference)

    clock = SystemClock() if in_a_call else FakeClock()
    for end in followed(poll, [A, B], **terms(clock=clock)):
        assert end.reference == A
        break
    gate.set()
    for thread in started():
        thread.join(SOON)
        assert not thread.is_alive()


def test_an_iterator_may_be_closed(started: Callable[[], set[threading.Thread]]) -> None:
    """Then it has ended, also for who goes on."""
    service = Service({A: ["Succeeded"], B: ["Succeeded"], C: ["Succeeded"]})
    ends: Any = followed(service.poll, REFERENCES, **terms())
    with closing(ends):
        next(ends)
    assert not started()
    assert list(ends) == []
    assert len(service.asked) == 1


class Noting(FakeClock):
    """Tells when a thread of the crew has looked at it, as it does when its call is over."""

    def __init__(self) -> None:
        super().__init__()
        self.calls_over = threading.Semaphore(0)

    def monotonic(self) -> float:
        now = super().monotonic()
        if threading.current_thread() is not threading.main_thread():
            self.calls_over.release()
        return now


def test_a_call_that_is_over_in_time_is_not_late_because_its_consumer_is(gate: threading.Event) -> None:
    """What it brought counts as of its end."""
    clock, under_way, reports = Noting(), threading.Semaphore(0), list[PollReport]()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        clock.advance(1.0)  # so that the next is due
        if reference == C:
            assert under_way.acquire(timeout=SOON)
            assert under_way.acquire(timeout=SOON)
        else:
            under_way.release()
            assert gate.wait(SOON)
        return seen(reference, "Succeeded")

    ends = followed(poll, REFERENCES, **terms(clock=clock, timeout=60.0, on_poll=reports.append))
    assert next(ends).reference == C
    gate.set()
    for _ in REFERENCES:
        assert clock.calls_over.acquire(timeout=SOON)
    clock.advance(100.0)
    assert {end.reference: end.error for end in ends} == {A: None, B: None}
    assert [report.seconds for report in reports] == [3.0] * 3


class Interrupting(FakeClock):
    """Its first sleep is interrupted, as by Ctrl-C."""

    is_interrupted = False

    def sleep(self, seconds: float) -> None:
        if not self.is_interrupted:
            self.is_interrupted = True
            raise KeyboardInterrupt
        super().sleep(seconds)


def test_who_was_interrupted_may_go_on() -> None:
    """In a notebook, say: what comes next is not taken for the end. The interruption is no group of exceptions."""
    service = Service({A: ["InProgress", "Succeeded"], B: ["Succeeded"]})
    clock = Interrupting()
    ends = followed(service.poll, [A, B], **terms(clock=clock))
    with pytest.raises(KeyboardInterrupt):
        next(ends)
    assert [end.reference for end in ends] == [B, A]


@BACKENDS
def test_who_was_interrupted_in_a_task_may_go_on(backend: str) -> None:
    """As in a thread: by Ctrl-C on trio, which breaks into the task that waits."""

    async def main() -> None:
        service = Service({A: ["InProgress", "Succeeded"], B: ["Succeeded"]})
        ends = followed_async(in_task(service.poll), [A, B], **terms(clock=Interrupting()))
        with pytest.raises(KeyboardInterrupt):
            await anext(ends)
        assert [end.reference async for end in ends] == [B, A]

    anyio.run(main, backend=backend)


POINTS: Final = [
    pytest.param(March, "step", True, id="after-the-step"),
    pytest.param(Crew, "begin", False, id="before-the-order"),
    pytest.param(Crew, "begin", True, id="after-the-order"),
    pytest.param(Crew, "_give", False, id="before-it-is-given"),
    pytest.param(threading.Thread, "start", False, id="before-the-thread"),
    pytest.param(threading.Thread, "start", True, id="after-the-thread"),
    pytest.param(March, "arrive", False, id="before-it-is-told-of"),
    pytest.param(March, "arrive", True, id="after-it-was-told-of"),
    pytest.param(Follow, "after", False, id="before-it-is-learned"),
    pytest.param(Convoy, "_put", False, id="before-it-waits"),
    pytest.param(Convoy, "_put", True, id="after-it-waits"),
    pytest.param(Convoy, "_end", False, id="before-it-ends"),
    pytest.param(Convoy, "_end", True, id="after-it-ended"),
]


@pytest.mark.parametrize("which", [1, 2, 3])
@pytest.mark.parametrize(("whose", "what", "afterwards"), POINTS)
def test_nobody_is_lost_wherever_an_interruption_comes(
    whose: type, what: str, afterwards: bool, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a limit of time it would never be told of. Each ends once."""
    whole, times = getattr(whose, what), count(1)

    def interrupted(*arguments: Any) -> Any:
        at = next(times)
        if at == which and not afterwards:
            raise KeyboardInterrupt
        result = whole(*arguments)
        if at == which:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(whose, what, interrupted)
    service = Service({A: ["InProgress", "Succeeded"], B: ["InProgress", "InProgress", "Failed"], C: ["Succeeded"]})
    ends = followed(service.poll, REFERENCES, **terms(timeout=None))
    found: list[FollowedExecution] = []
    for _ in range(2):
        try:
            found += iter(ends)
        except KeyboardInterrupt:
            found += list(ends)
    assert sorted([end.reference for end in found], key=REFERENCES.index) == REFERENCES
    assert all(end.error is None for end in found)


def test_calls_go_on_beside_eight_that_hang(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment; and at most 32 are under way."""
    monkeypatch.setattr(convoy_module, "_SLOW", 0.01)
    under_way = list[PipelineExecutionReference]()
    many = references(40)
    last = many[9]

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        if reference != last:
            under_way.append(reference)
            assert gate.wait(SOON)
        return seen(reference, "Succeeded")

    ends = followed(poll, many, **terms(clock=SystemClock(), rate=1000.0))
    before = time.monotonic()
    assert next(ends).reference == last
    assert time.monotonic() - before < SOON / 5
    threading.Timer(0.5, gate.set).start()
    next(ends)
    assert len(under_way) >= 32
    assert len(list(ends)) == 38


def test_threads_may_share_an_iterator() -> None:
    """Each that ends goes to one of them, and only one of them asks and tells at a time."""
    number, inside, both_inside = 20, threading.Lock(), threading.Event()

    def note(report: PollReport) -> None:
        if not inside.acquire(blocking=False):
            both_inside.set()
        else:
            both_inside.wait(INSTANT / 4)
            inside.release()

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        return seen(reference, "Succeeded")

    ends = followed(poll, references(number), **terms(clock=SystemClock(), rate=1000.0, on_poll=note))
    got: list[PipelineExecutionReference] = []
    threads = [threading.Thread(target=lambda: got.extend([end.reference for end in ends])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert sorted(got, key=references(number).index) == references(number)
    assert not both_inside.is_set()


def test_without_threads_all_end_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which says so."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ends = list(followed(Service({}).poll, [A, B], **terms()))
    assert [end.reference for end in ends] == [A, B]
    assert all(isinstance(end.error, ConfigurationError) for end in ends)


# In tasks


@frozen
class Calls:
    """Calls in tasks, some of which take until they are let go."""

    held: frozenset[PipelineExecutionReference]
    status: str = "Succeeded"
    under_way: set[PipelineExecutionReference] = field(factory=set[PipelineExecutionReference])
    asked: list[PipelineExecutionReference] = field(factory=list[PipelineExecutionReference])
    all_in: anyio.Event = field(factory=anyio.Event)
    """Set when the calls that are held are under way."""
    free: anyio.Event = field(factory=anyio.Event)

    async def poll(self, reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        self.asked.append(reference)
        self.under_way.add(reference)
        try:
            if self.held <= self.under_way:
                self.all_in.set()
            await (self.free if reference in self.held else self.all_in).wait()
            return seen(reference, self.status)
        finally:
            self.under_way.remove(reference)


def hurried(**changes: Any) -> dict[str, Any]:
    """Return the arguments of one that asks in real time, and very often."""
    return terms(clock=SystemClock(), rate=1000.0, poll_interval=0.01, **changes)


@BACKENDS
def test_calls_are_under_way_only_while_the_next_is_awaited(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that take longer than the moment that they are given are cancelled, and come first the next time."""
    monkeypatch.setattr(driver, "_MOMENT", 0.01)

    async def main() -> None:
        calls = Calls(frozenset({B, C}))
        ends = followed_async(calls.poll, REFERENCES, **hurried())
        assert (await anext(ends)).reference == A
        assert calls.under_way == set()
        calls.free.set()
        assert {end.reference async for end in ends} == {B, C}
        assert Counter(calls.asked) == {A: 1, B: 2, C: 2}

    anyio.run(main, backend=backend)


@BACKENDS
def test_a_call_that_hangs_holds_up_the_first_end_only(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its moment once; after that it is cancelled in a blink when others end, and asked again."""
    monkeypatch.setattr(driver, "_MOMENT", 0.3)
    monkeypatch.setattr(driver, "_BLINK", 0.01)

    async def main() -> None:
        asked: list[PipelineExecutionReference] = []

        async def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
            asked.append(reference)
            if reference == A:
                await anyio.sleep_forever()
            return seen(reference, "Succeeded" if asked.count(reference) > 1 else "InProgress")

        ends = followed_async(poll, references(11), **terms(clock=SystemClock(), rate=40.0, poll_interval=0.35))
        before = time.monotonic()
        for _ in range(10):
            assert (await anext(ends)).reference != A
        assert 0.3 < time.monotonic() - before < 1.5
        assert asked.count(A) > 5

    anyio.run(main, backend=backend)


@BACKENDS
def test_calls_have_a_moment_to_end_when_one_has_ended(backend: str) -> None:
    """What comes of them is not lost, and those that ended as well are yielded next, with nothing asked."""

    async def main() -> None:
        calls = Calls(frozenset({B, C}))

        async def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
            execution = await calls.poll(reference, timeout)
            if reference == A:
                calls.free.set()
            else:
                await anyio.sleep(INSTANT)
            return execution

        ends = followed_async(poll, REFERENCES, **hurried())
        assert {end.reference async for end in ends} == {A, B, C}
        assert Counter(calls.asked) == {A: 1, B: 1, C: 1}

    anyio.run(main, backend=backend)


class Counting(SystemClock):
    """The machine's clock, which counts how often it is looked at."""

    looks = 0

    def monotonic(self) -> float:
        self.looks += 1
        return super().monotonic()


@BACKENDS
def test_a_call_that_takes_long_is_waited_for_without_haste(backend: str) -> None:
    """Also when another one is over: that is looked at once."""

    async def main() -> None:
        clock, over = Counting(), anyio.Event()

        async def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
            if reference == A:
                await over.wait()
                await anyio.sleep(INSTANT)
            else:
                over.set()
            return seen(reference, "Succeeded" if reference == A else "InProgress")

        ends = followed_async(poll, [A, B], **terms(clock=clock, rate=1000.0))
        assert (await anext(ends)).reference == A
        assert clock.looks < 20

    anyio.run(main, backend=backend)


@BACKENDS
def test_who_was_cancelled_may_go_on(backend: str) -> None:
    """All calls end with the cancellation, and are made again."""

    async def main() -> None:
        calls = Calls(frozenset({A, B}))
        ends = followed_async(calls.poll, [A, B], **hurried())
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:

                async def cancel() -> None:
                    await calls.all_in.wait()
                    scope.cancel()

                tasks.start_soon(cancel)
                await anext(ends)
        assert scope.cancelled_caught
        assert calls.under_way == set()
        calls.free.set()
        assert {end.reference async for end in ends} == {A, B}
        assert Counter(calls.asked) == {A: 2, B: 2}

    anyio.run(main, backend=backend)


@BACKENDS
def test_what_has_come_is_not_lost_in_a_cancellation(backend: str) -> None:
    """The call ended just before."""

    async def main() -> None:
        asked: list[PipelineExecutionReference] = []
        scope = anyio.CancelScope()

        async def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
            asked.append(reference)
            await anyio.lowlevel.checkpoint()
            scope.cancel()
            return seen(reference, "Succeeded")

        ends = followed_async(poll, [A], **terms())
        with scope:
            await anext(ends)
        assert scope.cancelled_caught
        assert [end.reference async for end in ends] == [A]
        assert asked == [A]

    anyio.run(main, backend=backend)


def test_asyncio_s_own_timeouts_may_be_used_for_each_step() -> None:
    """They cancel the task itself."""
    from asyncio import run, wait_for

    async def main() -> None:
        calls = Calls(frozenset({A}))
        ends = followed_async(calls.poll, [A], **hurried())
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await wait_for(anext(ends), 0.02)
            assert calls.under_way == set()
        calls.free.set()
        assert (await wait_for(anext(ends), SOON)).reference == A

    run(main())


@BACKENDS
def test_an_iterator_of_a_task_may_be_dropped(backend: str) -> None:
    """By breaking off, by its last reference, or unused; neither library has anything to say about it."""

    async def main() -> None:
        service = Service({A: ["Succeeded"], B: ["InProgress"]})
        async for end in followed_async(in_task(service.poll), [A, B], **terms()):
            assert end.reference == A
            break
        ends: AsyncIterator[FollowedExecution] | None = followed_async(in_task(service.poll), [A, B], **terms())
        gone = weakref.ref(ends)
        assert ends is not None
        await anext(ends)
        ends = None
        gc.collect()
        assert gone() is None
        await anyio.lowlevel.checkpoint()

    anyio.run(main, backend=backend)


@BACKENDS
def test_an_iterator_of_a_task_may_be_closed(backend: str) -> None:
    """Then it has ended, also for who goes on."""

    async def main() -> None:
        service = Service({A: ["Succeeded"], B: ["Succeeded"]})
        ends: Any = followed_async(in_task(service.poll), [A, B], **terms())
        async with aclosing(ends):
            await anext(ends)
        assert [end async for end in ends] == []
        assert len(service.asked) == 1

    anyio.run(main, backend=backend)


@BACKENDS
def test_tasks_may_share_an_iterator(backend: str) -> None:
    """Each that ends goes to one of them."""

    async def main() -> None:
        service = Service({reference: ["Succeeded"] for reference in references(40)})
        ends = followed_async(in_task(service.poll), references(40), **terms())
        got: list[PipelineExecutionReference] = []

        async def take() -> None:
            got.extend([end.reference async for end in ends])

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(take)
        assert sorted(got, key=references(40).index) == references(40)

    anyio.run(main, backend=backend)


@BACKENDS
def test_no_more_tasks_ask_than_may(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others wait until one of them is done."""
    monkeypatch.setattr(driver, "_TASKS", 2)

    async def main() -> None:
        asked: list[PipelineExecutionReference] = []
        both, too_many = anyio.Event(), anyio.Event()

        async def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
            asked.append(reference)
            if len(asked) == 2:
                both.set()
            if len(asked) == 3:
                too_many.set()
            await both.wait()
            with anyio.move_on_after(INSTANT):
                await too_many.wait()
            assert len(asked) == 2 or reference == C
            return seen(reference, "Succeeded")

        ends = followed_async(poll, REFERENCES, **hurried())
        assert {end.reference async for end in ends} == {A, B, C}

    anyio.run(main, backend=backend)


@BACKENDS
def test_others_run_while_many_are_yielded(backend: str) -> None:
    """Each step lets them, also when nothing is to be waited for; and may be cancelled there."""

    async def main() -> None:
        clock = FakeClock()
        last = PipelineExecutionReference("api", A.pipeline_execution_id)
        ends = followed_async(in_task(Service({}).poll), [*REFERENCES, last], **terms(clock=clock, timeout=60.0))
        clock.advance(61.0)
        assert isinstance((await anext(ends)).error, WaitTimeoutError)
        ran: list[str] = []
        async with anyio.create_task_group() as tasks:

            async def other() -> None:
                ran.append("other")

            tasks.start_soon(other)
            for _ in range(2):  # trio may let the one or the other go first
                await anext(ends)
            assert ran == ["other"]
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anext(ends)
        assert scope.cancelled_caught
        assert [end.reference async for end in ends] == [last]

    anyio.run(main, backend=backend)
