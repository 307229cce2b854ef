"""A transport of the user's own: what a call promises holds over httpx's transports and over httpx-aiohttp's too."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import anyio
import httpx
import pytest
from aiohttp import ClientResponseError
from httpx_aiohttp import AiohttpTransport

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineError,
    ConnectionFailedError,
    GetPipelineExecutionOutput,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    ThrottlingException,
    TransportError,
)
from codepipeline_client.testing import LocalCodePipeline, faults
from tests import endpoint
from tests.endpoint import INPUT, Outcome, options_for, succeeded

Ask = Callable[..., list[Outcome]]

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts no certificate, and is made in no time: all is on loopback here."""
TRANSPORTS: Final[dict[str, Callable[..., httpx.AsyncBaseTransport]]] = {
    "asyncio": partial(httpx.AsyncHTTPTransport, verify=NO_TLS),
    "trio": partial(httpx.AsyncHTTPTransport, verify=NO_TLS),
    "aiohttp": partial(AiohttpTransport, verify=NO_TLS),
}
"""By the way in which a call is made; aiohttp's is on asyncio."""


over_httpx = pytest.mark.parametrize("way", ["sync", "asyncio", "trio"])
in_a_task = pytest.mark.parametrize("way", [*TRANSPORTS])


def loop_of(way: str) -> dict[str, Any]:
    return {"backend": "trio" if way == "trio" else "asyncio"}


@pytest.fixture(params=["sync", *TRANSPORTS])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def ask(way: str) -> Ask:
    """Make some calls with one client, one after the other, and return what came of each."""

    def go(count: int = 1, **options: Any) -> list[Outcome]:
        if way == "sync":
            return endpoint.call(None, count, transport=httpx.HTTPTransport(verify=NO_TLS), **options)
        return endpoint.call(loop_of(way), count, transport=TRANSPORTS[way](), **options)

    return go


# Outcomes


def test_a_call_gets_its_response_over_one_connection_that_is_kept_and_closed(
    ask: Ask, service: LocalCodePipeline
) -> None:
    """The endpoint checks the signature of each request."""
    outcomes = ask(3, **options_for(service))
    assert all(succeeded(outcome, attempts=1) for outcome in outcomes)
    assert (service.accepted_connections, service.open_connections) == (1, 0)


# Failures

PASSING = [
    pytest.param(faults.ServerError(status_code=502, body="<h1>Bad gateway</h1>"), ServiceError, id="502-html"),
    pytest.param(faults.Throttling(), ThrottlingException, id="throttling"),
    pytest.param(faults.HtmlBody(), ResponseDecodeError, id="html-on-200"),
    pytest.param(faults.InvalidGzip(), ResponseDecodeError, id="bad-gzip"),
    pytest.param(faults.GzipBomb(), ResponseDecodeError, id="gzip-bomb"),
    pytest.param(faults.OversizeBody(), ResponseDecodeError, id="oversize"),
    pytest.param(faults.EndlessBody(), ResponseDecodeError, id="endless"),
    pytest.param(faults.CloseBeforeAnswer(), TransportError, id="closed-before-the-response"),
    pytest.param(faults.ResetBeforeAnswer(), TransportError, id="reset-before-the-response"),
    pytest.param(faults.ResetInHeaders(), TransportError, id="reset-in-the-headers"),
    pytest.param(faults.ResetInBody(), TransportError, id="reset-in-the-body"),
    pytest.param(faults.TruncatedHeaders(), TransportError, id="headers-cut-short"),
    pytest.param(faults.TruncatedBody(), TransportError, id="body-cut-short"),
    pytest.param(faults.TruncatedChunk(), TransportError, id="chunk-cut-short"),
]
MALFORMED = [
    pytest.param(faults.GarbageStatusLine(), id="garbage"),
    pytest.param(faults.OversizeHeaders(), id="200-kB-of-headers"),
    pytest.param(faults.ConflictingLengths(), id="conflicting-lengths"),
]
unfinished = pytest.mark.filterwarnings("ignore:Async generator 'httpcore:ResourceWarning")
"""Trio tells of httpcore's own generators, which httpcore alone could close when a response is cut off."""


@unfinished
@pytest.mark.parametrize(("fault", "error"), PASSING)
def test_a_fault_is_tried_again_and_typed_when_it_stays(
    ask: Ask, service: LocalCodePipeline, fault: faults.Fault, error: type[CodePipelineError]
) -> None:
    service.inject(fault, times=5)
    first, second, third = ask(3, **options_for(service))
    assert isinstance(first, error)
    assert first.attempts == 3
    check_nothing_is_kept(first)
    assert succeeded(second, attempts=3)
    assert succeeded(third, attempts=1), "a connection that misbehaved is not used again"


@over_httpx
@pytest.mark.parametrize("fault", MALFORMED)
def test_a_response_that_is_no_http_is_tried_again_where_httpx_reads_it(
    ask: Ask, service: LocalCodePipeline, fault: faults.Fault
) -> None:
    service.inject(fault, times=2)
    (outcome,) = ask(**options_for(service))
    assert succeeded(outcome, attempts=3)


@pytest.mark.parametrize("way", ["aiohttp"])
@pytest.mark.parametrize("fault", MALFORMED)
def test_a_response_that_is_no_http_ends_the_call_where_aiohttp_reads_it(
    ask: Ask, service: LocalCodePipeline, fault: faults.Fault
) -> None:
    """With aiohttp's own error, which httpx-aiohttp does not map to an httpx exception; with ours, should it do so."""
    service.inject(fault, times=None)
    with suppress(ClientResponseError):
        (outcome,) = ask(**options_for(service))
        assert isinstance(outcome, TransportError)
    assert len(service.requests) == 1


class NamingTransport(AiohttpTransport):
    """As the documents have it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except ClientResponseError as error:
            raise httpx.RemoteProtocolError(error.message) from None


@pytest.mark.parametrize("fault", MALFORMED)
def test_an_error_that_a_transport_gives_a_name_of_httpxs_is_one_of_ours_and_keeps_no_request(
    service: LocalCodePipeline, fault: faults.Fault
) -> None:
    service.inject(fault, times=None)
    options = options_for(service, transport=NamingTransport(verify=NO_TLS))
    (outcome,) = endpoint.call(loop_of("aiohttp"), **options)
    assert isinstance(outcome, ConnectionFailedError)
    assert outcome.attempts == 3
    check_nothing_is_kept(outcome)


def check_nothing_is_kept(error: CodePipelineError) -> None:
    cause: BaseException | None = error
    while cause is not None:
        assert "AWS4-HMAC-SHA256" not in f"{cause!r} {vars(cause)}"
        cause = cause.__cause__ or cause.__context__


def test_a_refused_connection_is_tried_again(ask: Ask, way: str, service: LocalCodePipeline) -> None:
    """httpx-aiohttp has one name for a refused and a slow one."""
    service.refuse_connections()
    (outcome,) = ask(**options_for(service))
    assert isinstance(outcome, TransportError if way == "aiohttp" else ConnectionFailedError)
    assert outcome.attempts == 3


def test_a_connection_that_the_server_closed_costs_an_attempt_at_most(ask: Ask, service: LocalCodePipeline) -> None:
    """Over the client's own connections it costs none."""
    outcomes = ask(3, before=service.close_connections, **options_for(service))
    assert all(isinstance(outcome, GetPipelineExecutionOutput) for outcome in outcomes)


@pytest.mark.parametrize("ahead", [3600.0, -3600.0], ids=["ahead", "behind"])
def test_a_service_in_another_time_is_followed(ask: Ask, service: LocalCodePipeline, ahead: float) -> None:
    service.inject(faults.ClockSkew(seconds=ahead), times=None)
    first, second = ask(2, **options_for(service))
    assert succeeded(first, attempts=2)
    assert succeeded(second, attempts=1)


# Limits of time, by the real clock


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.Hang(), id="hang"),
        pytest.param(faults.Delay(seconds=9), id="delay"),
        pytest.param(faults.SlowBody(seconds_per_byte=0.1), id="slow-body"),
    ],
)
def test_the_whole_call_ends_when_its_time_is_over(ask: Ask, service: LocalCodePipeline, fault: faults.Fault) -> None:
    service.inject(fault, times=None)
    began = time.monotonic()
    (outcome,) = ask(**options_for(service, clock=None, timeout=0.4))
    took = time.monotonic() - began
    assert isinstance(outcome, RequestTimeoutError), outcome
    assert (outcome.limit, outcome.attempts) == ("timeout", 1)
    assert 0.35 < took < 1.5, "the upper bound leaves room for a busy machine"


@in_a_task
def test_headers_that_come_slowly_end_with_an_async_calls_time(ask: Ask, service: LocalCodePipeline) -> None:
    """A thread cannot be called back from a transport that only knows how long each read may take."""
    service.inject(faults.SlowHeaders(seconds_per_byte=0.1), times=None)
    (outcome,) = ask(**options_for(service, clock=None, timeout=0.4))
    assert isinstance(outcome, RequestTimeoutError)
    assert "within its timeout of 0.4 seconds" in str(outcome)


@in_a_task
def test_a_cancelled_call_leaves_the_transport_usable(way: str, service: LocalCodePipeline) -> None:
    """With room for one connection: one that was not given back would be missed at once."""
    service.inject(faults.Hang(), times=3)
    transport = TRANSPORTS[way](limits=httpx.Limits(max_connections=1))

    async def main() -> None:
        async with AsyncCodePipelineClient(**options_for(service, transport=transport)) as client:
            for _ in range(3):
                with anyio.move_on_after(0.1) as scope:
                    await client.get_pipeline_execution(**INPUT)
                assert scope.cancelled_caught
            assert succeeded(await client.get_pipeline_execution(**INPUT), attempts=1)

    anyio.run(main, **loop_of(way))
