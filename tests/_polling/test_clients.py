"""The methods that wait, of both clients: over a real endpoint, and with a clock that does not wait."""

from __future__ import annotations

import logging
import pickle
import threading
from contextlib import nullcontext, suppress
from functools import partial
from itertools import cycle, pairwise
from typing import Any, Final, cast
from unittest.mock import Mock

import anyio
import httpx
import pytest
from attrs import evolve

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    Credentials,
    PipelineExecution,
    PipelineExecutionReference,
    PollReport,
    errors,
)
from codepipeline_client.clock import DEADLINE, Deadline
from codepipeline_client.testing import FakeClock, IncomingRequest, LocalCodePipeline, faults, make_pipeline_execution
from tests.clients import Open, opened

RUNNING: Final = make_pipeline_execution(status="InProgress")
NAMED: Final[dict[str, Any]] = {
    "pipeline_name": RUNNING.pipeline_name,
    "pipeline_execution_id": RUNNING.pipeline_execution_id,
}
REFERENCE: Final = PipelineExecutionReference(**NAMED)

METHODS: Final[dict[str, dict[str, Any]]] = {
    "wait_for_pipeline_execution": NAMED,
    "watch_pipeline_execution": NAMED,
    "wait_for_pipeline_executions": {"executions": [REFERENCE]},
}
Event = str | faults.Fault
"""What happens at a request: the execution gets a status, or the service a fault."""


def play(service: LocalCodePipeline, *events: Event) -> None:
    """Give each request the next of the *events*, and later ones the last."""
    service.put_execution(RUNNING)

    def rule(request: IncomingRequest) -> faults.Fault | None:
        event = events[min(request.number, len(events)) - 1]
        if isinstance(event, faults.Fault):
            return event
        service.put_execution(ended_as(event))
        return None

    service.inject_by(rule)


def ended_as(status: str) -> PipelineExecution:
    return evolve(RUNNING, status=type(RUNNING.status)(status))


def response(status: str) -> httpx.Response:
    return httpx.Response(200, json={"pipelineExecution": {"status": status}})


def run(client: Any, method: str, **more: Any) -> list[Any]:
    """Wait by a method of *client*, and return all that it returned or yielded."""
    result = getattr(client, method)(**METHODS[method], **{"timeout": 600.0, **more})
    return [result] if method == "wait_for_pipeline_execution" else list(result)


def check(reports: list[PollReport], polls: int) -> None:
    """Check what holds for the reports of every wait that has ended."""
    assert [report.number for report in reports] == list(range(1, polls + 1))
    assert [report.pause is None for report in reports] == [False] * (polls - 1) + [True]
    for report in reports:
        assert report.reference == REFERENCE
        assert (report.execution is None) != (report.failure is None)
    for report in reports[:-1]:
        assert report.failure is None or report.failure.__traceback__ is None, "it keeps frames"
    for before, after in pairwise(reports):
        assert before.pause is not None
        assert before.seconds + before.pause == pytest.approx(after.seconds, abs=1.0)  # the retries of a poll take time


# How a wait ends

THROTTLED: Final = faults.Throttling()
DOWN: Final = faults.ServerError()
RESET: Final = faults.ResetBeforeAnswer()
PAGE: Final = faults.HtmlBody()
PAGE_404: Final = faults.HtmlBody(status_code=404)
REDIRECT: Final = faults.HtmlBody(status_code=302)
NOT_FOUND: Final = faults.ErrorResponse(code="PipelineExecutionNotFoundException")
DENIED: Final = faults.ErrorResponse(code="AccessDeniedException")
NO_PIPELINE: Final = faults.ErrorResponse(code="PipelineNotFoundException")


@pytest.mark.parametrize(
    ("events", "polls", "failed"),
    [
        pytest.param(["Succeeded"], 1, 0, id="ended-before"),
        pytest.param([NO_PIPELINE, NOT_FOUND, NOT_FOUND, "InProgress", "Succeeded"], 5, 3, id="not-found"),
        pytest.param([DOWN] * 20 + ["Succeeded"], 7, 6, id="down"),
        pytest.param(["InProgress", REDIRECT, PAGE_404, "Succeeded"], 4, 2, id="pages-in-the-middle"),
        pytest.param(
            [THROTTLED, DOWN, RESET, PAGE, "InProgress", NOT_FOUND, "Paused", THROTTLED, "Stopping", "Stopped"],
            8,
            4,
            id="all-of-it",
        ),
    ],
)
def test_it_waits_until_the_execution_has_ended(
    open_client: Open, service: LocalCodePipeline, clock: FakeClock, events: list[Event], polls: int, failed: int
) -> None:
    """Failures that may pass are overlooked, statuses that are not terminal too, and every terminal one is returned."""
    play(service, *events)
    reports: list[PollReport] = []
    with open_client() as client:
        execution = client.wait_for_pipeline_execution(
            **NAMED, timeout=600.0, not_found_grace=30.0, on_poll=reports.append
        )
    assert execution == ended_as(cast("str", events[-1])) == reports[-1].execution
    assert len(service.requests) == len(events)
    check(reports, polls)
    assert sum(report.failure is not None for report in reports) == failed
    assert clock.monotonic() < 600.0


@pytest.mark.parametrize(
    ("changes", "events", "error"),
    [
        pytest.param({}, [NOT_FOUND], errors.PipelineExecutionNotFoundException, id="not-found"),
        pytest.param({}, ["InProgress", DENIED], errors.AccessDeniedException, id="denied"),
        pytest.param({}, [THROTTLED, PAGE_404], errors.ServiceError, id="page-404-at-first"),
        pytest.param({}, ["InProgress", faults.ServerError(status_code=501)], errors.ServiceError, id="501"),
        pytest.param({"credentials": None}, ["Succeeded"], errors.CredentialsError, id="no-credentials"),
        pytest.param(
            {"endpoint_url": "https://nowhere.test"}, ["InProgress"], errors.ConnectionFailedError, id="unknown-host"
        ),
    ],
)
def test_a_failure_that_cannot_pass_ends_a_wait_at_once(
    open_client: Open,
    service: LocalCodePipeline,
    clock: FakeClock,
    changes: dict[str, Any],
    events: list[Event],
    error: type[errors.CodePipelineError],
) -> None:
    """The error itself is raised, and no time is spent on it."""
    play(service, *events)
    reports: list[PollReport] = []
    with open_client(**changes) as client, pytest.raises(error) as caught:
        client.wait_for_pipeline_execution(**NAMED, timeout=600.0, on_poll=reports.append)
    assert caught.value is reports[-1].failure
    check(reports, len(events))
    assert len(service.requests) == (0 if changes else len(events))
    assert clock.monotonic() < 6.0


@pytest.mark.parametrize(
    ("events", "seen", "cause"),
    [
        pytest.param(["InProgress"], "InProgress", type(None), id="in-progress"),
        pytest.param(["InProgress", THROTTLED], "InProgress", errors.ThrottlingException, id="throttled-at-last"),
        pytest.param([THROTTLED], None, errors.ThrottlingException, id="throttled"),
        pytest.param([NOT_FOUND], None, errors.PipelineExecutionNotFoundException, id="not-found"),
    ],
)
def test_a_wait_ends_with_its_time(
    open_client: Open, service: LocalCodePipeline, clock: FakeClock, events: list[Event], seen: str | None, cause: type
) -> None:
    """The error has the execution as last seen, counts polls and failures, and keeps all that through a pickle."""
    play(service, *events)
    reports: list[PollReport] = []
    with open_client() as client, pytest.raises(errors.WaitTimeoutError) as caught:
        client.wait_for_pipeline_execution(**NAMED, timeout=60.0, not_found_grace=3600.0, on_poll=reports.append)
    error = caught.value
    assert error.execution == (seen and ended_as(seen))
    assert error.failures == (sum(report.failure is not None for report in reports) if THROTTLED in events else 0)
    assert error.__cause__ is reports[-1].failure
    assert type(error.__cause__) is cause
    assert str(error).endswith("continues" if seen else f". The last poll failed: {error.__cause__}")
    assert 59.0 <= error.seconds <= clock.monotonic() <= 60.0
    check(reports, error.polls)
    twin = pickle.loads(pickle.dumps(error))
    assert (str(twin), vars(twin)) == (str(error), vars(error))


# Polls


@pytest.mark.parametrize(
    ("of_client", "of_wait", "first", "last"),
    [
        pytest.param(None, None, None, None, id="none"),
        pytest.param(60.0, 600.0, 60.0, 1.0, id="the-clients"),
        pytest.param(60.0, 20.0, 20.0, 1.0, id="the-waits"),
        pytest.param(0.25, 600.0, 0.25, 0.25, id="shorter-than-the-last"),
    ],
)
def test_a_poll_takes_no_longer_than_a_call_and_than_what_is_left(
    open_client: Open,
    clock: FakeClock,
    of_client: float | None,
    of_wait: float | None,
    first: float | None,
    last: float | None,
) -> None:
    """So that no silent server holds a wait beyond its time."""
    limits: list[float | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        limits.append(cast("Deadline", request.extensions[DEADLINE]).seconds)
        return response("InProgress" if clock.monotonic() < 599.5 or of_wait else "Succeeded")

    ends = nullcontext() if of_wait is None else pytest.raises(errors.WaitTimeoutError)
    with open_client(transport=httpx.MockTransport(respond), timeout=of_client) as client, ends:
        client.wait_for_pipeline_execution(**NAMED, timeout=of_wait)
    assert [limits[0], limits[-1]] == [pytest.approx(first), pytest.approx(last)]


@pytest.mark.parametrize("method", METHODS)
def test_a_service_that_throttles_every_poll_of_a_short_wait_gets_few(
    open_client: Open, service: LocalCodePipeline, method: str
) -> None:
    """After about 0, 4 and 12 seconds, and once shortly before the end. A throttle is not retried within a poll."""
    service.inject(THROTTLED, times=None)
    reports: list[PollReport] = []
    with open_client() as client, suppress(errors.WaitTimeoutError):
        run(client, method, timeout=20.0, on_poll=reports.append)
    check(reports, len(service.requests))
    assert len(reports) == 4
    assert [report.seconds > 18.0 for report in reports].count(True) == 1


# Callbacks


@pytest.mark.parametrize("method", METHODS)
def test_an_error_of_on_poll_is_logged_and_ends_no_wait(
    open_client: Open, service: LocalCodePipeline, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    """Each time."""
    play(service, "InProgress", "Succeeded")
    with caplog.at_level(logging.WARNING, "codepipeline_client"), open_client() as client:
        assert run(client, method, on_poll=Mock(side_effect=ZeroDivisionError))
    assert [record.getMessage() for record in caplog.records] == ["on_poll raised an error"] * 2
    assert {record.exc_info and record.exc_info[0] for record in caplog.records} == {ZeroDivisionError}


@pytest.mark.parametrize("method", list(METHODS)[1:])
def test_on_poll_that_takes_from_its_own_iterator_gets_an_error(
    open_client: Open, service: LocalCodePipeline, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    """And no deadlock: the wait goes on."""
    play(service, "InProgress", "Succeeded")
    iterators: list[Any] = []

    def take(_: PollReport) -> None:
        iterator: Any = getattr(iterators[0], "inner", iterators[0])
        if hasattr(iterator, "__next__"):
            next(iterator)
        else:
            anext(iterator).send(None)

    with open_client() as client:
        iterators.append(getattr(client, method)(**METHODS[method], timeout=600.0, on_poll=take))
        assert list(iterators[0])
    assert [str(record.exc_info and record.exc_info[1]) for record in caplog.records] == [
        "a callback must not take the next item from the iterator that calls it"
    ] * 2


# Watching


def test_a_watch_yields_each_change(open_client: Open, service: LocalCodePipeline, clock: FakeClock) -> None:
    """The execution as it is, each that differs from the one before, and the terminal one; then nothing more."""
    play(service, "InProgress", "InProgress", THROTTLED, "InProgress", "Stopping", "Stopping", "InProgress", "Stopped")
    reports: list[PollReport] = []
    with open_client() as client:
        watch = client.watch_pipeline_execution(**NAMED, timeout=600.0, on_poll=reports.append)
        assert iter(watch) is watch
        assert [str(each.status) for each in watch] == ["InProgress", "Stopping", "InProgress", "Stopped"]
        assert list(watch) == []
    check(reports, 8)


@pytest.mark.parametrize("busy", [1.0, 30.0])
def test_the_time_that_the_caller_takes_is_part_of_the_pause(
    open_client: Open, service: LocalCodePipeline, clock: FakeClock, busy: float
) -> None:
    """If it is longer than the pause, the next poll is due at once."""
    play(service, "InProgress", "Stopping", "Stopped")
    reports: list[PollReport] = []
    with open_client() as client:
        for _ in client.watch_pipeline_execution(**NAMED, timeout=600.0, on_poll=reports.append):
            clock.advance(busy)
    pauses = [report.pause - busy for report in reports if report.pause is not None and report.pause > busy]
    assert list(clock.slept) == [pytest.approx(pause) for pause in pauses]
    assert len(pauses) == (0 if busy == 30.0 else 2)


def test_a_watch_may_be_left_in_the_middle(open_client: Open, service: LocalCodePipeline, clock: FakeClock) -> None:
    """There is nothing to close, and nothing more is sent."""
    play(service, "InProgress", "Stopping")
    with open_client() as client:
        for _ in client.watch_pipeline_execution(**NAMED, timeout=None):
            break
        assert client.get_pipeline_execution(**NAMED).pipeline_execution.status == "Stopping"
    assert len(service.requests) == 2
    assert clock.slept == ()


def test_an_interrupted_watch_may_go_on(open_client: Open, service: LocalCodePipeline) -> None:
    """It loses neither a change nor its end, be it an error, and repeats no poll. Then it yields nothing more."""
    interrupts = cycle([True, False])  # every other pause, as by Ctrl-C or a cancellation

    class InterruptingClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            if next(interrupts):
                raise InterruptedError
            super().sleep(seconds)

    play(service, "InProgress", "Stopping", NOT_FOUND)
    with open_client(clock=InterruptingClock()) as client:
        watch = client.watch_pipeline_execution(**NAMED, timeout=600.0)
        assert next(watch).status == "InProgress"
        with pytest.raises(InterruptedError):
            next(watch)
        assert next(watch).status == "Stopping"
        with pytest.raises(InterruptedError):
            next(watch)
        with pytest.raises(errors.PipelineExecutionNotFoundException):
            next(watch)
        assert list(watch) == []
    assert len(service.requests) == 3


# Cancellation and closing


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("place", ["pause", "poll"])
@pytest.mark.parametrize("method", METHODS)
def test_a_cancelled_wait_ends_at_once_and_leaves_nothing_behind(
    service: LocalCodePipeline, options: dict[str, Any], backend: str, place: str, method: str
) -> None:
    """No task, no connection in use, and a client that works."""
    is_there = threading.Event()

    class Stuck(FakeClock):
        async def sleep_async(self, seconds: float) -> None:
            is_there.set()
            await anyio.sleep_forever()

    def hang(_: IncomingRequest) -> faults.Fault:
        is_there.set()
        return faults.Hang()

    service.put_execution(RUNNING)
    if place == "poll":
        service.inject_by(hang)
    with opened(backend, **{**options, "clock": Stuck()}) as client:

        async def wait() -> None:
            result = getattr(client.inner, method)(**METHODS[method], timeout=600.0)
            if method == "wait_for_pipeline_execution":
                await result
            else:
                async for _ in result:
                    pass

        tasks = len(client.portal.call(anyio.get_running_tasks))
        waiting = client.portal.start_task_soon(wait)
        assert is_there.wait(5.0)
        assert waiting.cancel()
        client.portal.call(anyio.wait_all_tasks_blocked)
        assert len(client.portal.call(anyio.get_running_tasks)) == tasks
        service.clear_faults()
        assert client.get_pipeline_execution(**NAMED).pipeline_execution == RUNNING
    assert service.accepted_connections == (1 if place == "pause" else 2)


@pytest.mark.parametrize("retry_mode", ["standard", "off"])
@pytest.mark.parametrize(("place", "sent"), [("pause", 1), ("poll", 1), ("poll", 2)])
def test_closing_the_client_ends_a_wait(
    open_client: Open, clock: FakeClock, retry_mode: str, place: str, sent: int
) -> None:
    """In a pause or in a poll. It is no failure of the network that may pass, and nothing more is sent."""
    clients: list[Any] = []
    requests = 0

    def close() -> None:
        getattr(clients[0], "inner", clients[0])._clock.close()  # what closing does first, and a task can do here

    def respond(_: httpx.Request) -> httpx.Response:
        nonlocal requests
        requests += 1
        if place == "poll" and requests == sent:
            close()
            raise httpx.ReadError("closed")
        return response("InProgress")

    def note(_: PollReport) -> None:
        if place == "pause":
            close()

    with open_client(transport=httpx.MockTransport(respond), retry_mode=retry_mode) as client:
        clients.append(client)
        with pytest.raises((errors.ConfigurationError, errors.ConnectionFailedError), match="closed"):
            client.wait_for_pipeline_execution(**NAMED, timeout=600.0, on_poll=note)
    assert requests == sent


# Arguments


async def note_in_a_task(report: PollReport) -> None:
    """A callback that would not be awaited."""
    raise AssertionError(report)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param({"timeout": 0}, "timeout must be a number of seconds", id="timeout"),
        pytest.param({"poll_interval": -1}, "poll_interval must be", id="interval"),
        pytest.param({"poll_interval": 60}, r"poll_interval \(60\) must not be above max_.* \(30\.0\)", id="intervals"),
        pytest.param({"not_found_grace": None}, "not_found_grace must be", id="grace"),
        pytest.param({"on_poll": 5}, "on_poll must be a plain function", id="no-function"),
        pytest.param({"on_poll": note_in_a_task}, "on_poll must be a plain function", id="async"),
        pytest.param({"on_poll": partial(note_in_a_task)}, "on_poll must be", id="async-partial"),
    ],
)
def test_a_bad_argument_is_refused_by_the_call(
    open_client: Open, service: LocalCodePipeline, clock: FakeClock, method: str, changes: dict[str, Any], problem: str
) -> None:
    """Not when the first execution is awaited. There is no default for the timeout."""
    with open_client() as client:
        with pytest.raises(errors.ConfigurationError, match=problem):
            getattr(client, method)(**METHODS[method], **{"timeout": 600.0, **changes})
        with pytest.raises(TypeError, match="timeout"):
            getattr(client, method)(**METHODS[method])
    assert service.requests == ()


@pytest.mark.parametrize("method", list(METHODS)[:2])
def test_a_bad_name_is_refused_by_the_call(open_client: Open, service: LocalCodePipeline, method: str) -> None:
    refusal = pytest.raises(errors.ParameterValidationError, match=r"pipeline_name .*; pipeline_execution_id ")
    with open_client() as client, refusal:
        getattr(client, method)(pipeline_name="", pipeline_execution_id="x", timeout=600.0)
    assert service.requests == ()


def test_plain_http_to_another_machine_is_warned_about_where_the_call_is() -> None:
    """The warning names the line that calls or waits, not one of the package. Each client warns once."""
    options: dict[str, Any] = {
        "region_name": "eu-west-1",
        "endpoint_url": "http://other.test",
        "credentials": Credentials(access_key_id="AKID", secret_access_key="secret"),
        "transport": httpx.MockTransport(lambda _: response("Failed")),
    }

    async def main() -> None:
        async with AsyncCodePipelineClient(**options) as client:
            await client.get_pipeline_execution(**NAMED)
        async with AsyncCodePipelineClient(**options) as client:
            await client.wait_for_pipeline_execution(**NAMED, timeout=600.0)
        async with AsyncCodePipelineClient(**options) as client:
            await anext(client.watch_pipeline_execution(**NAMED, timeout=600.0))
        with CodePipelineClient(**options) as sync_client:
            sync_client.get_pipeline_execution(**NAMED)
        with CodePipelineClient(**options) as sync_client:
            sync_client.wait_for_pipeline_execution(**NAMED, timeout=600.0)
        with CodePipelineClient(**options) as sync_client:
            next(sync_client.watch_pipeline_execution(**NAMED, timeout=600.0))

    with pytest.warns(errors.InsecureEndpointWarning, match=r"http://other\.test unencrypted") as warned:
        anyio.run(main)
    assert [warning.filename for warning in warned] == [__file__] * 6


# Many: the method only; the drivers have tests of their own


def test_executions_are_given_in_any_form_and_each_is_yielded_once(
    open_client: Open, service: LocalCodePipeline, clock: FakeClock
) -> None:
    """A reference, an execution, a tuple; from a generator. A wrong id is an error of its own."""
    first, second, third = (
        evolve(ended_as("Succeeded"), pipeline_execution_id=f"{number}" * 8 + "-0000-4000-8000-000000000000")
        for number in range(3)
    )
    for execution in (first, second, third):
        service.put_execution(execution)
    reference = PipelineExecutionReference(first.pipeline_name, first.pipeline_execution_id)
    forms = [reference, second, ("web", third.pipeline_execution_id), first, ("web", "not an id"), ("web", None)]
    with open_client() as client:
        ends = list(client.wait_for_pipeline_executions(iter(forms), timeout=600.0))
    assert [type(each.error) for each in ends if each.error is not None] == [errors.ParameterValidationError] * 2
    assert {each.execution for each in ends} == {first, second, third, None}
    assert len(ends) == 5
    assert len(service.requests) == 3


@pytest.mark.parametrize(
    "executions",
    [
        *([["web"], [("web",)], [("web", "id", "more")], [7], [None], "web", [("web", ["id"])]]),
        *(["ab"], "ab", [b"ab"], [{"web": 1, "id": 2}], [{"web", "id"}], 5, None, REFERENCE),
    ],
)
def test_what_identifies_no_execution_is_refused_by_the_call(options: dict[str, Any], executions: Any) -> None:
    """It is a mistake in the program, not one execution that fails."""
    refusal = pytest.raises(errors.ConfigurationError, match=r"must be |the execution is None")
    with CodePipelineClient(**options) as client, refusal:
        client.wait_for_pipeline_executions(executions, timeout=600.0)


@pytest.mark.parametrize("rate", [0, -1, 0.009, 1001, float("inf"), float("nan"), None, "10", True, [10]])
def test_a_rate_out_of_range_is_refused_by_the_call(options: dict[str, Any], rate: Any) -> None:
    refusal = pytest.raises(errors.ConfigurationError, match=r"max_calls_per_second must be a number from 0\.01 to ")
    with CodePipelineClient(**options) as client, refusal:
        client.wait_for_pipeline_executions([REFERENCE], timeout=600.0, max_calls_per_second=rate)
