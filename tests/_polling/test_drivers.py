"""The loops that poll many executions: in threads, and in tasks on asyncio and trio."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing, closing
from contextvars import ContextVar
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
    GetPipelineExecutionOutput,
    OnPoll,
    PipelineExecution,
    PipelineExecutionReference,
    PollReport,
    ResponseMetadata,
    ServiceError,
    WaitTimeoutError,
    _threads,
)
from codepipeline_client._polling import drivers
from codepipeline_client._polling.batch import BatchScheduler
from codepipeline_client._polling.drivers import Batch, TaskDriver, ThreadDriver
from codepipeline_client._polling.schedule import PollSchedule
from codepipeline_client.clock import Clock, ClosableClock, SystemClock
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.testing import FakeClock, make_pipeline_execution
from codepipeline_client.waiting import PollConfig

SOON: Final = 5.0
"""Seconds that nothing here takes, unless it hangs."""
INSTANT: Final = 0.02
"""Seconds in which what must not happen would have happened."""
BACKENDS: Final = pytest.mark.parametrize("backend", ["asyncio", "trio"])
Outcome = BaseException | str
"""What comes of a call: a failure, or an execution with that status."""


def references(number: int) -> list[PipelineExecutionReference]:
    return [PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000") for place in range(number)]


A, B, C = REFERENCES = references(3)


def seen(reference: PipelineExecutionReference, status: str = "InProgress") -> PipelineExecution:
    name, execution_id = reference.pipeline_name, reference.pipeline_execution_id
    return make_pipeline_execution(pipeline_name=name, pipeline_execution_id=execution_id, status=status)


def output(
    reference: PipelineExecutionReference, status: str = "InProgress", *, attempts: int = 1
) -> GetPipelineExecutionOutput:
    metadata = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=attempts)
    return GetPipelineExecutionOutput(pipeline_execution=seen(reference, status), response_metadata=metadata, raw={})


def refused(code: str, status: int = 400) -> ServiceError:
    error = SERVICE_ERRORS[code]("", code=code, http_status_code=status, request_id=None, operation_name="X")
    error.attempts = 1
    return error


@frozen
class Service:
    """What is polled: the next outcome of each execution in turn, the last one for ever."""

    outcomes: dict[PipelineExecutionReference, list[Outcome]]
    polled: list[PipelineExecutionReference] = field(factory=list[PipelineExecutionReference])

    def call(self, reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        self.polled.append(reference)
        outcomes = self.outcomes[reference]
        outcome = outcomes.pop(0) if len(outcomes) > 1 else outcomes[0]
        if isinstance(outcome, BaseException):
            raise outcome
        return output(reference, outcome)


def batch(
    executions: Iterable[PipelineExecutionReference] = REFERENCES,
    *,
    clock: Clock | ClosableClock | None = None,
    rate: float = 10.0,
    on_poll: OnPoll | None = None,
    **changes: Any,
) -> Batch:
    """Return a batch whose pauses are as long as its intervals."""
    usual = {"timeout": 600.0, "poll_interval": 2.0, "max_poll_interval": 30.0, "not_found_grace": 0.0}
    return Batch(
        executions,
        PollConfig(**{**usual, **changes}),
        max_calls_per_second=rate,
        clock=clock if isinstance(clock, ClosableClock) else ClosableClock(clock or FakeClock()),
        on_poll=on_poll,
        chance=lambda: 0.5,
    )


def in_tasks(call: Callable[..., Any]) -> Callable[..., Any]:
    """Return the call for tasks; one that is for tasks already stays as it is."""

    async def in_task(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        await anyio.lowlevel.checkpoint()
        outcome = call(reference, timeout)
        result: GetPipelineExecutionOutput = await outcome if isawaitable(outcome) else outcome
        return result

    return in_task


class Run(Protocol):
    """Follows all by one of the drivers, and returns how each ended, in order."""

    def __call__(self, call: Callable[..., Any], *executions: Any, **changes: Any) -> list[FollowedExecution]: ...


@pytest.fixture(params=["threads", "asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Each of the drivers."""

    def run(call: Callable[..., Any], *executions: Any, **changes: Any) -> list[FollowedExecution]:
        if request.param == "threads":
            return list(ThreadDriver(call, batch(*executions, **changes)))

        async def main() -> list[FollowedExecution]:
            return [each async for each in TaskDriver(in_tasks(call), batch(*executions, **changes))]

        return anyio.run(main, backend=request.param)

    return run


@pytest.fixture
def started() -> Callable[[], set[threading.Thread]]:
    """Return what tells the threads that were started in the test and are still there."""
    before = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - before


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opens at the end, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


# What all drivers do


def test_each_is_yielded_as_it_ends(run: Run) -> None:
    """With a terminal status, or with an error that does not end the others and keeps no frames."""
    denied = refused("AccessDeniedException", 403)
    service = Service({A: ["InProgress", "Stopping", "Stopped"], B: ["Failed"], C: ["InProgress", denied]})
    assert run(service.call) == [
        FollowedExecution(B, seen(B, "Failed")),
        FollowedExecution(C, seen(C), denied),
        FollowedExecution(A, seen(A, "Stopped")),
    ]
    assert denied.__traceback__ is None
    assert Counter(service.polled) == {A: 3, B: 1, C: 2}


def test_with_a_fake_clock_polls_come_one_after_the_other_and_nothing_waits(run: Run) -> None:
    """A day passes at once, and a test can count on the order."""
    clock, now, most = FakeClock(), 0, 0

    def call(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        try:
            return output(reference, "Succeeded" if clock.monotonic() > 86400 else "InProgress")
        finally:
            now -= 1

    ends = run(call, clock=clock, timeout=None, max_poll_interval=3600.0)
    assert [each.result().status for each in ends] == ["Succeeded"] * 3
    assert most == 1
    assert sum(clock.slept) == pytest.approx(clock.monotonic())


def test_when_the_time_is_over_the_rest_is_yielded(run: Run) -> None:
    """Each with a timeout of its own."""
    service, clock = Service({A: ["InProgress"], B: ["InProgress", "Succeeded"], C: ["InProgress"]}), FakeClock()
    ends = run(service.call, clock=clock, timeout=100.0)
    assert ends[0].reference == B
    assert {each.reference: (type(each.error), each.execution) for each in ends[1:]} == {
        A: (WaitTimeoutError, seen(A)),
        C: (WaitTimeoutError, seen(C)),
    }
    assert 98.9 <= clock.monotonic() <= 100.1


def hangs_in_tasks(reference: PipelineExecutionReference, gate: threading.Event) -> Any:
    """Return the output when *gate* opens, in a thread; hang for ever in a task."""
    if threading.current_thread() is threading.main_thread():
        return anyio.sleep_forever()
    assert gate.wait(SOON)
    return output(reference, "Succeeded")


def test_a_poll_in_flight_when_the_time_is_over_is_not_waited_for(run: Run, gate: threading.Event) -> None:
    """It hangs, and no limit ends it."""
    clock = FakeClock()

    def call(reference: PipelineExecutionReference, timeout: float | None) -> Any:
        clock.advance(700.0)
        return hangs_in_tasks(reference, gate)

    ends = run(call, [A, B], clock=clock)
    assert [each.reference for each in ends] == [A, B]
    assert {type(each.error) for each in ends} == {WaitTimeoutError}


def test_a_hung_poll_does_not_hold_up_the_others(run: Run, gate: threading.Event) -> None:
    """They go on beside it; in tasks it is cancelled when one of them has ended, and made again."""
    ended: list[PipelineExecutionReference] = []

    def note(report: PollReport) -> None:
        ended.extend([report.reference] if report.pause is None else [])
        if len(ended) == 2:
            gate.set()

    def call(reference: PipelineExecutionReference, timeout: float | None) -> Any:
        return output(reference, "Succeeded") if reference != A or gate.is_set() else hangs_in_tasks(reference, gate)

    ends = run(call, clock=SystemClock(), rate=500.0, on_poll=note)
    assert {each.reference for each in ends[:2]} == {B, C}
    assert ends[2].result() == seen(A, "Succeeded")


def test_each_poll_is_reported_where_the_caller_is(run: Run) -> None:
    """Before the execution that ended with it is yielded."""
    reports: list[tuple[PollReport, threading.Thread]] = []
    service = Service({A: ["InProgress", "Succeeded"], B: [refused("AccessDeniedException", 403)]})

    def note(report: PollReport) -> None:
        reports.append((report, threading.current_thread()))

    run(service.call, [A, B], on_poll=note)
    assert {thread for _, thread in reports} == {threading.current_thread()}
    told = [(report.reference, report.number, report.pause) for report, _ in reports]
    assert told == [(A, 1, 2.0), (B, 1, None), (A, 2, None)]
    assert [report.seconds for report, _ in reports] == [0.0, pytest.approx(0.1), pytest.approx(2.0)]


@pytest.mark.parametrize("polled_before", [True, False], ids=["in-a-pause", "before-the-first"])
def test_when_the_client_is_closed_the_rest_ends_at_once(run: Run, polled_before: bool) -> None:
    """Also in a pause, and nothing more is sent."""
    clock, service = ClosableClock(SystemClock()), Service({each: ["InProgress"] for each in REFERENCES})

    def note(report: PollReport) -> None:
        if len(service.polled) == 3:
            threading.Timer(INSTANT, clock.close).start()

    if not polled_before:
        clock.close()
    before = time.monotonic()
    ends = run(service.call, clock=clock, rate=1000.0, poll_interval=30.0, on_poll=note)
    assert time.monotonic() - before < SOON
    assert {each.reference for each in ends} == set(REFERENCES)
    assert {(type(each.error), str(each.error)) for each in ends} == {
        (ConfigurationError, "the client is closed: make a new one")
    }
    assert len(service.polled) == (3 if polled_before else 0)


def test_the_time_counts_from_the_call() -> None:
    """Also the time before the first execution is asked for. And references are read at once."""
    clock, listed = FakeClock(), [A]
    ends = ThreadDriver(Service({A: ["Succeeded"]}).call, batch(listed, clock=clock, timeout=60.0))
    listed.clear()
    clock.advance(61.0)
    assert [type(each.error) for each in ends] == [WaitTimeoutError]


class Defect(Exception):
    """What no call should raise."""


def test_a_defect_of_a_call_is_raised_bare_and_ends_nothing() -> None:
    """Iterating further goes on as if nothing had been."""
    ends = ThreadDriver(Service({A: ["InProgress", Defect("x"), "Succeeded"]}).call, batch([A]))
    with pytest.raises(Defect):
        next(ends)
    assert [each.reference for each in ends] == [A]


@BACKENDS
def test_a_defect_of_a_call_in_a_task_is_raised_bare_and_ends_nothing(backend: str) -> None:
    """It is in no group of exceptions, and has the cause that it had."""
    defect = Defect("x")
    defect.__cause__ = KeyError("y")

    async def main() -> None:
        service = Service({A: ["InProgress", defect, "Succeeded"], B: ["InProgress", "Succeeded"]})
        ends = TaskDriver(in_tasks(service.call), batch([A, B]))
        with pytest.raises(Defect) as caught:
            await anext(ends)
        assert caught.value is defect
        assert isinstance(defect.__cause__, KeyError)
        assert {each.reference for each in [each async for each in ends]} == {A, B}

    anyio.run(main, backend=backend)


# Threads


@pytest.mark.parametrize("in_a_poll", [False, True], ids=["idle", "in-a-poll"])
def test_an_iterator_that_is_dropped_leaves_nothing(
    started: Callable[[], set[threading.Thread]], gate: threading.Event, in_a_poll: bool
) -> None:
    """Its threads end with their polls, and do not keep it."""
    both = threading.Event()

    def call(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        if reference == A:
            assert not in_a_poll or both.wait(SOON)
            return output(A, "Succeeded")
        both.set()
        assert gate.wait(SOON)
        return output(reference)

    ends: ThreadDriver | None = ThreadDriver(call, batch([A, B], clock=SystemClock() if in_a_poll else None))
    assert ends is not None
    assert next(ends).reference == A
    gone = weakref.ref(ends)
    ends = None
    assert gone() is None
    gate.set()
    for thread in started():
        thread.join(SOON)
        assert not thread.is_alive()


def test_an_iterator_may_be_closed() -> None:
    """Then it has ended, also for whoever goes on."""
    service = Service({A: ["Succeeded"], B: ["Succeeded"], C: ["Succeeded"]})
    ends = ThreadDriver(service.call, batch())
    with closing(ends):
        next(ends)
    assert list(ends) == []
    assert len(service.polled) == 1


def test_a_poll_that_ended_in_time_is_not_late_because_its_caller_is(gate: threading.Event) -> None:
    """What it brought counts as of its end."""
    clock, in_flight, reports = FakeClock(), threading.Semaphore(0), list[PollReport]()

    def call(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        clock.advance(1.0)  # so that the next is due
        if reference == C:
            assert in_flight.acquire(timeout=SOON)
            assert in_flight.acquire(timeout=SOON)
        else:
            in_flight.release()
            assert gate.wait(SOON)
        return output(reference, "Succeeded")

    ends = ThreadDriver(call, batch(clock=clock, timeout=60.0, on_poll=reports.append))
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
    trace: ContextVar[str] = ContextVar("trace", default="none")
    found: list[str] = []

    def call(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        found.append(trace.get())
        trace.set("changed")
        assert threading.current_thread().daemon
        return output(reference, "Succeeded")

    ends = ThreadDriver(call, batch([A, B]))
    for name in ("first", "second"):
        token = trace.set(name)
        next(ends)
        trace.reset(token)
    assert found == ["first", "second"]
    assert trace.get() == "none"


def test_where_no_thread_can_be_started_the_caller_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine at its limit ends no wait."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_threads, "run_in_thread", refuse)
    service = Service({A: ["InProgress", "Succeeded"], B: ["Failed"]})
    assert [each.reference for each in ThreadDriver(service.call, batch([A, B]))] == [B, A]


def test_threads_may_share_an_iterator() -> None:
    """Each execution goes to one of them, and one of them polls and reports at a time."""
    number, inside, both_inside = 20, threading.Lock(), threading.Event()

    def note(report: PollReport) -> None:
        if not inside.acquire(blocking=False):
            both_inside.set()
        else:
            both_inside.wait(INSTANT / 4)
            inside.release()

    service = Service({reference: ["Succeeded"] for reference in references(number)})
    ends = ThreadDriver(service.call, batch(references(number), clock=SystemClock(), rate=1000.0, on_poll=note))
    got: list[PipelineExecutionReference] = []
    threads = [threading.Thread(target=lambda: got.extend([each.reference for each in ends])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert sorted(got, key=references(number).index) == references(number)
    assert not both_inside.is_set()


# Interrupts


class Interrupting(FakeClock):
    """Its first sleep is interrupted, as by Ctrl-C."""

    is_interrupted = False

    def sleep(self, seconds: float) -> None:
        if not self.is_interrupted:
            self.is_interrupted = True
            raise KeyboardInterrupt
        super().sleep(seconds)


@BACKENDS
def test_after_an_interrupt_in_a_task_the_wait_may_go_on(backend: str) -> None:
    """By Ctrl-C on trio, which breaks into the task that waits. It comes in no group of exceptions."""

    async def main() -> None:
        service = Service({A: ["InProgress", "Succeeded"], B: ["Succeeded"]})
        ends = TaskDriver(in_tasks(service.call), batch([A, B], clock=Interrupting()))
        with pytest.raises(KeyboardInterrupt):
            await anext(ends)
        assert [each.reference async for each in ends] == [B, A]

    anyio.run(main, backend=backend)


POINTS: Final = [
    pytest.param(FakeClock, "sleep", False, id="in-a-pause"),
    pytest.param(Batch, "next", True, id="after-a-poll-was-handed-out"),
    pytest.param(ThreadDriver, "_start", False, id="before-it-is-started"),
    pytest.param(ThreadDriver, "_start", True, id="after-it-was-started"),
    pytest.param(Batch, "record", False, id="before-it-is-recorded"),
    pytest.param(Batch, "record", True, id="after-it-was-recorded"),
    pytest.param(PollSchedule, "record", False, id="before-its-schedule"),
    pytest.param(PollSchedule, "record", True, id="after-its-schedule"),
    pytest.param(BatchScheduler, "_push", False, id="before-it-is-queued"),
    pytest.param(BatchScheduler, "_push", True, id="after-it-was-queued"),
    pytest.param(BatchScheduler, "_end", False, id="before-it-ends"),
    pytest.param(BatchScheduler, "_end", True, id="after-it-ended"),
]


@pytest.mark.parametrize("which", [1, 2, 3])
@pytest.mark.parametrize(("whose", "what", "afterwards"), POINTS)
def test_wherever_an_interrupt_comes_the_wait_may_go_on(
    whose: type, what: str, afterwards: bool, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a notebook, say. Each execution ends once, and none is forgotten."""
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
    ends = ThreadDriver(service.call, batch(timeout=None))
    found: list[FollowedExecution] = []
    with pytest.raises(KeyboardInterrupt):
        found.extend(iter(ends))
    found.extend(iter(ends))
    assert sorted([each.reference for each in found], key=REFERENCES.index) == REFERENCES
    assert all(each.error is None for each in found)


# Tasks


@frozen
class Calls:
    """Calls in tasks, some of which take until they are let go."""

    held: frozenset[PipelineExecutionReference]
    in_flight: set[PipelineExecutionReference] = field(factory=set[PipelineExecutionReference])
    polled: list[PipelineExecutionReference] = field(factory=list[PipelineExecutionReference])
    all_in: anyio.Event = field(factory=anyio.Event)
    """Set when the calls that are held are in flight."""
    free: anyio.Event = field(factory=anyio.Event)

    async def call(self, reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        self.polled.append(reference)
        self.in_flight.add(reference)
        try:
            if self.held <= self.in_flight:
                self.all_in.set()
            await (self.free if reference in self.held else self.all_in).wait()
            return output(reference, "Succeeded")
        finally:
            self.in_flight.remove(reference)


def hasty(executions: Iterable[PipelineExecutionReference] = REFERENCES) -> Batch:
    """Return a batch that polls in real time, and very often."""
    return batch(executions, clock=SystemClock(), rate=1000.0, poll_interval=0.01)


@BACKENDS
def test_polls_are_in_flight_only_while_the_next_is_awaited(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that take longer than their grace are cancelled, and made again when the next is awaited."""
    monkeypatch.setattr(drivers, "_GRACE", 0.01)

    async def main() -> None:
        calls = Calls(frozenset({B, C}))
        ends = TaskDriver(calls.call, hasty())
        assert (await anext(ends)).reference == A
        assert calls.in_flight == set()
        calls.free.set()
        assert {each.reference async for each in ends} == {B, C}
        assert Counter(calls.polled) == {A: 1, B: 2, C: 2}

    anyio.run(main, backend=backend)


@BACKENDS
def test_polls_that_end_soon_after_another_are_recorded(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ends when the one before it has been reported, and none is made again."""
    monkeypatch.setattr(drivers, "_GRACE", 100.0)

    async def main() -> None:
        turns = {reference: anyio.Event() for reference in REFERENCES}
        following = iter([turns[B], turns[C], anyio.Event()])
        polled: list[PipelineExecutionReference] = []

        async def call(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
            polled.append(reference)
            if len(polled) == len(REFERENCES):
                turns[A].set()
            await turns[reference].wait()
            return output(reference, "Succeeded")

        polls = batch(
            clock=SystemClock(), rate=1000.0, poll_interval=0.01, on_poll=lambda report: next(following).set()
        )
        assert [each.reference async for each in TaskDriver(call, polls)] == [A, B, C]
        assert Counter(polled) == {A: 1, B: 1, C: 1}

    anyio.run(main, backend=backend)


@BACKENDS
def test_a_poll_that_hangs_has_its_grace_once(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After that it is cancelled soon when others end. No pause in between is as long as the graces are here."""
    monkeypatch.setattr(drivers, "_GRACE", 100.0)
    monkeypatch.setattr(drivers, "_SHORT_GRACE", 50.0)
    waits: list[float] = []
    whole = vars(TaskDriver)["_receive"]

    async def hasty(driver: TaskDriver, wait: float) -> bool:
        waits.append(wait)
        came: bool = await whole(driver, min(wait, INSTANT))
        return came

    monkeypatch.setattr(TaskDriver, "_receive", hasty)

    many = references(9)
    service = Service({reference: ["InProgress", "Succeeded"] for reference in many})

    async def call(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        if reference == A:
            await anyio.sleep_forever()
        return service.call(reference, timeout)

    async def main() -> None:
        ends = TaskDriver(call, batch(many, clock=SystemClock(), rate=1000.0, timeout=20.0, poll_interval=0.05))
        for _ in many[1:]:
            assert (await anext(ends)).reference != A

    anyio.run(main, backend=backend)
    first, *later = [wait for wait in waits if wait > 20.0]
    assert 50.0 < first <= 100.0
    assert later
    assert min(later) <= 50.0  # as long as another poll is in flight that has not hung, its grace counts


@BACKENDS
def test_after_a_cancellation_the_wait_may_go_on(backend: str) -> None:
    """All polls end with the cancellation, and are made again."""

    async def main() -> None:
        calls = Calls(frozenset({A, B}))
        ends = TaskDriver(calls.call, hasty([A, B]))
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:

                async def cancel() -> None:
                    await calls.all_in.wait()
                    scope.cancel()

                tasks.start_soon(cancel)
                await anext(ends)
        assert scope.cancelled_caught
        assert calls.in_flight == set()
        calls.free.set()
        assert {each.reference async for each in ends} == {A, B}
        assert Counter(calls.polled) == {A: 2, B: 2}

    anyio.run(main, backend=backend)


@BACKENDS
def test_a_result_that_came_just_before_a_cancellation_is_not_lost(backend: str) -> None:
    """It is not polled for again."""

    async def main() -> None:
        polled: list[PipelineExecutionReference] = []
        scope = anyio.CancelScope()

        async def call(reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
            polled.append(reference)
            await anyio.lowlevel.checkpoint()
            scope.cancel()
            return output(reference, "Succeeded")

        ends = TaskDriver(call, batch([A]))
        with scope:
            await anext(ends)
        assert scope.cancelled_caught
        assert [each.reference async for each in ends] == [A]
        assert polled == [A]

    anyio.run(main, backend=backend)


@BACKENDS
def test_an_iterator_of_a_task_may_be_dropped_or_closed(backend: str) -> None:
    """By breaking off, or by its last reference; neither library has anything to say about it."""

    async def main() -> None:
        service = Service({A: ["Succeeded"], B: ["InProgress", "Succeeded"]})
        ends: AsyncIterator[FollowedExecution] | None = TaskDriver(in_tasks(service.call), batch([A, B]))
        assert ends is not None
        async for followed in ends:
            assert followed.reference == A
            break
        gone = weakref.ref(ends)
        ends = None
        gc.collect()
        assert gone() is None
        await anyio.lowlevel.checkpoint()
        async with aclosing(TaskDriver(in_tasks(service.call), batch([A, B]))) as closed:
            await anext(closed)
        assert [each async for each in closed] == []

    anyio.run(main, backend=backend)


@BACKENDS
def test_tasks_may_share_an_iterator(backend: str) -> None:
    """Each execution goes to one of them."""

    async def main() -> None:
        service = Service({reference: ["Succeeded"] for reference in references(40)})
        ends = TaskDriver(in_tasks(service.call), batch(references(40)))
        got: list[PipelineExecutionReference] = []

        async def take() -> None:
            got.extend([each.reference async for each in ends])

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(take)
        assert sorted(got, key=references(40).index) == references(40)

    anyio.run(main, backend=backend)
