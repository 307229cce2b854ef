"""Under fire: each fault that a network or a service can have, and what the client makes of it, over real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any

import anyio
import pytest

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    CodePipelineError,
    ConnectionFailedError,
    Credentials,
    ExpiredTokenException,
    GetPipelineExecutionOutput,
    InternalServerError,
    InvalidSignatureException,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    ThrottlingException,
)
from codepipeline_client.testing import FakeClock, LocalCodePipeline, faults, make_pipeline_execution
from tests.loops import LOOPS

EXECUTION = make_pipeline_execution()
ASKED: dict[str, Any] = {
    "pipeline_name": EXECUTION.pipeline_name,
    "pipeline_execution_id": EXECUTION.pipeline_execution_id,
}
Answers = list[GetPipelineExecutionOutput | CodePipelineError]
Ask = Callable[..., Answers]


@pytest.fixture
def service() -> Iterator[LocalCodePipeline]:
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(EXECUTION)
        yield endpoint


def pointed_at(service: LocalCodePipeline, **more: object) -> dict[str, Any]:
    options = {
        "region_name": service.region_name,
        "endpoint_url": service.endpoint_url,
        "credentials": service.credentials,
        "clock": PatientClock(),
    }
    return {**options, **more}


class PatientClock(FakeClock):
    """The machine's time of day, so that signatures fit; pauses take no time."""

    def time(self) -> float:
        return time.time()


@pytest.fixture(params=["sync", *LOOPS])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Make some calls with one client, one after the other, and return what came of each."""

    def go(
        calls: int = 1,
        *,
        between: Callable[[], object] = lambda: None,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
        **options: Any,
    ) -> Answers:
        answers: Answers = []

        def sync() -> None:
            with CodePipelineClient(**options) as client:
                for _ in range(calls):
                    try:
                        with around():
                            answers.append(client.get_pipeline_execution(**ASKED))
                    except CodePipelineError as error:
                        answers.append(error)
                    between()

        async def main() -> None:
            async with AsyncCodePipelineClient(**options) as client:
                for _ in range(calls):
                    try:
                        with around():
                            answers.append(await client.get_pipeline_execution(**ASKED))
                    except CodePipelineError as error:
                        answers.append(error)
                    between()

        if request.param == "sync":
            sync()
        else:
            anyio.run(main, **LOOPS[request.param])
        return answers

    return go


def good(answer: GetPipelineExecutionOutput | CodePipelineError, attempts: int) -> bool:
    assert isinstance(answer, GetPipelineExecutionOutput), answer
    return answer.pipeline_execution == EXECUTION and answer.response_metadata.attempts == attempts


PASSING = [
    pytest.param(faults.ServerError(status_code=500), ServiceError, id="500"),
    pytest.param(faults.ServerError(status_code=502, body="<h1>Bad gateway</h1>"), ServiceError, id="502-html"),
    pytest.param(faults.ServerError(status_code=503), ServiceError, id="503"),
    pytest.param(faults.ServerError(status_code=504), ServiceError, id="504"),
    pytest.param(faults.ErrorResponse(code="InternalServerError"), InternalServerError, id="internal"),
    pytest.param(faults.Throttling(), ThrottlingException, id="throttling"),
    pytest.param(faults.Throttling(code="SlowDown"), ServiceError, id="slow-down"),
    pytest.param(faults.Throttling(code=None), ServiceError, id="bare-429"),
    pytest.param(faults.HtmlBody(), ResponseDecodeError, id="html-on-200"),
    pytest.param(faults.CloseBeforeAnswer(), ConnectionFailedError, id="closed-before-the-answer"),
    pytest.param(faults.ResetBeforeAnswer(), ConnectionFailedError, id="reset-before-the-answer"),
    pytest.param(faults.ResetInHeaders(), ConnectionFailedError, id="reset-in-the-headers"),
    pytest.param(faults.ResetInBody(), ConnectionFailedError, id="reset-in-the-body"),
    pytest.param(faults.TruncatedHeaders(), ConnectionFailedError, id="headers-cut-short"),
    pytest.param(faults.TruncatedBody(), ConnectionFailedError, id="body-cut-short"),
    pytest.param(faults.TruncatedChunk(), ConnectionFailedError, id="chunk-cut-short"),
    pytest.param(faults.OversizeHeaders(), ConnectionFailedError, id="200-kB-of-headers"),
    pytest.param(faults.GarbageStatusLine(), ConnectionFailedError, id="garbage"),
    pytest.param(faults.ConflictingLengths(), ConnectionFailedError, id="conflicting-lengths"),
    pytest.param(faults.InvalidGzip(), ResponseDecodeError, id="bad-gzip"),
    pytest.param(faults.GzipBomb(), ResponseDecodeError, id="gzip-bomb"),
    pytest.param(faults.OversizeBody(), ResponseDecodeError, id="oversize"),
    pytest.param(faults.EndlessBody(), ResponseDecodeError, id="endless"),
    pytest.param(faults.WrongExecution(), ResponseDecodeError, id="another-execution"),
]


@pytest.mark.parametrize(("fault", "error"), PASSING)
def test_a_fault_that_may_pass_is_tried_again(
    ask: Ask, service: LocalCodePipeline, fault: faults.Fault, error: type[CodePipelineError]
) -> None:
    service.inject(fault, times=2)
    (answer,) = ask(**pointed_at(service))
    assert good(answer, attempts=3)


@pytest.mark.parametrize(("fault", "error"), PASSING)
def test_a_fault_that_stays_is_a_typed_error_after_the_last_attempt(
    ask: Ask, service: LocalCodePipeline, fault: faults.Fault, error: type[CodePipelineError]
) -> None:
    service.inject(fault, times=None)
    (answer,) = ask(**pointed_at(service))
    assert isinstance(answer, error)
    assert answer.attempts == 3
    assert len(service.requests) == 3


@pytest.mark.parametrize(("fault", "error"), PASSING)
def test_a_connection_that_misbehaved_is_not_used_again(
    ask: Ask, service: LocalCodePipeline, fault: faults.Fault, error: type[CodePipelineError]
) -> None:
    service.inject(fault)
    first, second = ask(2, **pointed_at(service))
    assert good(first, attempts=2)
    assert good(second, attempts=1)
    assert service.open_connections == 0, "the client is closed"


LASTING = [
    pytest.param(faults.ErrorResponse(code="ValidationException"), ServiceError, id="validation"),
    pytest.param(faults.ErrorResponse(code="PipelineNotFoundException"), ServiceError, id="not-found"),
    pytest.param(faults.ErrorResponse(code="AccessDeniedException"), ServiceError, id="denied"),
    *(
        pytest.param(
            faults.Redirect(location="http://127.0.0.1:1/", status_code=status), ResponseDecodeError, id=str(status)
        )
        for status in (301, 302, 307, 308)
    ),
]


@pytest.mark.parametrize(("fault", "error"), LASTING)
def test_a_fault_that_stays_as_it_is_ends_the_call_at_once(
    ask: Ask, service: LocalCodePipeline, fault: faults.Fault, error: type[CodePipelineError]
) -> None:
    service.inject(fault, times=None)
    (answer,) = ask(**pointed_at(service))
    assert isinstance(answer, error)
    assert answer.attempts == 1
    assert len(service.requests) == 1


def test_a_redirect_reaches_nobody_else(ask: Ask, service: LocalCodePipeline) -> None:
    with LocalCodePipeline() as elsewhere:
        service.inject(faults.Redirect(location=elsewhere.endpoint_url))
        (answer,) = ask(**pointed_at(service))
        assert isinstance(answer, ResponseDecodeError)
        assert elsewhere.requests == ()
        assert elsewhere.accepted_connections == 0


def test_an_idle_connection_that_the_server_closed_is_not_noticed(ask: Ask, service: LocalCodePipeline) -> None:
    answers = ask(3, between=service.close_connections, **pointed_at(service))
    assert all(good(answer, attempts=1) for answer in answers)
    assert service.accepted_connections == 3


def test_an_answer_that_nobody_asked_for_answers_nothing(ask: Ask, service: LocalCodePipeline) -> None:
    service.inject(faults.UnsolicitedAnswer(status="Cancelled"))
    answers = ask(3, **pointed_at(service))
    assert all(good(answer, attempts=1) for answer in answers)


def test_a_refused_connection_is_tried_again(ask: Ask, service: LocalCodePipeline) -> None:
    service.refuse_connections()
    (answer,) = ask(**pointed_at(service))
    assert isinstance(answer, ConnectionFailedError)
    assert answer.attempts == 3


def test_an_unknown_host_fails_at_once(ask: Ask, service: LocalCodePipeline) -> None:
    (answer,) = ask(**pointed_at(service, endpoint_url="https://codepipeline.nowhere.test"))
    assert isinstance(answer, ConnectionFailedError)
    assert answer.attempts == 1
    assert not answer.may_pass
    assert "codepipeline.nowhere.test" in str(answer)


@pytest.mark.parametrize("ahead", [3600.0, -3600.0], ids=["ahead", "behind"])
def test_a_service_in_another_time_is_followed(ask: Ask, service: LocalCodePipeline, ahead: float) -> None:
    service.inject(faults.ClockSkew(seconds=ahead), times=None)
    first, second = ask(2, **pointed_at(service))
    assert good(first, attempts=2)
    assert good(second, attempts=1)


def test_a_service_in_another_time_is_not_followed_when_told_so(
    ask: Ask, service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true")
    service.inject(faults.ClockSkew(seconds=3600), times=None)
    (answer,) = ask(**pointed_at(service))
    assert isinstance(answer, InvalidSignatureException)
    assert answer.attempts == 1


# Answers without end, sent as fast as they are taken


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        pytest.param(b"", INTERIM * 2000, id="announcements"),
        pytest.param(CHUNKED, b"1\r\n \r\n" * 5000, id="small-chunks"),
        pytest.param(CHUNKED, b"1;" + b"x" * 60_000 + b"\r\n \r\n", id="chunks-with-much-beside"),
    ],
)
def test_a_flood_ends_the_connection_and_not_the_calls_time(
    ask: Ask, service: LocalCodePipeline, head: bytes, piece: bytes
) -> None:
    """Of what is no body, so that its cap is not met. It may pass, and so it is tried again."""
    with Flood(head, piece) as url:
        (answer,) = ask(**pointed_at(service, endpoint_url=url, timeout=60, max_attempts=2))
    assert isinstance(answer, ConnectionFailedError), answer
    assert (answer.may_pass, answer.attempts) == (True, 2)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_flood_holds_up_nobody_else(service: LocalCodePipeline, backend: str) -> None:
    """Other tasks have their turns while it lasts."""
    beats: list[float] = []

    async def beat() -> None:
        while True:
            beats.append(time.monotonic())
            await anyio.sleep(0.001)

    async def main(url: str) -> None:
        options = pointed_at(service, endpoint_url=url, retry_mode="off")
        async with AsyncCodePipelineClient(**options) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(beat)
            with pytest.raises(ConnectionFailedError):
                await client.get_pipeline_execution(**ASKED)
            beats.append(time.monotonic())
            tasks.cancel_scope.cancel()

    with Flood(CHUNKED, b"1\r\n \r\n" * 5000) as url:
        anyio.run(main, url, backend=backend)
    assert max(after - before for before, after in pairwise(beats)) < 1.0


class Flood:
    """A server that sends a head and then a piece again and again, on each connection."""

    def __init__(self, head: bytes, piece: bytes) -> None:
        self._head = head
        self._piece = piece
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: Callable[[], None]) -> None:
        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._start(partial(self._serve, self._listener.accept()[0]))

    def _serve(self, line: socket.socket) -> None:
        with line, suppress(OSError):
            line.recv(100_000)
            line.sendall(self._head)
            while True:
                line.sendall(self._piece)


# Limits of time, by the real clock


@pytest.mark.parametrize(
    "fault",
    [
        faults.Hang(),
        faults.SlowHeaders(seconds_per_byte=0.1),
        faults.SlowBody(seconds_per_byte=0.1),
        faults.Delay(seconds=9),
    ],
    ids=["hang", "slow-headers", "slow-body", "delay"],
)
def test_the_whole_call_ends_when_its_time_is_over(ask: Ask, service: LocalCodePipeline, fault: faults.Fault) -> None:
    """Within 200 ms. How long the machine let nobody run does not count, as a thread beside the call measures it."""
    service.inject(fault, times=None)
    watch = Stopwatch()
    (answer,) = ask(**pointed_at(service, clock=None, timeout=0.6), around=lambda: watch)
    assert isinstance(answer, RequestTimeoutError), answer
    assert (answer.limit, answer.attempts) == ("timeout", 1)
    assert 0.6 <= watch.took < 0.8 + watch.stalled


class Stopwatch:
    """Measures a call from the caller's side, and how long the machine stood still meanwhile, in seconds."""

    took = stalled = 0.0

    def __enter__(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._tick)
        self._thread.start()
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.took = time.monotonic() - self._began
        self._end.set()
        self._thread.join()

    def _tick(self) -> None:
        seen = time.monotonic()
        while not self._end.wait(0.02):
            now = time.monotonic()
            self.stalled += max(now - seen - 0.04, 0.0)
            seen = now


def test_a_silent_service_is_tried_again_within_the_calls_time(ask: Ask, service: LocalCodePipeline) -> None:
    service.inject(faults.Hang(), times=2)
    (answer,) = ask(**pointed_at(service, clock=None, read_timeout=0.1, timeout=20))
    assert good(answer, attempts=3)


def test_a_slow_source_of_keys_is_within_the_calls_time(ask: Ask, service: LocalCodePipeline) -> None:
    gate = threading.Event()

    def provider() -> Credentials:
        gate.wait()
        return service.credentials

    (answer,) = ask(**pointed_at(service, clock=None, credentials=provider, timeout=0.1))
    gate.set()
    assert isinstance(answer, RequestTimeoutError)
    assert answer.limit == "timeout"


OLD = Credentials(access_key_id="OLDKEY", secret_access_key="secret", session_token="token")


def expire_the_old(service: LocalCodePipeline) -> None:
    """Let the service refuse OLD as expired, before it looks at the signature."""
    service.inject_by(
        lambda request: (
            faults.ErrorResponse(code="ExpiredTokenException")
            if "Credential=OLDKEY/" in request.headers["authorization"]
            else None
        )
    )


def test_expired_keys_are_fetched_anew_once(ask: Ask, service: LocalCodePipeline) -> None:
    """A call after that has the new ones at once."""
    expire_the_old(service)
    given = iter([OLD, service.credentials])
    first, second = ask(2, **pointed_at(service, credentials=lambda: next(given)))
    assert good(first, attempts=2)
    assert good(second, attempts=1)
    assert [request.error_code for request in service.requests] == ["ExpiredTokenException", None, None]


def test_expired_keys_that_are_the_same_when_fetched_anew_are_one_attempt(ask: Ask, service: LocalCodePipeline) -> None:
    expire_the_old(service)
    fetched: list[Credentials] = []

    def provider() -> Credentials:
        fetched.append(OLD)
        return OLD

    (answer,) = ask(**pointed_at(service, credentials=provider))
    assert isinstance(answer, ExpiredTokenException)
    assert (answer.attempts, len(service.requests), len(fetched)) == (1, 1, 2)


def test_expired_keys_that_do_not_change_are_one_attempt(ask: Ask, service: LocalCodePipeline) -> None:
    service.inject(faults.ErrorResponse(code="ExpiredTokenException"), times=None)
    (answer,) = ask(**pointed_at(service))
    assert isinstance(answer, ExpiredTokenException)
    assert answer.attempts == 1


# Many calls


def test_an_outage_is_not_made_worse() -> None:
    with LocalCodePipeline() as service:
        service.inject(faults.ServerError(), times=None)
        with CodePipelineClient(**pointed_at(service)) as client:
            for _ in range(200):
                with pytest.raises(ServiceError):
                    client.get_pipeline_execution(**ASKED)
        assert len(service.requests) <= 200 + 500 // 14


def test_threads_that_share_a_client_get_their_own_answers(service: LocalCodePipeline) -> None:
    executions = [make_pipeline_execution(pipeline_name=f"p{number}") for number in range(10)]
    for execution in executions:
        service.put_execution(execution)
    service.inject_by(faults.at_random(faults.ServerError(), faults.ResetInBody(), probability=0.1, random=Random(7)))
    options = pointed_at(service, max_attempts=10, max_connections=5)
    with CodePipelineClient(**options) as client, ThreadPoolExecutor(10) as threads:

        def call(number: int) -> bool:
            execution = executions[number % 10]
            output = client.get_pipeline_execution(
                pipeline_name=execution.pipeline_name, pipeline_execution_id=execution.pipeline_execution_id
            )
            return output.pipeline_execution == execution

        assert all(threads.map(call, range(300)))


def test_a_listener_that_never_answers_costs_one_socket(service: LocalCodePipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            CodePipelineClient(**pointed_at(service, endpoint_url=url, clock=None, timeout=0.1)) as client,
            pytest.raises(RequestTimeoutError, match=r"within its timeout of 0\.1 seconds"),
        ):
            client.get_pipeline_execution(**ASKED)
