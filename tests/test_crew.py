"""The crew: threads that ask, and that nobody has to wait for."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Final

import pytest

from codepipeline_client import ConfigurationError, CredentialsError, PipelineExecution, PipelineExecutionReference
from codepipeline_client import _crew as crew_module
from codepipeline_client._convoy import Turn
from codepipeline_client._crew import Crew, Poll
from codepipeline_client._march import Arrival
from codepipeline_client.testing import FakeClock, make_pipeline_execution
from codepipeline_client.waiting import Follow, pace

SOON: Final = 5.0
"""Seconds that nothing here takes, unless it hangs."""
PACE: Final = pace(timeout=60, poll_interval=2, max_poll_interval=30, not_found_grace=0)
EXECUTION: Final = make_pipeline_execution()


def turn(place: int = 0) -> Turn:
    reference = PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000")
    return Turn(Follow(reference, PACE, chance=lambda: 0.5), 7.0)


def arrived(crew: Crew, number: int = 1) -> list[Arrival]:
    """Return so many calls that are over."""
    found: list[Arrival] = []
    until = time.monotonic() + SOON
    while len(found) < number:
        assert time.monotonic() < until, "a call hangs"
        found += crew.arrivals(0.1)
    return found


def ended(threads: set[threading.Thread]) -> bool:
    """Return whether all of *threads* end soon."""
    for thread in threads:
        thread.join(SOON)
    return not any(thread.is_alive() for thread in threads)


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


def asks_behind(gate: threading.Event) -> Poll:
    """Return a poll that takes until *gate* opens."""

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        assert gate.wait(SOON)
        return EXECUTION

    return poll


def test_a_call_is_made_in_a_thread_and_brings_what_came_of_it() -> None:
    """With the moment of its end, by the clock."""
    clock = FakeClock()
    calls: list[tuple[PipelineExecutionReference, float | None, threading.Thread]] = []

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        calls.append((reference, timeout, threading.current_thread()))
        clock.advance(3.0)
        return EXECUTION

    crew, order = Crew(poll, clock.monotonic), turn()
    crew.begin(order)
    assert arrived(crew) == [Arrival(order.follow, EXECUTION, 3.0)]
    [(reference, timeout, thread)] = calls
    assert (reference, timeout) == (order.follow.reference, 7.0)
    assert thread is not threading.current_thread()
    crew.dismiss()


def test_a_failure_comes_without_its_frames() -> None:
    """They would be kept as long as the execution is followed."""
    failure = CredentialsError("no")

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        raise failure

    crew = Crew(poll, time.monotonic)
    crew.begin(turn())
    [arrival] = arrived(crew)
    assert arrival.outcome is failure
    assert failure.__traceback__ is None
    crew.dismiss()


@pytest.mark.parametrize("defect", [KeyError("x"), KeyboardInterrupt()], ids=["exception", "any"])
def test_a_defect_is_brought_too_and_the_thread_goes_on(defect: BaseException) -> None:
    """It shows where it is."""
    outcomes: list[BaseException | None] = [defect, None]

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return EXECUTION

    crew = Crew(poll, time.monotonic)
    crew.begin(turn())
    [arrival] = arrived(crew)
    assert arrival.outcome is defect
    assert defect.__traceback__ is not None
    crew.begin(turn())
    [arrival] = arrived(crew)
    assert arrival.outcome is EXECUTION
    crew.dismiss()


def test_there_are_as_many_threads_as_were_needed_at_once(
    started: Callable[[], set[threading.Thread]], gate: threading.Event
) -> None:
    """One for calls that come one after the other. All are daemons, which keep no program from ending."""
    crew = Crew(asks_behind(gate), time.monotonic)
    assert not started()
    gate.set()
    for _ in range(5):
        crew.begin(turn())
        arrived(crew)
        assert len(started()) == 1
    gate.clear()
    for place in range(3):
        crew.begin(turn(place))
    assert len(started()) == 3
    assert all(thread.daemon for thread in started())
    gate.set()
    arrived(crew, 3)
    crew.dismiss()


def test_it_is_not_waited_for_longer_than_asked(gate: threading.Event) -> None:
    """What comes later comes another time."""
    crew = Crew(asks_behind(gate), time.monotonic)
    crew.begin(turn())
    assert list(crew.arrivals(0.0)) == []
    assert list(crew.arrivals(0.01)) == []
    gate.set()
    assert len(arrived(crew)) == 1
    assert list(crew.arrivals(0.0)) == []
    crew.dismiss()


def test_a_long_wait_has_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In which Ctrl-C comes through; and no system's longest wait is exceeded."""
    monkeypatch.setattr(crew_module, "_ALERT", 0.01)
    crew = Crew(lambda reference, timeout: EXECUTION, time.monotonic)
    before = time.monotonic()
    assert list(crew.arrivals(float("inf"))) == []
    assert time.monotonic() - before < SOON


def test_a_crew_that_is_dismissed_leaves_no_thread(started: Callable[[], set[threading.Thread]]) -> None:
    """Not even for a moment, when none is in a call. It may be dismissed again, and take up work again."""
    crew = Crew(lambda reference, timeout: EXECUTION, time.monotonic)
    for _ in range(2):
        for place in range(3):
            crew.begin(turn(place))
        arrived(crew, 3)
        crew.dismiss()
        assert not started()
        crew.dismiss()


def test_a_thread_in_a_call_is_not_waited_for(
    started: Callable[[], set[threading.Thread]], gate: threading.Event
) -> None:
    """It ends when the call does."""
    crew = Crew(asks_behind(gate), time.monotonic)
    crew.begin(turn())
    crew.dismiss()
    [thread] = started()
    gate.set()
    assert ended({thread})


@pytest.mark.parametrize("in_a_call", [False, True], ids=["idle", "in-a-call"])
def test_the_threads_of_a_crew_that_is_dropped_end(
    started: Callable[[], set[threading.Thread]], gate: threading.Event, in_a_call: bool
) -> None:
    """They know nothing of it that would keep it."""
    crew = Crew(asks_behind(gate), time.monotonic)
    crew.begin(turn())
    if not in_a_call:
        gate.set()
        arrived(crew)
    threads, gone = started(), weakref.ref(crew)
    assert len(threads) == 1
    gc.disable()
    try:
        del crew
        assert gone() is None
    finally:
        gc.enable()
    gate.set()
    assert ended(threads)


def test_an_order_that_is_given_twice_is_carried_out_once(gate: threading.Event) -> None:
    """As when an interruption left it open whether it was given."""
    crew = Crew(asks_behind(gate), time.monotonic)
    crew.begin(turn())
    crew.begin(turn(1))
    for _ in range(3):
        crew.regroup()
    gate.set()
    assert len(arrived(crew, 2)) == 2
    assert list(crew.arrivals(0.02)) == []
    assert not crew.calls
    crew.dismiss()


def test_what_came_of_a_call_stays_until_the_next_is_asked_for() -> None:
    """Who is interrupted over it finds it again, at once."""
    crew = Crew(lambda reference, timeout: EXECUTION, time.monotonic)
    crew.begin(turn())
    first = next(crew.arrivals(SOON))
    assert len(crew.calls) == 1
    assert list(crew.arrivals(SOON)) == [first]
    assert not crew.calls
    crew.dismiss()


def test_a_thread_without_work_keeps_nothing() -> None:
    """Neither what it brought nor whom that was for."""
    crew = Crew(lambda reference, timeout: make_pipeline_execution(status_summary="of its own"), time.monotonic)
    crew.begin(turn())
    [arrival] = arrived(crew)
    gone = [threading.Event(), threading.Event()]
    weakref.finalize(arrival.outcome, gone[0].set)
    weakref.finalize(arrival.follow.reference, gone[1].set)
    del arrival
    assert all(event.wait(SOON) for event in gone)
    crew.dismiss()


def test_what_the_consumer_has_in_his_context_goes_with_the_call() -> None:
    """A trace, say; as it is when the call begins. What a call changes there is its own."""
    trace: ContextVar[str] = ContextVar("trace", default="none")
    seen: list[str] = []

    def poll(reference: PipelineExecutionReference, timeout: float | None) -> PipelineExecution:
        seen.append(trace.get())
        trace.set("changed")
        return EXECUTION

    crew = Crew(poll, time.monotonic)
    for name in ("first", "second"):
        token = trace.set(name)
        crew.begin(turn())
        trace.reset(token)
        arrived(crew)
    assert seen == ["first", "second"]
    assert trace.get() == "none"
    crew.dismiss()


def refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_without_any_thread_a_call_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a way that is told."""
    crew, order = Crew(lambda reference, timeout: EXECUTION, FakeClock().monotonic), turn()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    crew.begin(order)
    [arrival] = arrived(crew)
    assert arrival.follow is order.follow
    assert isinstance(arrival.outcome, ConfigurationError)
    assert "no thread could be started to ask about an execution: can't start new thread" in str(arrival.outcome)
    crew.dismiss()


def test_with_too_few_threads_a_call_waits_for_one(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> None:
    """What is there does the work."""
    crew = Crew(asks_behind(gate), time.monotonic)
    crew.begin(turn())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        crew.begin(turn(1))
    gate.set()
    assert [arrival.outcome for arrival in arrived(crew, 2)] == [EXECUTION, EXECUTION]
    crew.dismiss()
