"""The methods that wait, of both clients: over a real endpoint, and with a clock that does not wait."""

from __future__ import annotations

import gc
import logging
import pickle
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing, closing, nullcontext
from functools import partial
from itertools import pairwise
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, assert_type, cast

import anyio
import anyio.from_thread
import anyio.lowlevel
import httpx
import pytest
from attrs import evolve, frozen

from codepipeline_client import (
    AccessDeniedException,
    AsyncCodePipelineClient,
    AttemptReport,
    CodePipelineClient,
    CodePipelineError,
    ConfigurationError,
    ConnectionFailedError,
    Credentials,
    CredentialsError,
    ExpiredTokenException,
    FollowedExecution,
    InsecureEndpointWarning,
    ParameterValidationError,
    PipelineExecution,
    PipelineExecutionNotFoundException,
    PipelineExecutionReference,
    PipelineNotFoundException,
    PollReport,
    RequestTimeoutError,
    ServiceError,
    ThrottlingException,
    ValidationException,
    WaitTimeoutError,
)
from codepipeline_client.clock import DEADLINE, Deadline
from codepipeline_client.testing import FakeClock, IncomingRequest, LocalCodePipeline, faults, make_pipeline_execution

RUNNING: Final = make_pipeline_execution(status="InProgress")
NAMED: Final[dict[str, Any]] = {
    "pipeline_name": RUNNING.pipeline_name,
    "pipeline_execution_id": RUNNING.pipeline_execution_id,
}
REFERENCE: Final = PipelineExecutionReference(**NAMED)
OTHER_ID: Final = "00000000-0000-4000-8000-000000000000"
KEYS: Final = Credentials(access_key_id="AKID", secret_access_key="secret")
WEEK: Final = 7 * 86400.0

Event = str | faults.Fault
"""What a request meets: a status that the execution has from then on, or a fault."""


def play(service: LocalCodePipeline, *events: Event) -> None:
    """Let each request meet the next of the *events*, and those that come later the last."""
    service.put_execution(RUNNING)

    def rule(request: IncomingRequest) -> faults.Fault | None:
        event = events[min(request.number, len(events)) - 1]
        if isinstance(event, faults.Fault):
            return event
        service.put_execution(evolve(RUNNING, status=type(RUNNING.status)(event)))
        return None

    service.inject_by(rule)


@pytest.fixture
def clock(codepipeline_clock: FakeClock) -> FakeClock:
    return codepipeline_clock


@pytest.fixture
def service(local_codepipeline: LocalCodePipeline, clock: FakeClock) -> LocalCodePipeline:
    return local_codepipeline


def pointed_at(service: LocalCodePipeline, **more: Any) -> dict[str, Any]:
    return {
        "region_name": service.region_name,
        "endpoint_url": service.endpoint_url,
        "credentials": service.credentials,
        **more,
    }


@frozen
class Way:
    """One of the ways to wait: in a thread, or in a task on either library."""

    name: str

    def wait(self, options: dict[str, Any], **arguments: Any) -> PipelineExecution:
        """Make a client and wait for the execution."""
        if self.name == "sync":
            with CodePipelineClient(**options) as client:
                return client.wait_for_pipeline_execution(**{**NAMED, **arguments})

        async def main() -> PipelineExecution:
            async with AsyncCodePipelineClient(**options) as client:
                return await client.wait_for_pipeline_execution(**{**NAMED, **arguments})

        return anyio.run(main, backend=self.name)

    def watch(
        self,
        options: dict[str, Any],
        *,
        busy: Callable[[PipelineExecution], object] = lambda _: None,
        **arguments: Any,
    ) -> list[PipelineExecution]:
        """Make a client and return all snapshots of the execution; the consumer is *busy* after each."""
        snapshots: list[PipelineExecution] = []
        if self.name == "sync":
            with CodePipelineClient(**options) as client:
                for snapshot in client.watch_pipeline_execution(**{**NAMED, **arguments}):
                    snapshots.append(snapshot)
                    busy(snapshot)
            return snapshots

        async def main() -> None:
            async with AsyncCodePipelineClient(**options) as client:
                async for snapshot in client.watch_pipeline_execution(**{**NAMED, **arguments}):
                    snapshots.append(snapshot)
                    busy(snapshot)

        anyio.run(main, backend=self.name)
        return snapshots

    def wait_for_many(self, options: dict[str, Any], executions: Any, **arguments: Any) -> list[FollowedExecution]:
        """Make a client and return what came of all executions."""
        if self.name == "sync":
            with CodePipelineClient(**options) as client:
                return list(client.wait_for_pipeline_executions(executions, **arguments))

        async def main() -> list[FollowedExecution]:
            async with AsyncCodePipelineClient(**options) as client:
                return [each async for each in client.wait_for_pipeline_executions(executions, **arguments)]

        return anyio.run(main, backend=self.name)

    def call(self, options: dict[str, Any], name: str, *given: Any, **arguments: Any) -> None:
        """Make a client and call the method, without asking what it returns for anything."""
        if self.name == "sync":
            with CodePipelineClient(**options) as client:
                getattr(client, name)(*given, **arguments)
            return

        async def main() -> None:
            async with AsyncCodePipelineClient(**options) as client:
                result = getattr(client, name)(*given, **arguments)
                if isinstance(result, Coroutine):
                    await cast("Coroutine[Any, Any, object]", result)

        anyio.run(main, backend=self.name)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def way(request: pytest.FixtureRequest) -> Way:
    return Way(request.param)


IN_TASKS: Final = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def check(reports: list[PollReport], polls: int) -> None:
    """What holds for the reports of every wait that has ended."""
    assert [report.number for report in reports] == list(range(1, polls + 1))
    assert [report.pause is None for report in reports] == [False] * (polls - 1) + [True]
    for report in reports:
        assert report.reference == REFERENCE
        assert (report.execution is None) != (report.failure is None)
    for report in reports[:-1]:
        assert report.failure is None or report.failure.__traceback__ is None, "whoever keeps it keeps no frames"
    for before, after in pairwise(reports):
        assert before.pause is not None
        assert before.seconds + before.pause == pytest.approx(after.seconds, abs=1.0)  # and what a poll's retries took


# The sequences that end well

THROTTLED: Final = faults.Throttling()
DOWN: Final = faults.ServerError()
RESET: Final = faults.ResetBeforeAnswer()
PAGE: Final = faults.HtmlBody()
PAGE_404: Final = faults.HtmlBody(status_code=404)
REDIRECT: Final = faults.HtmlBody(status_code=302)
NOT_FOUND: Final = faults.ErrorResponse(code="PipelineExecutionNotFoundException")
NO_PIPELINE: Final = faults.ErrorResponse(code="PipelineNotFoundException")


@pytest.mark.parametrize(
    ("events", "status", "polls", "failed"),
    [
        pytest.param(["Succeeded"], "Succeeded", 1, 0, id="over-already"),
        pytest.param(["InProgress", "InProgress", "InProgress", "Succeeded"], "Succeeded", 4, 0, id="success"),
        pytest.param(["InProgress", "Stopping", "Stopping", "Stopped"], "Stopped", 4, 0, id="stopping-stopped"),
        pytest.param(["Paused", "InProgress", "Paused", "Succeeded"], "Succeeded", 4, 0, id="unknown-succeeded"),
        pytest.param([NO_PIPELINE, NOT_FOUND, NOT_FOUND, "InProgress", "Succeeded"], "Succeeded", 5, 0, id="not-found"),
        pytest.param([THROTTLED] * 5 + ["InProgress", THROTTLED, "Succeeded"], "Succeeded", 8, 6, id="throttled"),
        pytest.param([DOWN] * 20 + ["Succeeded"], "Succeeded", 7, 6, id="down"),
        pytest.param([PAGE] * 10 + ["Succeeded"], "Succeeded", 4, 3, id="garbage"),
        pytest.param(["InProgress", REDIRECT, PAGE_404, "Succeeded"], "Succeeded", 4, 2, id="pages-in-the-middle"),
        pytest.param(
            [THROTTLED, DOWN, RESET, PAGE, "InProgress", NOT_FOUND, "Paused", THROTTLED, "Stopping", "Stopped"],
            "Stopped",
            8,
            3,
            id="all-of-it",
        ),
    ],
)
def test_it_waits_until_the_execution_has_ended(
    way: Way, service: LocalCodePipeline, clock: FakeClock, events: list[Event], status: str, polls: int, failed: int
) -> None:
    """What may pass is overlooked, what is no end is none, and every end is returned."""
    play(service, *events)
    reports: list[PollReport] = []
    options = pointed_at(service, clock=clock)
    execution = way.wait(options, timeout=600.0, not_found_grace=30.0, on_poll=reports.append)
    assert execution == evolve(RUNNING, status=type(RUNNING.status)(status))
    assert len(service.requests) == len(events)
    check(reports, polls)
    found = [report for report in reports if not isinstance(report.failure, PipelineExecutionNotFoundException)]
    found = [report for report in found if not isinstance(report.failure, PipelineNotFoundException)]
    assert sum(report.failure is not None for report in found) == failed
    assert reports[-1].execution == execution
    assert clock.monotonic() < 600.0


# The sequences that end in an error


@pytest.mark.parametrize(
    ("events", "error", "polls"),
    [
        pytest.param([NOT_FOUND], PipelineExecutionNotFoundException, 1, id="not-found"),
        pytest.param(["InProgress", NOT_FOUND], PipelineExecutionNotFoundException, 2, id="gone"),
        pytest.param(
            ["InProgress", faults.ErrorResponse(code="AccessDeniedException")],
            AccessDeniedException,
            2,
            id="denied-later",
        ),
        pytest.param(
            ["InProgress", faults.ErrorResponse(code="ExpiredTokenException")], ExpiredTokenException, 2, id="expired"
        ),
        pytest.param([faults.ErrorResponse(code="ValidationException")], ValidationException, 1, id="validation"),
        pytest.param([THROTTLED, PAGE_404], ServiceError, 2, id="page-404-at-first"),
        pytest.param(["InProgress", faults.ServerError(status_code=501)], ServiceError, 2, id="not-implemented"),
    ],
)
def test_what_cannot_pass_ends_a_wait_at_once(
    way: Way,
    service: LocalCodePipeline,
    clock: FakeClock,
    events: list[Event],
    error: type[CodePipelineError],
    polls: int,
) -> None:
    """The error itself is raised, and no time is spent on it."""
    play(service, *events)
    reports: list[PollReport] = []
    with pytest.raises(error) as caught:
        way.wait(pointed_at(service, clock=clock), timeout=600.0, on_poll=reports.append)
    assert caught.value.attempts == 1
    assert caught.value is reports[-1].failure
    check(reports, polls)
    assert len(service.requests) == polls
    assert clock.monotonic() < 6.0


def test_missing_keys_end_a_wait_at_once(way: Way, service: LocalCodePipeline, clock: FakeClock) -> None:
    """There is nobody to wait for."""
    with pytest.raises(CredentialsError):
        way.wait(pointed_at(service, clock=clock, credentials=None), timeout=600.0)
    assert clock.monotonic() == 0.0


def test_a_name_that_nobody_knows_ends_a_wait_at_once(way: Way, clock: FakeClock) -> None:
    """It was never found, so it is a wrong one."""
    options = {"region_name": "eu-west-1", "endpoint_url": "https://nowhere.test", "credentials": KEYS, "clock": clock}
    with pytest.raises(ConnectionFailedError) as caught:
        way.wait(options, timeout=600.0)
    assert not caught.value.may_pass
    assert clock.monotonic() == 0.0


@pytest.mark.parametrize(
    ("events", "seen", "cause", "failures"),
    [
        pytest.param(["InProgress"], "InProgress", None, 0, id="in-progress"),
        pytest.param([THROTTLED], None, ThrottlingException, "all", id="throttled"),
        pytest.param(["InProgress", THROTTLED], "InProgress", ThrottlingException, "but-first", id="throttled-at-last"),
        pytest.param([RESET], None, ConnectionFailedError, "all", id="resets"),
        pytest.param([NOT_FOUND], None, PipelineExecutionNotFoundException, 0, id="not-found"),
        pytest.param([THROTTLED, "InProgress"], "InProgress", None, 1, id="throttled-at-first"),
    ],
)
def test_a_wait_ends_with_its_time(
    way: Way,
    service: LocalCodePipeline,
    clock: FakeClock,
    events: list[Event],
    seen: str | None,
    cause: type[CodePipelineError] | None,
    failures: int | str,
) -> None:
    """It says what was seen last, how often it was asked, how often in vain, and keeps all that through a pickle."""
    play(service, *events)
    reports: list[PollReport] = []
    with pytest.raises(WaitTimeoutError) as caught:
        way.wait(pointed_at(service, clock=clock), timeout=60.0, not_found_grace=3600.0, on_poll=reports.append)
    error = caught.value
    assert error.execution == (seen and evolve(RUNNING, status=type(RUNNING.status)(seen)))
    assert error.polls == len(reports)
    assert error.failures == {"all": error.polls, "but-first": error.polls - 1}.get(str(failures), failures)
    last = error.__cause__
    if isinstance(last, RequestTimeoutError):  # a short last poll's time went by between two attempts
        last = last.__cause__
    assert type(last) is (cause or type(None))
    assert error.__cause__ is reports[-1].failure
    assert 59.0 <= error.seconds <= clock.monotonic() <= 60.0
    check(reports, error.polls)
    twin = pickle.loads(pickle.dumps(error))
    assert (str(twin), vars(twin)) == (str(error), vars(error))


# Polls


class Answering(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport of the test's own: a function answers."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answer = answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request)


def status_of(status: str) -> httpx.Response:
    return httpx.Response(200, json={"pipelineExecution": {"status": status}})


def through(answer: Callable[[httpx.Request], httpx.Response], clock: FakeClock, **more: Any) -> dict[str, Any]:
    return {
        "region_name": "eu-west-1",
        "credentials": KEYS,
        "transport": Answering(answer),
        "clock": clock,
        **more,
    }


@pytest.mark.parametrize(
    ("of_client", "of_wait", "first", "last"),
    [
        pytest.param(None, None, None, None, id="none"),
        pytest.param(60.0, 600.0, 60.0, 1.0, id="the-clients"),
        pytest.param(60.0, 20.0, 20.0, 1.0, id="the-waits"),
        pytest.param(0.25, 600.0, 0.25, 0.25, id="shorter-than-a-last-look"),
    ],
)
def test_a_poll_takes_no_longer_than_a_call_and_than_what_is_left(
    way: Way, clock: FakeClock, of_client: float | None, of_wait: float | None, first: float | None, last: float | None
) -> None:
    """So that no silent server holds a wait beyond its time."""
    limits: list[float | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        limits.append(cast("Deadline", request.extensions[DEADLINE]).seconds)
        return status_of("InProgress" if clock.monotonic() < 599.5 or of_wait else "Succeeded")

    with nullcontext() if of_wait is None else pytest.raises(WaitTimeoutError):
        way.wait(through(answer, clock, timeout=of_client), timeout=of_wait)
    assert [limits[0], limits[-1]] == [pytest.approx(first), pytest.approx(last)]


def test_a_throttle_is_not_retried_within_a_poll(way: Way, service: LocalCodePipeline, clock: FakeClock) -> None:
    """The next poll is the retry, after the pause of the wait."""
    play(service, THROTTLED, THROTTLED, "Succeeded")
    attempts: list[float | None] = []

    def note(report: AttemptReport) -> None:
        attempts.append(report.pause)

    options = pointed_at(service, clock=clock, on_attempt=note)
    way.wait(options, timeout=600.0)
    assert attempts == [None] * 3
    assert clock.slept[0] >= 3.0
    assert clock.slept[1] >= 6.0


# Who listens


def test_an_error_of_a_listener_is_logged_and_harmless(
    way: Way, service: LocalCodePipeline, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each time, and in the wait of many, too."""

    def listen(_: PollReport) -> None:
        raise ZeroDivisionError

    play(service, "InProgress", "Succeeded")
    options = pointed_at(service, clock=clock)
    with caplog.at_level(logging.WARNING, "codepipeline_client"):
        assert way.wait(options, timeout=600.0, on_poll=listen).status.is_successful
        (one,) = way.wait_for_many(options, [tuple(NAMED.values())], timeout=600.0, on_poll=listen)
    assert one.result().status.is_successful
    assert [record.getMessage() for record in caplog.records] == ["on_poll raised an error"] * 3
    assert {record.exc_info and record.exc_info[0] for record in caplog.records} == {ZeroDivisionError}


@pytest.mark.parametrize("many", [False, True], ids=["watch", "many"])
def test_a_listener_that_takes_from_its_own_iterator_gets_an_error(
    service: LocalCodePipeline, clock: FakeClock, caplog: pytest.LogCaptureFixture, many: bool
) -> None:
    """And no deadlock: the wait goes on."""
    play(service, "InProgress", "Succeeded")
    iterators: list[Iterator[object]] = []

    def listen(_: PollReport) -> None:
        next(iterators[0])

    with CodePipelineClient(**pointed_at(service, clock=clock)) as client:
        if many:
            iterators.append(client.wait_for_pipeline_executions([REFERENCE], timeout=600.0, on_poll=listen))
        else:
            iterators.append(client.watch_pipeline_execution(**NAMED, timeout=600.0, on_poll=listen))
        assert len(list(iterators[0])) == (1 if many else 2)
    assert [str(record.exc_info and record.exc_info[1]) for record in caplog.records] == [
        "on_poll must not call next() on the iterator that calls it"
    ] * 2


# Watching


def test_a_watch_yields_what_is_new(way: Way, service: LocalCodePipeline, clock: FakeClock) -> None:
    """The first snapshot, each that differs from the one before, and the end."""
    play(service, "InProgress", "InProgress", THROTTLED, "InProgress", "Stopping", "Stopping", "InProgress", "Stopped")
    reports: list[PollReport] = []
    snapshots = way.watch(pointed_at(service, clock=clock), timeout=600.0, on_poll=reports.append)
    assert [str(snapshot.status) for snapshot in snapshots] == ["InProgress", "Stopping", "InProgress", "Stopped"]
    check(reports, 8)


@pytest.mark.parametrize("busy", [1.0, 30.0])
def test_what_the_consumer_takes_is_part_of_the_pause(
    way: Way, service: LocalCodePipeline, clock: FakeClock, busy: float
) -> None:
    """Who needs longer than the pause finds the next poll due."""
    play(service, "InProgress", "Stopping", "Stopped")
    reports: list[PollReport] = []
    way.watch(
        pointed_at(service, clock=clock), busy=lambda _: clock.advance(busy), timeout=600.0, on_poll=reports.append
    )
    pauses = [report.pause - busy for report in reports if report.pause is not None and report.pause > busy]
    assert list(clock.slept) == [pytest.approx(pause) for pause in pauses]
    assert len(pauses) == (0 if busy == 30.0 else 2)


def test_after_its_end_a_watch_yields_nothing_more(service: LocalCodePipeline, clock: FakeClock) -> None:
    """Also after an error, as a generator would."""
    play(service, "Succeeded", "InProgress", NOT_FOUND)
    with CodePipelineClient(**pointed_at(service, clock=clock)) as client:
        watch = client.watch_pipeline_execution(**NAMED, timeout=60.0)
        assert iter(watch) is watch
        assert next(watch).status.is_successful
        assert list(watch) == []
        watch = client.watch_pipeline_execution(**NAMED, timeout=60.0)
        next(watch)
        with pytest.raises(PipelineExecutionNotFoundException):
            next(watch)
        assert list(watch) == []
    assert len(service.requests) == 3


def test_a_watch_may_be_left_in_the_middle(service: LocalCodePipeline, clock: FakeClock) -> None:
    """Nothing is left behind, and nothing has to be closed."""
    play(service, "InProgress", "InProgress", "Stopping")
    with CodePipelineClient(**pointed_at(service, clock=clock)) as client:
        for _ in client.watch_pipeline_execution(**NAMED, timeout=None):
            break
        with closing(cast("Any", client.watch_pipeline_execution(**NAMED, timeout=None))) as watch:
            next(watch)
        assert list(watch) == []
        assert client.get_pipeline_execution(**NAMED).pipeline_execution.status == "Stopping"
    assert len(service.requests) == 3
    assert clock.slept == ()


@IN_TASKS
def test_a_watch_in_a_task_may_be_left_in_the_middle(
    service: LocalCodePipeline, clock: FakeClock, backend: str
) -> None:
    """No library warns of a generator that nobody closed, since there is none."""
    play(service, "InProgress", "InProgress", "Stopping")

    async def main() -> None:
        async with AsyncCodePipelineClient(**pointed_at(service, clock=clock)) as client:
            async for _ in client.watch_pipeline_execution(**NAMED, timeout=None):
                break
            async with aclosing(cast("Any", client.watch_pipeline_execution(**NAMED, timeout=None))) as watch:
                await anext(watch)
            assert [snapshot async for snapshot in watch] == []
            gc.collect()
            await anyio.lowlevel.checkpoint()
            assert (await client.get_pipeline_execution(**NAMED)).pipeline_execution.status == "Stopping"

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        anyio.run(main, backend=backend)
    assert caught == []
    assert len(service.requests) == 3


def test_a_watch_may_be_closed_in_a_poll(way: Way, service: LocalCodePipeline, clock: FakeClock) -> None:
    """By a listener: nothing more is polled or yielded."""
    stop: list[Callable[[], None]] = []
    play(service, "InProgress")
    assert watched(way, pointed_at(service, clock=clock), stop.append, lambda _: stop[0]()) == []
    assert len(service.requests) == 1


def watched(
    way: Way, options: dict[str, Any], meet: Callable[[Any], object], on_poll: Callable[[PollReport], None]
) -> list[str]:
    """Watch to the end, however often that is interrupted; who wants to *meet* it is given what closes the watch."""
    seen: list[str] = []
    if way.name == "sync":
        with CodePipelineClient(**options) as client:
            watch = client.watch_pipeline_execution(**NAMED, timeout=600.0, on_poll=on_poll)
            meet(cast("Any", watch).close)
            while True:
                try:
                    seen.append(str(next(watch).status))
                except Interruption:
                    seen.append("interrupted")
                except (StopIteration, ServiceError) as end:
                    assert list(watch) == []
                    return seen if isinstance(end, StopIteration) else [*seen, end.code]

    async def main() -> list[str]:
        async with AsyncCodePipelineClient(**options) as client:
            watch = client.watch_pipeline_execution(**NAMED, timeout=600.0, on_poll=on_poll)
            meet(lambda: closed_at_once(cast("Any", watch).aclose()))
            while True:
                try:
                    seen.append(str((await anext(watch)).status))
                except Interruption:
                    seen.append("interrupted")
                except (StopAsyncIteration, ServiceError) as end:
                    assert [snapshot async for snapshot in watch] == []
                    return seen if isinstance(end, StopAsyncIteration) else [*seen, end.code]

    return anyio.run(main, backend=way.name)


def closed_at_once(closing: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    with pytest.raises(StopIteration):
        closing.send(None)


def test_threads_may_share_a_watch(service: LocalCodePipeline, clock: FakeClock) -> None:
    """Each snapshot goes to one of them, all of them end, and nothing is asked in vain."""
    play(service, "InProgress", "InProgress", "Stopping", "Stopped")
    seen: list[str] = []
    with CodePipelineClient(**pointed_at(service, clock=clock)) as client:
        watch = client.watch_pipeline_execution(**NAMED, timeout=600.0)

        def iterate() -> None:
            seen.extend(str(snapshot.status) for snapshot in watch)

        threads = [Thread(target=iterate, daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5.0)
        assert not any(thread.is_alive() for thread in threads)
    assert sorted(seen) == ["InProgress", "Stopped", "Stopping"]
    assert len(service.requests) == 4


@IN_TASKS
def test_tasks_may_share_a_watch(service: LocalCodePipeline, clock: FakeClock, backend: str) -> None:
    """As threads may; one that is cancelled while another asks takes nothing with it."""
    play(service, "InProgress", "InProgress", "Stopping", "Stopped")
    seen: list[str] = []

    async def main() -> None:
        async with AsyncCodePipelineClient(**pointed_at(service, clock=clock)) as client:
            watch = client.watch_pipeline_execution(**NAMED, timeout=600.0)

            async def iterate(most: float) -> None:
                with anyio.move_on_after(most):
                    async for snapshot in watch:
                        seen.append(str(snapshot.status))  # noqa: PERF401 - at once, not when all have come

            with anyio.fail_after(5.0):
                async with anyio.create_task_group() as group:
                    group.start_soon(iterate, 9.0)
                    await anyio.lowlevel.checkpoint()
                    for most in (0.0, 9.0, 9.0):
                        group.start_soon(iterate, most)

    anyio.run(main, backend=backend)
    assert sorted(seen) == ["InProgress", "Stopped", "Stopping"]
    assert len(service.requests) == 4


# Cancellation and interruption


class Interruption(BaseException):
    """What ends no event loop, unlike a KeyboardInterrupt, and is no error either."""


@pytest.mark.parametrize(
    ("events", "ends"),
    [
        pytest.param(["InProgress", "Stopping", "Stopped"], ["InProgress", "Stopping", "Stopped"], id="ended"),
        pytest.param(["Succeeded"], ["Succeeded"], id="ended-at-first"),
        pytest.param(["InProgress", NOT_FOUND], ["InProgress", "PipelineExecutionNotFoundException"], id="error"),
    ],
)
def test_an_interrupted_watch_loses_neither_a_snapshot_nor_its_end(
    way: Way, service: LocalCodePipeline, clock: FakeClock, events: list[Event], ends: list[str]
) -> None:
    """What a poll brought that was interrupted comes next, and is not asked for again."""
    play(service, *events)

    def interrupt(_: PollReport) -> None:
        raise Interruption

    options = pointed_at(service, clock=clock)
    assert watched(way, options, id, interrupt) == [word for end in ends for word in ("interrupted", end)]
    assert len(service.requests) == len(events)


class Stuck(FakeClock):
    """A clock on which a pause takes for ever; tells when one begins."""

    def __init__(self) -> None:
        super().__init__()
        self.pausing = anyio.Event()

    async def sleep_async(self, seconds: float) -> None:
        self.pausing.set()
        await anyio.sleep_forever()


@IN_TASKS
@pytest.mark.parametrize("place", ["pause", "poll"])
@pytest.mark.parametrize("method", ["wait", "watch", "many"])
def test_a_cancelled_wait_ends_at_once_and_leaves_nothing_behind(
    service: LocalCodePipeline, clock: FakeClock, backend: str, place: str, method: str
) -> None:
    """No task, no connection in use, and a client that works."""

    async def main() -> None:
        stuck, token = Stuck(), anyio.lowlevel.current_token()

        def hang(_: IncomingRequest) -> faults.Fault:
            anyio.from_thread.run_sync(stuck.pausing.set, token=token)
            return faults.Hang()

        service.put_execution(RUNNING)
        if place == "poll":
            service.inject_by(hang)
        async with AsyncCodePipelineClient(**pointed_at(service, clock=stuck)) as client:

            async def wait() -> None:
                if method == "wait":
                    await client.wait_for_pipeline_execution(**NAMED, timeout=600.0)
                elif method == "watch":
                    async for _ in client.watch_pipeline_execution(**NAMED, timeout=600.0):
                        pass
                else:
                    async for _ in client.wait_for_pipeline_executions([REFERENCE], timeout=600.0):
                        pass
                raise AssertionError("it was not cancelled")

            before = tasks(backend)
            async with anyio.create_task_group() as group:
                group.start_soon(wait)
                await stuck.pausing.wait()
                group.cancel_scope.cancel()
            assert tasks(backend) == before
            service.clear_faults()
            assert (await client.get_pipeline_execution(**NAMED)).pipeline_execution == RUNNING
        assert service.accepted_connections == (1 if place == "pause" else 2)

    anyio.run(main, backend=backend)


def tasks(backend: str) -> int:
    """How many tasks there are."""
    if backend == "trio":
        import trio

        return trio.lowlevel.current_statistics().tasks_living
    import asyncio

    return len(asyncio.all_tasks())


def test_a_task_that_is_cancelled_by_asyncio_itself_ends_its_wait(service: LocalCodePipeline) -> None:
    """As by `asyncio.timeout` or `Task.cancel`."""
    import asyncio

    service.put_execution(RUNNING)

    async def main() -> None:
        stuck = Stuck()
        async with AsyncCodePipelineClient(**pointed_at(service, clock=stuck)) as client:
            task = asyncio.create_task(client.wait_for_pipeline_execution(**NAMED, timeout=600.0))
            await stuck.pausing.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await client.wait_for_pipeline_execution(**NAMED, timeout=600.0)

    asyncio.run(main())


@IN_TASKS
def test_a_watch_that_was_cancelled_may_go_on(service: LocalCodePipeline, clock: FakeClock, backend: str) -> None:
    """A step that was given up costs no snapshot: the watch is where it was."""
    play(service, "InProgress", "Stopping", "Stopped")

    class Sticky(Stuck):
        is_stuck = True

        async def sleep_async(self, seconds: float) -> None:
            if self.is_stuck:
                await super().sleep_async(seconds)
            self.sleep(seconds)

    async def main() -> list[str]:
        sticky = Sticky()
        async with AsyncCodePipelineClient(**pointed_at(service, clock=sticky)) as client:
            watch = client.watch_pipeline_execution(**NAMED, timeout=600.0)
            seen = [str((await anext(watch)).status)]
            for _ in range(3):
                with anyio.move_on_after(0) as scope:
                    await anext(watch)
                assert scope.cancelled_caught
            sticky.is_stuck = False
            return seen + [str(snapshot.status) async for snapshot in watch]

    assert anyio.run(main, backend=backend) == ["InProgress", "Stopping", "Stopped"]
    assert len(service.requests) == 3


def test_an_interrupt_in_a_pause_ends_no_watch(service: LocalCodePipeline) -> None:
    """Ctrl-C comes out as it is, and iterating further goes on."""

    class Interrupted(FakeClock):
        times = 1

        def sleep(self, seconds: float) -> None:
            self.times -= 1
            if self.times == 0:
                raise KeyboardInterrupt
            super().sleep(seconds)

    play(service, "InProgress", "Succeeded")
    with CodePipelineClient(**pointed_at(service, clock=Interrupted())) as client:
        watch = client.watch_pipeline_execution(**NAMED, timeout=600.0)
        assert not next(watch).status.is_terminal
        with pytest.raises(KeyboardInterrupt):
            next(watch)
        assert [snapshot.status.is_terminal for snapshot in watch] == [True]


# Closing


def test_closing_the_client_in_a_pause_ends_a_wait_at_its_next_poll(way: Way, service: LocalCodePipeline) -> None:
    """Nothing more is sent."""
    closers: list[Any] = []

    class Closing(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            closers[0].close()

        async def sleep_async(self, seconds: float) -> None:
            FakeClock.sleep(self, seconds)
            await closers[0].aclose()

    clock = Closing()
    with LocalCodePipeline(now=clock.time) as endpoint:
        endpoint.put_execution(RUNNING)
        with pytest.raises(ConfigurationError, match="is closed"):
            with_client(way, pointed_at(endpoint, clock=clock), closers.append)
        assert len(clock.slept) == len(endpoint.requests) == 1


def with_client(way: Way, options: dict[str, Any], meet: Callable[[Any], object], **arguments: Any) -> None:
    """Wait as `Way.wait` does, after the client was shown to who wants to *meet* it."""
    if way.name == "sync":
        with CodePipelineClient(**options) as client:
            meet(client)
            client.wait_for_pipeline_execution(**NAMED, timeout=600.0, **arguments)
        return

    async def main() -> None:
        async with AsyncCodePipelineClient(**options) as client:
            meet(client)
            await client.wait_for_pipeline_execution(**NAMED, timeout=600.0, **arguments)

    anyio.run(main, backend=way.name)


@pytest.mark.parametrize("retry_mode", ["standard", "off"])
@pytest.mark.parametrize("before", [0, 1], ids=["first", "later"])
def test_closing_the_client_in_a_poll_ends_a_wait_at_once(
    way: Way, clock: FakeClock, retry_mode: str, before: int
) -> None:
    """It is no failure of the network that may pass, and no pause is made for it."""
    clients: list[Any] = []
    asked = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked > before:
            clients[0]._clock.close()  # what closing does first, and what an async transport can do here
            raise httpx.ReadError("closed")
        return status_of("InProgress")

    with pytest.raises((ConfigurationError, ConnectionFailedError), match="closed"):
        with_client(way, through(answer, clock, retry_mode=retry_mode), clients.append)
    assert asked == before + 1


# Arguments


async def tell_in_a_task(report: PollReport) -> None:
    """What nobody would await."""
    raise AssertionError(report)


METHODS: Final = ("wait_for_pipeline_execution", "watch_pipeline_execution", "wait_for_pipeline_executions")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("changes", "error", "problem"),
    [
        pytest.param({"timeout": 0}, ConfigurationError, "timeout must be a number of seconds", id="timeout"),
        pytest.param({"poll_interval": -1}, ConfigurationError, "poll_interval must be", id="interval"),
        pytest.param({"poll_interval": 60}, ConfigurationError, "above max_poll_interval", id="intervals"),
        pytest.param({"not_found_grace": None}, ConfigurationError, "not_found_grace must be", id="grace"),
        pytest.param({"on_poll": 5}, ConfigurationError, "on_poll must be a plain function", id="no-function"),
        pytest.param({"on_poll": tell_in_a_task}, ConfigurationError, "on_poll must be a plain function", id="async"),
        pytest.param({"on_poll": partial(tell_in_a_task)}, ConfigurationError, "on_poll must be", id="async-partial"),
        pytest.param({"retries": 3}, TypeError, "retries", id="unknown"),
    ],
)
def test_a_bad_argument_is_told_at_once(
    way: Way, service: LocalCodePipeline, method: str, changes: dict[str, Any], error: type[Exception], problem: str
) -> None:
    """By the call itself, not when the first snapshot is asked for."""
    given, named = (([REFERENCE],), {}) if method == METHODS[2] else ((), NAMED)
    with pytest.raises(error, match=problem):
        way.call(pointed_at(service), method, *given, **named, **{"timeout": 600.0, **changes})
    with pytest.raises(TypeError, match="timeout"):
        way.call(pointed_at(service), method, *given, **named)
    assert service.requests == ()


@pytest.mark.parametrize("method", METHODS[:2])
def test_a_bad_name_is_told_at_once(way: Way, service: LocalCodePipeline, method: str) -> None:
    """Nothing is sent, and the wait has not begun."""
    with pytest.raises(ParameterValidationError, match=r"pipeline_name .*; pipeline_execution_id ") as caught:
        way.call(pointed_at(service), method, pipeline_name="", pipeline_execution_id="x", timeout=600.0)
    assert len(caught.value.violations) == 2
    assert service.requests == ()


@pytest.mark.parametrize("method", METHODS)
def test_a_closed_client_waits_for_nothing(way: Way, service: LocalCodePipeline, method: str) -> None:
    """It says so at once."""
    given, named = (([REFERENCE],), {}) if method == METHODS[2] else ((), NAMED)

    def wait_in_a_thread() -> None:
        client = CodePipelineClient(**pointed_at(service))
        client.close()
        getattr(client, method)(*given, **named, timeout=600.0)

    async def wait_in_a_task() -> None:
        client = AsyncCodePipelineClient(**pointed_at(service))
        await client.aclose()
        result = getattr(client, method)(*given, **named, timeout=600.0)
        assert isinstance(result, Coroutine)
        await cast("Coroutine[Any, Any, object]", result)

    with pytest.raises(ConfigurationError, match="is closed"):
        wait_in_a_thread() if way.name == "sync" else anyio.run(wait_in_a_task, backend=way.name)


@pytest.mark.parametrize("method", ["wait", "watch"])
def test_plain_http_to_another_machine_is_warned_about_where_the_wait_is(
    way: Way, clock: FakeClock, method: str
) -> None:
    """The warning points at the line that waits, not into the package."""
    options = through(lambda _: status_of("Failed"), clock, endpoint_url="http://other.test")
    with pytest.warns(InsecureEndpointWarning, match=r"http://other\.test unencrypted") as warned:
        getattr(way, method)(options, timeout=600.0)
    assert [warning.filename for warning in warned] == [__file__]


# Many: the method only; how they are followed has tests of its own


def test_many_are_told_in_any_form_and_each_is_yielded_once(
    way: Way, service: LocalCodePipeline, clock: FakeClock
) -> None:
    """A reference, an execution, a tuple; a generator of them will do."""
    others = [evolve(RUNNING, pipeline_execution_id=f"{OTHER_ID[:-1]}{number}") for number in range(3)]
    for execution in others:
        service.put_execution(evolve(execution, status=type(RUNNING.status)("Succeeded")))
    first, second, third = others
    forms = [
        PipelineExecutionReference(first.pipeline_name, first.pipeline_execution_id),
        second,
        (third.pipeline_name, third.pipeline_execution_id),
        first,
        (second.pipeline_name, second.pipeline_execution_id),
    ]
    followed = way.wait_for_many(pointed_at(service, clock=clock), (form for form in forms), timeout=600.0)
    ids = [each.reference.pipeline_execution_id for each in followed]
    assert sorted(ids) == [execution.pipeline_execution_id for execution in others]
    assert all(each.result().status.is_successful for each in followed)
    assert len(service.requests) == 3


def test_a_bad_one_among_many_is_yielded_as_its_error(way: Way, service: LocalCodePipeline, clock: FakeClock) -> None:
    """The others go on; nothing was sent for it."""
    service.put_execution(make_pipeline_execution(status="Failed"))
    options = pointed_at(service, clock=clock)
    followed = way.wait_for_many(options, [("web", "not an id"), ("web", None), REFERENCE], timeout=600.0)
    errors = {each.reference.pipeline_execution_id: type(each.error) for each in followed}
    assert errors == {
        "not an id": ParameterValidationError,
        None: ParameterValidationError,
        REFERENCE.pipeline_execution_id: type(None),
    }
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "executions",
    [
        *([["web"], [("web",)], [("web", "id", "more")], [7], [None], "web", [("web", ["id"])]]),
        *(["ab"], "ab", [b"ab"], [{"web": 1, "id": 2}], [{"web", "id"}], 5, None, REFERENCE),
    ],
    ids=[
        *("name", "one", "three", "number", "none", "text", "unhashable"),
        *("two-letters", "letters", "two-bytes", "mapping", "set", "not-many", "nothing", "only-one"),
    ],
)
def test_what_can_mean_no_execution_is_refused_at_once(way: Way, service: LocalCodePipeline, executions: Any) -> None:
    """It is a mistake in the program, not one execution that fails."""
    with pytest.raises(ConfigurationError, match="executions must be references, executions, or tuples"):
        way.call(pointed_at(service), "wait_for_pipeline_executions", executions, timeout=600.0)


@pytest.mark.parametrize("rate", [0, -1, 0.009, 1001, float("inf"), float("nan"), None, "10", True, [10]])
def test_a_rate_that_cannot_be_meant_is_refused_at_once(way: Way, service: LocalCodePipeline, rate: Any) -> None:
    """As any argument is."""
    with pytest.raises(ConfigurationError, match=r"max_calls_per_second must be a number from 0\.01 to 1000, not "):
        way.call(
            pointed_at(service), "wait_for_pipeline_executions", [REFERENCE], timeout=600.0, max_calls_per_second=rate
        )


# What an editor infers: read by mypy and pyright, never run

if TYPE_CHECKING:

    def types(client: CodePipelineClient) -> None:
        assert_type(client.wait_for_pipeline_execution(**NAMED, timeout=1), PipelineExecution)
        assert_type(client.watch_pipeline_execution(**NAMED, timeout=None), Iterator[PipelineExecution])
        many = client.wait_for_pipeline_executions([REFERENCE, RUNNING, ("web", "…")], timeout=1.5)
        assert_type(many, Iterator[FollowedExecution])
        assert_type(next(many).result(), PipelineExecution)
        assert_type(next(many).error, CodePipelineError | None)
        client.wait_for_pipeline_execution(**NAMED, timeout=1, on_poll=lambda report: assert_type(report, PollReport))

    async def types_async(client: AsyncCodePipelineClient) -> None:
        assert_type(await client.wait_for_pipeline_execution(**NAMED, timeout=1), PipelineExecution)
        assert_type(client.watch_pipeline_execution(**NAMED, timeout=None), AsyncIterator[PipelineExecution])
        many = client.wait_for_pipeline_executions([REFERENCE, RUNNING, ("web", "…")], timeout=1.5)
        assert_type(many, AsyncIterator[FollowedExecution])
