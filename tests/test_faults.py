"""
Each fault of a network or a service, and the outcome of the client's call, over real sockets.

What a call promises holds over a transport of the user's own too: httpx's, and httpx-aiohttp's.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any, Final
from unittest.mock import Mock

import anyio
import httpx
import pytest
from aiohttp import ClientResponseError
from attrs import evolve
from httpx_aiohttp import AiohttpTransport

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    Credentials,
    GetPipelineExecutionOutput,
    errors,
)
from codepipeline_client._http import transport
from codepipeline_client.testing import LocalCodePipeline, faults, make_pipeline_execution
from tests import endpoint
from tests._http.peer import Peer, Script, Talk
from tests.endpoint import INPUT, Outcome, options_for, outcome_of, succeeded
from tests.loops import LOOPS

Call = Callable[..., list[Outcome]]


NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate, and is made in no time: all is on loopback here."""
OWN: Final[dict[str, tuple[str, Callable[..., Any]]]] = {
    "httpx-sync": ("sync", partial(httpx.HTTPTransport, verify=NO_TLS)),
    "httpx-asyncio": ("asyncio", partial(httpx.AsyncHTTPTransport, verify=NO_TLS)),
    "httpx-trio": ("trio", partial(httpx.AsyncHTTPTransport, verify=NO_TLS)),
    "aiohttp": ("asyncio", partial(AiohttpTransport, verify=NO_TLS)),
}
"""By the way in which a call is made: the kind of client, and its transport."""
MOCKED: Final = ("sync-mocked", "asyncio-mocked", "trio-mocked")
"""Over the connections that a client has while a mock or a tracer replaces httpx's methods."""
WAYS: Final = ["sync", *LOOPS, *OWN, *MOCKED]
in_any_way = pytest.mark.parametrize("way", WAYS)
over_own_transports = pytest.mark.parametrize("way", OWN)


@pytest.fixture(params=["sync", *LOOPS])
def way(request: pytest.FixtureRequest) -> str:
    """A way over the client's own connections, unless a test gives others."""
    name: str = request.param
    return name


@pytest.fixture
def call(way: str, monkeypatch: pytest.MonkeyPatch) -> Call:
    if way in MOCKED:
        monkeypatch.setattr(transport, "is_intercepted", Mock(return_value=True))

    def go(count: int = 1, **options: Any) -> list[Outcome]:
        kind, make = OWN.get(way, (way.removesuffix("-mocked"), None))
        return endpoint.call(LOOPS.get(kind), count, **({"transport": make()} if make else {}), **options)

    return go


MALFORMED = [
    pytest.param(faults.GarbageStatusLine(), errors.ConnectionFailedError, id="garbage"),
    pytest.param(faults.OversizeHeaders(), errors.ConnectionFailedError, id="200-kB-of-headers"),
    pytest.param(faults.ConflictingLengths(), errors.ConnectionFailedError, id="conflicting-lengths"),
]
TRANSIENT = [
    *MALFORMED,
    pytest.param(faults.ServerError(status_code=500), errors.ServiceError, id="500"),
    pytest.param(faults.ServerError(status_code=502, body="<h1>Bad gateway</h1>"), errors.ServiceError, id="502-html"),
    pytest.param(faults.ServerError(status_code=503), errors.ServiceError, id="503"),
    pytest.param(faults.ServerError(status_code=504), errors.ServiceError, id="504"),
    pytest.param(faults.ErrorResponse(code="InternalServerError"), errors.InternalServerError, id="internal"),
    pytest.param(faults.Throttling(), errors.ThrottlingException, id="throttling"),
    pytest.param(faults.Throttling(code="SlowDown"), errors.ServiceError, id="slow-down"),
    pytest.param(faults.Throttling(code=None), errors.ServiceError, id="bare-429"),
    pytest.param(faults.HtmlBody(), errors.ResponseDecodeError, id="html-on-200"),
    pytest.param(faults.CloseBeforeAnswer(), errors.ConnectionFailedError, id="closed-before-the-response"),
    pytest.param(faults.ResetBeforeAnswer(), errors.ConnectionFailedError, id="reset-before-the-response"),
    pytest.param(faults.ResetInHeaders(), errors.ConnectionFailedError, id="reset-in-the-headers"),
    pytest.param(faults.ResetInBody(), errors.ConnectionFailedError, id="reset-in-the-body"),
    pytest.param(faults.TruncatedHeaders(), errors.ConnectionFailedError, id="headers-cut-short"),
    pytest.param(faults.TruncatedBody(), errors.ConnectionFailedError, id="body-cut-short"),
    pytest.param(faults.TruncatedChunk(), errors.ConnectionFailedError, id="chunk-cut-short"),
    pytest.param(faults.InvalidGzip(), errors.ResponseDecodeError, id="bad-gzip"),
    pytest.param(faults.GzipBomb(), errors.ResponseDecodeError, id="gzip-bomb"),
    pytest.param(faults.OversizeBody(), errors.ResponseDecodeError, id="oversize"),
    pytest.param(faults.EndlessBody(), errors.ResponseDecodeError, id="endless"),
    pytest.param(faults.WrongExecution(), errors.ResponseDecodeError, id="another-execution"),
]


PERSISTENT = [
    pytest.param(faults.ErrorResponse(code="ValidationException"), errors.ServiceError, id="validation"),
    pytest.param(faults.ErrorResponse(code="PipelineNotFoundException"), errors.ServiceError, id="not-found"),
    pytest.param(faults.ErrorResponse(code="AccessDeniedException"), errors.ServiceError, id="denied"),
    pytest.param(faults.ErrorResponse(code="ExpiredTokenException"), errors.ExpiredTokenException, id="expired"),
]


def told(way: str, error: type[errors.CodePipelineError]) -> type[errors.CodePipelineError]:
    """Return the class of an *error* as it is told over a transport: httpx-aiohttp has one name for several."""
    return errors.TransportError if way == "aiohttp" and error is errors.ConnectionFailedError else error


@pytest.mark.filterwarnings("ignore:Async generator 'httpcore:ResourceWarning")  # trio tells of httpcore's own
@pytest.mark.parametrize(
    ("way", "fault", "error"),
    [
        pytest.param(way, *row.values, id=f"{way}-{row.id}")
        for way in WAYS
        for row in TRANSIENT
        if way != "aiohttp" or row not in MALFORMED
    ],
)
def test_a_transient_fault_is_retried_on_another_connection_and_typed_when_it_stays(
    call: Call, service: LocalCodePipeline, way: str, fault: faults.Fault, error: type[errors.CodePipelineError]
) -> None:
    service.inject(fault, times=5)
    first, second, third = call(3, **options_for(service))
    assert isinstance(first, told(way, error))
    assert first.attempts == 3
    check_nothing_is_kept(first)
    assert succeeded(second, attempts=3)
    assert succeeded(third, attempts=1), "a connection that misbehaved is not used again"
    assert service.open_connections == 0, "the client is closed"


@pytest.mark.parametrize(("fault", "error"), PERSISTENT)
def test_another_fault_is_a_typed_error_after_one_attempt(
    call: Call, service: LocalCodePipeline, fault: faults.Fault, error: type[errors.CodePipelineError]
) -> None:
    service.inject(fault, times=None)
    (outcome,) = call(**options_for(service))
    assert isinstance(outcome, error)
    assert outcome.attempts == len(service.requests) == 1
    assert outcome.__context__ is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(call: Call, service: LocalCodePipeline, status: int) -> None:
    with LocalCodePipeline() as elsewhere:
        service.inject(faults.Redirect(location=elsewhere.endpoint_url, status_code=status))
        (outcome,) = call(**options_for(service))
        assert isinstance(outcome, errors.ResponseDecodeError)
        assert "redirects are never followed" in str(outcome)
        assert outcome.attempts == len(service.requests) == 1
        assert elsewhere.requests == ()
        assert elsewhere.accepted_connections == 0


@in_any_way
def test_a_refused_connection_is_retried_and_an_unknown_host_fails_at_once(
    call: Call, way: str, service: LocalCodePipeline
) -> None:
    """httpx-aiohttp has one name for both, and for a slow one."""
    service.refuse_connections()
    for url, attempts in (
        (service.endpoint_url, 3),
        ("https://codepipeline.nowhere.test", 3 if way == "aiohttp" else 1),
    ):
        (outcome,) = call(**options_for(service, endpoint_url=url))
        assert isinstance(outcome, told(way, errors.ConnectionFailedError))
        assert (outcome.attempts, getattr(outcome, "may_pass", True)) == (attempts, attempts == 3)
        assert url.rpartition("/")[2] in str(outcome)


@in_any_way
@pytest.mark.parametrize("ahead", [3600.0, -3600.0], ids=["ahead", "behind"])
@pytest.mark.parametrize("disabled", ["false", "true"], ids=["corrected", "disabled"])
def test_clock_skew_is_corrected_once_unless_that_is_disabled(
    call: Call, service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch, ahead: float, disabled: str
) -> None:
    monkeypatch.setenv("AWS_DISABLE_CLOCK_SKEW_CORRECTION", disabled)
    service.inject(faults.ClockSkew(seconds=ahead), times=None)
    first, second = call(2, **options_for(service))
    if disabled == "true":
        assert isinstance(first, errors.InvalidSignatureException)
        assert first.attempts == 1
    else:
        assert succeeded(first, attempts=2)
        assert succeeded(second, attempts=1)


# Responses without end, sent as fast as they are read

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
def test_a_flood_is_ended_long_before_the_timeout(
    call: Call, service: LocalCodePipeline, head: bytes, piece: bytes
) -> None:
    """A flood of what is not body, which the body's cap does not limit. It is retried."""
    with Peer(floods(head, piece)) as peer:
        (outcome,) = call(**options_for(service, endpoint_url=peer.url, timeout=60, max_attempts=2))
    assert isinstance(outcome, errors.ConnectionFailedError), outcome
    assert (outcome.may_pass, outcome.attempts) == (True, 2)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_other_tasks_run_during_a_flood(service: LocalCodePipeline, backend: str) -> None:
    beats: list[float] = []

    async def beat() -> None:
        while True:
            beats.append(time.thread_time())
            await anyio.sleep(0.001)

    async def main(url: str) -> None:
        options = options_for(service, endpoint_url=url, retry_mode="off")
        async with AsyncCodePipelineClient(**options) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(beat)
            with pytest.raises(errors.ConnectionFailedError):
                await client.get_pipeline_execution(**INPUT)
            beats.append(time.thread_time())
            tasks.cancel_scope.cancel()

    with Peer(floods(CHUNKED, b"1\r\n \r\n" * 5000)) as peer:
        anyio.run(main, peer.url, backend=backend)
    assert max(after - before for before, after in pairwise(beats)) < 1.0, "seconds of processor time"


def floods(head: bytes, piece: bytes) -> Script:
    def script(talk: Talk) -> None:
        talk.line.recv(100_000)
        talk.write(head)
        while True:
            talk.write(piece)

    return script


# Limits of time, by the real clock


@pytest.mark.parametrize(
    ("way", "fault"),
    [
        pytest.param(way, fault, id=f"{way}-{type(fault).__name__}")
        for way in WAYS
        for fault in (
            faults.Hang(),
            faults.SlowHeaders(seconds_per_byte=0.1),
            faults.SlowBody(seconds_per_byte=0.1),
            faults.Delay(seconds=9),
        )
        # httpx only knows how long each read of a thread may take.
        if way not in ("httpx-sync", "sync-mocked") or not isinstance(fault, faults.SlowHeaders)
    ],
)
def test_the_whole_call_ends_at_its_timeout(call: Call, service: LocalCodePipeline, fault: faults.Fault) -> None:
    service.inject(fault, times=None)
    began = time.monotonic()
    (outcome,) = call(**options_for(service, clock=None, timeout=0.4))
    assert isinstance(outcome, errors.RequestTimeoutError), outcome
    assert (outcome.limit, outcome.attempts) == ("timeout", 1)
    assert "within its timeout of 0.4 seconds" in str(outcome)
    assert 0.35 <= time.monotonic() - began < 5


def test_a_silent_service_is_retried_within_the_timeout(call: Call, service: LocalCodePipeline) -> None:
    service.inject(faults.Hang(), times=2)
    (outcome,) = call(**options_for(service, clock=None, read_timeout=0.1, timeout=20))
    assert succeeded(outcome, attempts=3)


OLD = Credentials(access_key_id="OLDKEY", secret_access_key="secret", session_token="token")


@pytest.mark.parametrize(
    ("other", "attempts"),
    [
        pytest.param(None, 2, id="good-ones"),
        pytest.param(evolve(OLD, session_token="other"), 2, id="others-that-have-expired"),
        pytest.param(OLD, 1, id="the-same-again"),
    ],
)
def test_expired_credentials_are_refreshed_once_whatever_the_policy(
    call: Call, service: LocalCodePipeline, other: Credentials | None, attempts: int
) -> None:
    """The request is sent again only with other credentials, and the next call has these at once."""
    service.inject_by(
        lambda request: (
            faults.ErrorResponse(code="ExpiredTokenException")  # in front of the service, which refuses the signature
            if "Credential=OLDKEY/" in request.headers["authorization"]
            else None
        )
    )
    provided = iter([OLD, other or service.credentials])
    options = options_for(service, credentials=lambda: next(provided), max_attempts=1)
    first, *others = call(1 if other else 2, **options)
    assert list(provided) == []
    if other is None:
        assert succeeded(first, attempts=2)
        assert succeeded(others[0], attempts=1)
        assert [request.error_code for request in service.requests] == ["ExpiredTokenException", None, None]
    else:
        assert isinstance(first, errors.ExpiredTokenException)
        assert first.attempts == len(service.requests) == attempts
        assert isinstance(first.__cause__, errors.CredentialsError) is (other == OLD)


# Many calls


def test_an_outage_gets_few_retries() -> None:
    with LocalCodePipeline() as service:
        service.inject(faults.ServerError(), times=None)
        with CodePipelineClient(**options_for(service)) as client:
            for _ in range(200):
                with pytest.raises(errors.ServiceError):
                    client.get_pipeline_execution(**INPUT)
        assert len(service.requests) <= 200 + 500 // 14


def test_threads_that_share_a_client_get_their_own_responses(service: LocalCodePipeline) -> None:
    executions = [make_pipeline_execution(pipeline_name=f"p{number}") for number in range(10)]
    for execution in executions:
        service.put_execution(execution)
    service.inject_by(faults.at_random(faults.ServerError(), faults.ResetInBody(), probability=0.1, random=Random(7)))
    options = options_for(service, max_attempts=10, max_connections=5)
    with CodePipelineClient(**options) as client, ThreadPoolExecutor(10) as threads:
        calls = [threads.submit(outcome_of, client, pipeline_name=each.pipeline_name) for each in executions * 30]
        assert [getattr(call.result(), "pipeline_execution", None) for call in calls] == executions * 30


# Transports of the user's own


@over_own_transports
def test_a_call_gets_its_response_over_one_connection_that_is_kept_and_closed(
    call: Call, service: LocalCodePipeline
) -> None:
    """The endpoint checks the signature of each request."""
    outcomes = call(3, **options_for(service))
    assert all(succeeded(outcome, attempts=1) for outcome in outcomes)
    assert (service.accepted_connections, service.open_connections) == (1, 0)


@pytest.mark.parametrize("way", ["aiohttp"])
@pytest.mark.parametrize(("fault", "_"), MALFORMED)
def test_a_response_that_is_no_http_ends_the_call_where_aiohttp_reads_it(
    call: Call, service: LocalCodePipeline, fault: faults.Fault, _: object
) -> None:
    """With aiohttp's own error, which httpx-aiohttp does not map to an httpx exception; with ours, should it do so."""
    service.inject(fault, times=None)
    with suppress(ClientResponseError):
        (outcome,) = call(**options_for(service))
        assert isinstance(outcome, errors.TransportError)
    assert len(service.requests) == 1


class NamingTransport(AiohttpTransport):
    """As the documents have it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ClientResponseError as error:
            raise httpx.RemoteProtocolError(error.message) from None


@pytest.mark.parametrize(("fault", "_"), MALFORMED)
def test_an_error_that_a_transport_gives_a_name_of_httpxs_is_one_of_ours_and_keeps_no_request(
    service: LocalCodePipeline, fault: faults.Fault, _: object
) -> None:
    service.inject(fault, times=None)
    options = options_for(service, transport=NamingTransport(verify=NO_TLS))
    (outcome,) = endpoint.call(LOOPS["asyncio"], **options)
    assert isinstance(outcome, errors.ConnectionFailedError)
    assert outcome.attempts == 3
    check_nothing_is_kept(outcome)


def check_nothing_is_kept(error: errors.CodePipelineError) -> None:
    cause: BaseException | None = error
    while cause is not None:
        assert "AWS4-HMAC-SHA256" not in f"{cause!r} {vars(cause)}"
        cause = cause.__cause__ or cause.__context__


@over_own_transports
def test_a_connection_that_the_server_closed_costs_an_attempt_at_most(call: Call, service: LocalCodePipeline) -> None:
    """Over the client's own connections it costs none."""
    outcomes = call(3, before=service.close_connections, **options_for(service))
    assert all(isinstance(outcome, GetPipelineExecutionOutput) for outcome in outcomes)


@pytest.mark.parametrize("way", [*OWN][1:])
def test_a_cancelled_call_leaves_the_transport_usable(way: str, service: LocalCodePipeline) -> None:
    """With room for one connection: one that was not given back would be missed at once."""
    service.inject(faults.Hang(), times=None)
    transport = OWN[way][1](limits=httpx.Limits(max_connections=1))

    async def main() -> None:
        async with AsyncCodePipelineClient(**options_for(service, transport=transport)) as client:
            for _ in range(3):
                with anyio.move_on_after(0.1) as scope:
                    await client.get_pipeline_execution(**INPUT)
                assert scope.cancelled_caught
            service.clear_faults()
            assert succeeded(await client.get_pipeline_execution(**INPUT), attempts=1)

    anyio.run(main, **LOOPS[OWN[way][0]])
