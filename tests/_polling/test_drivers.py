"""The loops that poll many executions: in threads, and in tasks on asyncio and trio."""

from __future__ import annotations

import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from inspect import isawaitable
from itertools import count
from typing import Any, Final
from unittest.mock import Mock

import anyio
import anyio.lowlevel
import pytest
from anyio.from_thread import start_blocking_portal
from attrs import field, frozen

from codepipeline_client import (
    ConfigurationError,
    FollowedExecution,
    GetPipelineExecutionInput,
    GetPipelineExecutionOutput,
    OnPoll,
    PipelineExecutionReference,
    PollReport,
    WaitTimeoutError,
    _threads,
)
from codepipeline_client._polling import drivers
from codepipeline_client._polling.batch import BatchScheduler
from codepipeline_client._polling.drivers import AsyncBatchIterator, BatchContext, BatchIterator
from codepipeline_client._polling.schedule import PollSchedule
from codepipeline_client.clock import Clock, ClosableClock, SystemClock
from codepipeline_client.testing import FakeClock
from tests.clients import Blocking
from tests.outcomes import asked_for, config, output, references, refused, seen

SOON: Final = 5.0
"""Seconds that nothing here takes, unless it hangs."""
INSTANT: Final = 0.02
Outcome = BaseException | str
"""What a call raises, or the status of the execution that it returns."""

A, B, C = REFERENCES = references(3)


@frozen
class Service:
    """What is polled: the next outcome of each execution in turn, the last one for ever."""

    outcomes: dict[PipelineExecutionReference, list[Outcome]]
    polled: list[PipelineExecutionReference] = field(factory=list[PipelineExecutionReference])

    def call(self, request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        reference = asked_for(request)
        self.polled.append(reference)
        outcomes = self.outcomes[reference]
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return output(reference, outcome)


def batch(
    executions: Iterable[PipelineExecutionReference] = REFERENCES,
    *,
    clock: Clock | None = None,
    rate: float = 10.0,
    on_poll: OnPoll | None = None,
    **changes: Any,
) -> BatchContext:
    """Return a batch whose pauses are as long as its intervals."""
    scheduler = partial(BatchScheduler, executions, config(**changes), rate, lambda: 0.5)
    return BatchContext(scheduler, ClosableClock(clock or FakeClock()), on_poll)


def hasty(executions: Iterable[PipelineExecutionReference] = REFERENCES, **more: Any) -> BatchContext:
    """Return a batch that polls in real time, and very often."""
    return batch(executions, clock=SystemClock(), rate=1000.0, poll_interval=0.01, **more)


def in_tasks(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return *call* as an async function; it may return an awaitable."""

    async def in_task(request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        await anyio.lowlevel.checkpoint()
        outcome = call(request, timeout)
        result: GetPipelineExecutionOutput = await outcome if isawaitable(outcome) else outcome
        return result

    return in_task


Follow = Callable[[Callable[..., Any], BatchContext], Iterator[FollowedExecution]]
"""Polls with a call and a batch, in threads or in tasks."""


@pytest.fixture(params=["threads", "asyncio", "trio"])
def follow(request: pytest.FixtureRequest) -> Iterator[Follow]:
    if request.param == "threads":
        yield BatchIterator
    else:
        with start_blocking_portal(request.param) as portal:
            yield lambda call, batch: Blocking(portal, AsyncBatchIterator(in_tasks(call), batch))


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """An event that is set when the test ends."""
    event = threading.Event()
    yield event
    event.set()


# Both


def test_each_is_yielded_as_it_ends(follow: Follow) -> None:
    """With a terminal status, or with an error that does not end the others and keeps no frames."""
    denied = refused("AccessDeniedException", 403)
    service = Service({A: ["InProgress", "Stopping", "Stopped"], B: ["Failed"], C: ["InProgress", denied]})
    assert list(follow(service.call, batch())) == [
        FollowedExecution(B, seen(B, "Failed")),
        FollowedExecution(C, seen(C), denied),
        FollowedExecution(A, seen(A, "Stopped")),
    ]
    assert denied.__traceback__ is None
    assert Counter(service.polled) == {A: 3, B: 1, C: 2}


def test_with_a_fake_clock_polls_come_one_after_the_other_and_nothing_waits(follow: Follow) -> None:
    """Hours pass at once, and a test can count on the order."""
    clock, service = FakeClock(), Service({each: [*["InProgress"] * 30, "Succeeded"] for each in REFERENCES})
    ends = follow(service.call, batch(clock=clock, timeout=None, max_poll_interval=3600.0))
    assert [each.reference for each in ends] == REFERENCES
    assert service.polled == REFERENCES * 31
    assert sum(clock.slept) == pytest.approx(clock.monotonic())


def test_a_poll_in_flight_when_the_time_is_over_is_not_waited_for(follow: Follow, gate: threading.Event) -> None:
    clock = FakeClock()

    def call(request: GetPipelineExecutionInput, timeout: float | None) -> Any:
        reference = asked_for(request)
        clock.advance(700.0)
        if threading.current_thread().name != "codepipeline_client-poll":
            return anyio.sleep_forever()
        assert gate.wait(SOON)
        return output(reference, "Succeeded")

    ends = list(follow(call, batch([A, B], clock=clock)))
    assert [each.reference for each in ends] == [A, B]
    assert {type(each.error) for each in ends} == {WaitTimeoutError}


def test_each_poll_is_reported_where_the_caller_is(follow: Follow) -> None:
    """In its thread or its event loop, before the execution that ended with it is yielded."""
    reports: list[tuple[PipelineExecutionReference, int, float | None]] = []
    service = Service({A: ["InProgress", "Succeeded"], B: [refused("AccessDeniedException", 403)]})

    def note(report: PollReport) -> None:
        assert threading.current_thread().name != "codepipeline_client-poll"
        reports.append((report.reference, report.number, report.pause))

    ends = follow(service.call, batch([A, B], on_poll=note))
    assert next(ends).reference == B
    assert reports == [(A, 1, 2.0), (B, 1, None)]
    assert next(ends).reference == A
    assert reports[2:] == [(A, 2, None)]


@pytest.mark.parametrize("polled_before", [True, False], ids=["in-a-pause", "before-the-first"])
def test_when_the_client_is_closed_the_rest_ends_at_once(follow: Follow, polled_before: bool) -> None:
    """Also in a pause, and nothing more is sent."""
    service = Service({each: ["InProgress"] for each in REFERENCES})

    def note(report: PollReport) -> None:
        if len(service.polled) == 3:
            threading.Timer(INSTANT, polls.clock.close).start()

    polls = batch(clock=SystemClock(), rate=1000.0, poll_interval=30.0, on_poll=note)
    if not polled_before:
        polls.clock.close()
    before = time.monotonic()
    ends = list(follow(service.call, polls))
    assert time.monotonic() - before < SOON
    assert {each.reference for each in ends} == set(REFERENCES)
    assert {(type(each.error), str(each.error)) for each in ends} == {
        (ConfigurationError, "the client is closed: create a new one")
    }
    assert len(service.polled) == (3 if polled_before else 0)


def test_the_time_counts_from_the_call() -> None:
    """While the executions are listed, too, and before the first is awaited. They are listed at once."""
    clock = FakeClock()

    def slow() -> Iterator[PipelineExecutionReference]:
        clock.advance(3.0)
        yield A

    polls = batch(slow(), clock=clock, timeout=60.0)
    ends = BatchIterator(Service({A: ["Succeeded"]}).call, polls)
    assert polls.elapsed() == 3.0
    clock.advance(58.0)
    assert [type(each.error) for each in ends] == [WaitTimeoutError]


def test_an_iterator_may_be_shared(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each execution goes to one thread or task, and one of them polls and reports at a time."""
    monkeypatch.setattr(drivers, "_GRACE", SOON)  # so that no poll is repeated
    number, inside, both_inside = 20, threading.Lock(), threading.Event()

    def note(report: PollReport) -> None:
        if not inside.acquire(blocking=False):
            both_inside.set()
        else:
            both_inside.wait(INSTANT / 10)
            inside.release()

    service = Service({reference: ["Succeeded"] for reference in references(number)})
    ends = follow(service.call, hasty(references(number), on_poll=note))
    with ThreadPoolExecutor(4) as threads:
        shares = list(threads.map(list[FollowedExecution], [ends] * 4))
    got = [each.reference for share in shares for each in share]
    assert sorted(got, key=references(number).index) == references(number)
    assert len(service.polled) == number
    assert not both_inside.is_set()


class Defect(Exception):
    """What no call should raise."""


def test_a_defect_of_a_call_is_raised_and_ends_nothing(follow: Follow) -> None:
    """It is in no exception group, and keeps its cause. Iterating further goes on."""
    defect = Defect("x")
    defect.__cause__ = KeyError("y")
    service = Service({A: ["InProgress", defect, "Succeeded"], B: ["InProgress", "Succeeded"]})
    ends = follow(service.call, batch([A, B]))
    with pytest.raises(Defect) as caught:
        next(ends)
    assert caught.value is defect
    assert isinstance(defect.__cause__, KeyError)
    assert {each.reference for each in ends} == {A, B}


# Threads


@pytest.mark.parametrize("in_a_poll", [False, True], ids=["idle", "in-a-poll"])
def test_an_iterator_that_is_dropped_leaves_nothing(gate: threading.Event, in_a_poll: bool) -> None:
    """Its threads end with their polls, and do not keep it."""
    threads, both = set(threading.enumerate()), threading.Event()

    def call(request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        reference = asked_for(request)
        if reference == A:
            assert not in_a_poll or both.wait(SOON)
            return output(A, "Succeeded")
        both.set()
        assert gate.wait(SOON)
        return output(reference)

    ends: BatchIterator | None = BatchIterator(call, batch([A, B], clock=SystemClock() if in_a_poll else None))
    assert ends is not None
    assert next(ends).reference == A
    gone = weakref.ref(ends)
    ends = None
    assert gone() is None
    gate.set()
    for thread in set(threading.enumerate()) - threads:
        thread.join(SOON)
        assert not thread.is_alive()


def test_a_poll_that_ended_in_time_is_not_late_because_its_caller_is(gate: threading.Event) -> None:
    """Its outcome counts as of its end."""
    clock, in_flight, reports = FakeClock(), threading.Barrier(3), list[PollReport]()

    def call(request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        reference = asked_for(request)
        clock.advance(1.0)  # so that the next is due
        in_flight.wait(SOON)
        assert reference == C or gate.wait(SOON)
        return output(reference, "Succeeded")

    ends = BatchIterator(call, batch(clock=clock, timeout=60.0, on_poll=reports.append))
    before = set(threading.enumerate())
    assert next(ends).reference == C
    gate.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(SOON)
    clock.advance(100.0)
    assert {each.reference: each.error for each in ends} == {A: None, B: None}
    assert [report.seconds for report in reports] == [3.0] * 3


def test_a_poll_has_the_context_of_its_caller() -> None:
    """A trace, say; as it is when the poll is started. Its thread is a daemon, which keeps no program from ending."""
    trace: ContextVar[str] = ContextVar("trace")
    found: list[str] = []

    def call(request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        reference = asked_for(request)
        found.append(trace.get())
        trace.set("changed")
        assert threading.current_thread().daemon
        return output(reference, "Succeeded")

    ends = BatchIterator(call, batch([A, B]))
    for name in ("first", "second"):
        trace.set(name)
        next(ends)
        assert trace.get() == name
    assert found == ["first", "second"]


def test_where_no_thread_can_be_started_the_caller_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_threads, "run_in_thread", Mock(side_effect=RuntimeError("can't start new thread")))
    service = Service({A: ["InProgress", "Succeeded"], B: ["Failed"]})
    assert [each.reference for each in BatchIterator(service.call, batch([A, B]))] == [B, A]


# Interrupts


@pytest.mark.parametrize("which", [1, 2, 3])
@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("whose", "what"),
    [
        pytest.param(FakeClock, "sleep", id="pause"),
        pytest.param(BatchContext, "next", id="choosing-a-poll"),
        pytest.param(BatchIterator, "_start", id="starting-it"),
        pytest.param(PollSchedule, "record", id="recording-it"),
        pytest.param(BatchContext, "record", id="reporting-it"),
        pytest.param(BatchScheduler, "_end", id="ending-it"),
    ],
)
def test_wherever_an_interrupt_comes_the_wait_may_go_on(
    whose: type, what: str, afterwards: bool, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a notebook, say. Each execution ends once, and none is forgotten."""
    whole, times = getattr(whose, what), count(1)

    def interrupted(*arguments: Any) -> Any:
        is_now = next(times) == which
        result = None if is_now and not afterwards else whole(*arguments)
        if is_now:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(whose, what, interrupted)
    service = Service({A: ["InProgress", "Succeeded"], B: ["InProgress", "InProgress", "Failed"], C: ["Succeeded"]})
    ends = BatchIterator(service.call, batch(timeout=None))
    found: list[FollowedExecution] = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(iter(ends))
    found.extend(iter(ends))
    assert sorted([each.reference for each in found], key=REFERENCES.index) == REFERENCES
    assert all(each.error is None for each in found)


# Tasks


@frozen
class Calls:
    """Calls in tasks. Those that are held end when `free` is set, the others when those are in flight."""

    held: frozenset[PipelineExecutionReference]
    in_flight: set[PipelineExecutionReference] = field(factory=set[PipelineExecutionReference])
    polled: list[PipelineExecutionReference] = field(factory=list[PipelineExecutionReference])
    all_in: anyio.Event = field(factory=anyio.Event)
    free: anyio.Event = field(factory=anyio.Event)

    async def call(self, request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        reference = asked_for(request)
        self.polled.append(reference)
        self.in_flight.add(reference)
        try:
            if self.held <= self.in_flight:
                self.all_in.set()
            await (self.free if reference in self.held else self.all_in).wait()
            return output(reference, "Succeeded")
        finally:
            self.in_flight.remove(reference)


@pytest.mark.anyio
@pytest.mark.parametrize("grace", [INSTANT, 100.0])
async def test_when_one_has_ended_the_others_get_a_moment_to_end(grace: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls that take longer are cancelled, and made again when the next execution is awaited."""
    monkeypatch.setattr(drivers, "_GRACE", grace)
    calls = Calls(frozenset({B, C}))

    def note(report: PollReport) -> None:
        if grace > INSTANT:
            calls.free.set()

    ends = AsyncBatchIterator(calls.call, hasty(on_poll=note))
    assert (await anext(ends)).reference == A
    assert calls.in_flight == set()
    calls.free.set()
    assert {each.reference async for each in ends} == {B, C}
    again = 2 if grace == INSTANT else 1
    assert Counter(calls.polled) == {A: 1, B: again, C: again}


@pytest.mark.anyio
async def test_after_a_cancellation_the_wait_may_go_on() -> None:
    """All polls end with the cancellation, and are made again."""
    calls = Calls(frozenset({A, B}))
    ends = AsyncBatchIterator(calls.call, hasty([A, B]))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ends.__anext__)
        await calls.all_in.wait()
        tasks.cancel_scope.cancel()
    assert calls.in_flight == set()
    calls.free.set()
    assert {each.reference async for each in ends} == {A, B}
    assert Counter(calls.polled) == {A: 2, B: 2}


@pytest.mark.anyio
async def test_after_an_interrupt_in_on_poll_the_wait_may_go_on() -> None:
    """As by Ctrl-C on trio. It comes in no exception group."""

    def interrupt(report: PollReport) -> None:
        raise KeyboardInterrupt

    calls = Calls(frozenset({C}))  # A and B end together, while C is in flight
    ends = AsyncBatchIterator(calls.call, hasty(on_poll=interrupt))
    found: list[PipelineExecutionReference] = []
    with anyio.fail_after(SOON):
        while len(found) < 3:
            with suppress(KeyboardInterrupt):
                found.append((await anext(ends)).reference)
            calls.free.set()
    assert sorted(found, key=REFERENCES.index) == REFERENCES
    assert [each async for each in ends] == []


@pytest.mark.anyio
async def test_a_result_that_came_just_before_a_cancellation_is_not_lost() -> None:
    """It is not polled for again."""
    polled: list[PipelineExecutionReference] = []
    scope = anyio.CancelScope()

    async def call(request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        reference = asked_for(request)
        polled.append(reference)
        await anyio.lowlevel.checkpoint()
        scope.cancel()
        return output(reference, "Succeeded")

    ends = AsyncBatchIterator(call, batch([A]))
    with scope:
        await anext(ends)
    assert scope.cancelled_caught
    assert [each.reference async for each in ends] == [A]
    assert polled == [A]
