"""A transport of the user's own: what a call promises holds over httpx's transports and over httpx-aiohttp's too."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import anyio
import httpx
import pytest
from aiohttp import ClientResponseError
from httpx_aiohttp import AiohttpTransport

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    CodePipelineError,
    ConfigurationError,
    ConnectionFailedError,
    GetPipelineExecutionOutput,
    InternalServerError,
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


def run(way: str, main: Callable[..., Any]) -> None:
    anyio.run(main, backend="trio" if way == "trio" else "asyncio")


@pytest.fixture(params=["sync", *TRANSPORTS])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=[*TRANSPORTS])
def async_way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def ask(way: str) -> Ask:
    """Make some calls with one client, one after the other, and return what came of each."""
    return asking(way)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def httpx_ask(request: pytest.FixtureRequest) -> Ask:
    """The same over httpx's own transports only."""
    return asking(request.param)


def asking(way: str) -> Ask:
    def go(count: int = 1, **options: Any) -> list[Outcome]:
        loop = None if way == "sync" else {"backend": "trio" if way == "trio" else "asyncio"}
        transport = TRANSPORTS[way]() if loop else httpx.HTTPTransport(verify=NO_TLS)
        return endpoint.call(loop, count, transport=transport, **options)

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
    pytest.param(faults.ServerError(status_code=500), ServiceError, id="500"),
    pytest.param(faults.ServerError(status_code=502, body="<h1>Bad gateway</h1>"), ServiceError, id="502-html"),
    pytest.param(faults.ServerError(status_code=503), ServiceError, id="503"),
    pytest.param(faults.ErrorResponse(code="InternalServerError"), InternalServerError, id="internal"),
    pytest.param(faults.Throttling(), ThrottlingException, id="throttling"),
    pytest.param(faults.Throttling(code=None), ServiceError, id="bare-429"),
    pytest.param(faults.HtmlBody(), ResponseDecodeError, id="html-on-200"),
    pytest.param(faults.WrongExecution(), ResponseDecodeError, id="another-execution"),
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
    assert succeeded(second, attempts=3)
    assert succeeded(third, attempts=1), "a connection that misbehaved is not used again"


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_response_that_is_no_http_is_tried_again_where_httpx_reads_it(
    httpx_ask: Ask, service: LocalCodePipeline, fault: faults.Fault
) -> None:
    service.inject(fault, times=2)
    (outcome,) = httpx_ask(**options_for(service))
    assert succeeded(outcome, attempts=3)


@pytest.mark.parametrize("fault", MALFORMED)
def test_a_response_that_is_no_http_ends_the_call_where_aiohttp_reads_it(
    service: LocalCodePipeline, fault: faults.Fault
) -> None:
    """With aiohttp's own error, for which httpx-aiohttp has no name of httpx's; typed, should it get one."""
    service.inject(fault, times=None)

    async def main() -> None:
        async with AsyncCodePipelineClient(**options_for(service, transport=TRANSPORTS["aiohttp"]())) as client:
            with pytest.raises((ClientResponseError, TransportError)):
                await client.get_pipeline_execution(**INPUT)

    run("aiohttp", main)


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

    async def main() -> None:
        async with AsyncCodePipelineClient(**options_for(service, transport=NamingTransport(verify=NO_TLS))) as client:
            with pytest.raises(ConnectionFailedError) as caught:
                await client.get_pipeline_execution(**INPUT)
        assert caught.value.attempts == 3
        check_nothing_is_kept(caught.value)

    run("asyncio", main)


def test_no_failure_keeps_the_signed_request(ask: Ask, service: LocalCodePipeline) -> None:
    service.inject(faults.ResetInBody(), times=None)
    (outcome,) = ask(**options_for(service))
    assert isinstance(outcome, TransportError)
    check_nothing_is_kept(outcome)


def check_nothing_is_kept(error: TransportError) -> None:
    cause: BaseException | None = error
    while cause is not None:
        assert "AWS4-HMAC-SHA256" not in f"{cause!r} {vars(cause)}"
        cause = cause.__cause__ or cause.__context__


def test_a_refused_connection_is_tried_again(ask: Ask, service: LocalCodePipeline) -> None:
    service.refuse_connections()
    (outcome,) = ask(**options_for(service))
    assert isinstance(outcome, TransportError)
    assert outcome.attempts == 3


def test_a_refused_connection_is_told_from_a_slow_one_by_httpxs_own(httpx_ask: Ask, service: LocalCodePipeline) -> None:
    """httpx-aiohttp has one name for both."""
    service.refuse_connections()
    (outcome,) = httpx_ask(**options_for(service))
    assert isinstance(outcome, ConnectionFailedError)


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


def test_headers_that_come_slowly_end_with_an_async_calls_time(async_way: str, service: LocalCodePipeline) -> None:
    """A thread cannot be called back from a transport that only knows how long each read may take."""
    service.inject(faults.SlowHeaders(seconds_per_byte=0.1), times=None)

    async def main() -> None:
        options = options_for(service, clock=None, timeout=0.4, transport=TRANSPORTS[async_way]())
        async with AsyncCodePipelineClient(**options) as client:
            with pytest.raises(RequestTimeoutError, match=r"within its timeout of 0\.4 seconds"):
                await client.get_pipeline_execution(**INPUT)

    run(async_way, main)


# Its end


def test_a_cancelled_call_leaves_the_transport_usable(async_way: str, service: LocalCodePipeline) -> None:
    """With room for one connection: one that was not given back would be missed at once."""
    service.inject(faults.Hang(), times=3)
    transport = TRANSPORTS[async_way](limits=httpx.Limits(max_connections=1))

    async def main() -> None:
        async with AsyncCodePipelineClient(**options_for(service, transport=transport)) as client:
            for _ in range(3):
                with anyio.move_on_after(0.1) as scope:
                    await client.get_pipeline_execution(**INPUT)
                assert scope.cancelled_caught
            assert succeeded(await client.get_pipeline_execution(**INPUT), attempts=1)

    run(async_way, main)


def test_a_closed_client_has_closed_it_and_says_so(way: str, service: LocalCodePipeline) -> None:
    async def main() -> None:
        client = AsyncCodePipelineClient(**options_for(service, transport=TRANSPORTS[way]()))
        await client.get_pipeline_execution(**INPUT)
        await client.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await client.get_pipeline_execution(**INPUT)

    if way == "sync":
        client = CodePipelineClient(**options_for(service, transport=httpx.HTTPTransport(verify=NO_TLS)))
        client.get_pipeline_execution(**INPUT)
        client.close()
        with pytest.raises(ConfigurationError, match="closed"):
            client.get_pipeline_execution(**INPUT)
    else:
        run(way, main)
    assert service.open_connections == 0
