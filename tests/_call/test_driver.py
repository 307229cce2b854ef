"""One call over a transport of one's own: what is sent, when, and what comes of it; in a thread and in tasks."""

from __future__ import annotations

import logging
import re
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import Mock

import anyio
import httpx
import pytest
from attrs import evolve

from codepipeline_client import (
    AsyncCodePipelineClient,
    AttemptReport,
    Credentials,
    GetPipelineExecutionOutput,
    errors,
    printable,
)
from codepipeline_client._http.response import MAX_BODY
from codepipeline_client.clock import DEADLINE, Deadline, SystemClock
from codepipeline_client.testing import FakeClock
from tests.endpoint import INPUT, Outcome, get

BODY = b'{"pipelineExecution":{"status":"Failed"}}'
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key="wJalrXUtnFEMI/K7MDENG")
Handler = Callable[[httpx.Request], httpx.Response]
Ask = Callable[..., Outcome]


class Both(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Handles the requests of both kinds of client, and keeps them."""

    def __init__(self, *handlers: Handler | httpx.Response) -> None:
        self.handlers = handlers
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        handler = self.handlers[min(len(self.requests), len(self.handlers)) - 1]
        return handler if isinstance(handler, httpx.Response) else handler(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces, one of which may be a failure; knows whether it was closed."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = pieces
        self.closed = False

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


class Plain(Body):
    """The same, read through an iterator that is no generator."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        self.iterator = iter(self)
        return self

    async def __anext__(self) -> bytes:
        for piece in self.iterator:
            return piece
        raise StopAsyncIteration


def ask_in(kind: str, transport: Any, **options: Any) -> Outcome:
    """Make one call, with retries off by default, and return its output or its error."""
    arguments: dict[str, Any] = {
        "region_name": "eu-west-1",
        "endpoint_url": "http://127.0.0.1:1",
        "credentials": CREDENTIALS,
        "retry_mode": "off",
        "timeout": None,
        "clock": FakeClock(),
        **options,
    }

    async def main() -> Outcome:  # in this thread, with what is being handled here
        async with AsyncCodePipelineClient(transport=transport, **arguments) as client:
            return await client.get_pipeline_execution(**INPUT)

    try:
        return get(kind, transport=transport, **arguments) if kind == "sync" else anyio.run(main, backend=kind)
    except errors.CodePipelineError as error:
        return error


@pytest.fixture
def ask(kind: str) -> Ask:
    return partial(ask_in, kind)


def good(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Body(BODY))


def refused(code: str, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(400, json={"__type": code}, headers=named)


def failing(failure: Exception, after: Callable[[], object] = lambda: None) -> Handler:
    def fail(_: httpx.Request) -> httpx.Response:
        after()
        raise failure

    return fail


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("https://codepipeline.eu-west-1.amazonaws.com", "codepipeline.eu-west-1.amazonaws.com", id="aws"),
        pytest.param("http://127.0.0.1:4566", "127.0.0.1:4566", id="port"),
        pytest.param("https://127.0.0.1:443/way", "127.0.0.1", id="own-port"),
        pytest.param("http://[::1]:4566/", "[::1]:4566", id="ipv6"),
    ],
)
def test_a_request_is_as_httpx_would_make_it(ask: Ask, url: str, host: str) -> None:
    """Its headers are set here, since httpx takes long for them. The limits and the deadline go beside it."""
    transport = Both(good)
    ask(transport, endpoint_url=url, connect_timeout=1.0, read_timeout=None)
    (sent,) = transport.requests
    theirs = httpx.Request("POST", url, headers=sent.headers, content=sent.content)
    assert (sent.method, sent.url.scheme, sent.url.netloc) == ("POST", theirs.url.scheme, theirs.url.netloc)
    assert sorted(sent.headers.raw) == sorted(theirs.headers.raw)
    assert (sent.headers["Host"], sent.headers["Content-Length"]) == (host, str(len(sent.content)))
    assert uuid.UUID(sent.headers["amz-sdk-invocation-id"]).version == 4
    assert sent.extensions["timeout"] == {"connect": 1.0, "read": None, "write": None, "pool": None}
    assert isinstance(sent.extensions[DEADLINE], Deadline)


# What comes


def test_a_response_is_read_and_closed(ask: Ask) -> None:
    body = Body(BODY[:5], b"", BODY[5:])
    headers = [(b"X-Request", b"r"), (b"Warning", b"a"), (b"warning", b"b"), (b"X-Odd", b"\xc3\xa9")]
    output = ask(Both(httpx.Response(201, headers=headers, stream=body)))
    assert isinstance(output, GetPipelineExecutionOutput)
    assert output.response_metadata.http_status_code == 201
    assert output.response_metadata.http_headers == {"x-request": "r", "warning": "a, b", "x-odd": "\xc3\xa9"}
    assert body.closed


@pytest.mark.parametrize("body_kind", [Body, Plain])
def test_a_response_without_end_is_cut_off(ask: Ask, body_kind: type[Body]) -> None:
    body, reports = body_kind(*[b"x" * 65536] * 1000), list[AttemptReport]()
    response = httpx.Response(200, stream=body, headers={"x-amzn-requestid": "r"})
    outcome = ask(Both(response), on_attempt=reports.append)
    assert isinstance(outcome, errors.ResponseDecodeError)
    assert "it has more than 2 MiB" in str(outcome)
    assert body.closed
    assert [(each.http_status_code, each.request_id) for each in reports] == [(200, "r")]


def test_the_end_of_a_large_error_is_not_read(ask: Ask) -> None:
    outcome = ask(Both(lambda _: httpx.Response(502, stream=Body(b"<html>", b"x" * MAX_BODY, b"x"))))
    assert isinstance(outcome, errors.ServiceError)
    assert outcome.message.startswith("<html>")


SECRET_REQUEST = httpx.Request("POST", "http://127.0.0.1", headers={"x-amz-security-token": "planted"})


class SilentTooLong(httpx.ReadError, TimeoutError):
    """What a transport of somebody's own may raise. It wants more arguments than httpx's."""

    def __init__(self, *, reason: str) -> None:
        super().__init__(reason)


class NotReachedInTime(httpx.NetworkError, httpx.ConnectTimeout):
    """Likewise."""


@pytest.mark.parametrize(
    ("failure", "limit", "text"),
    [
        pytest.param(httpx.ConnectTimeout("t"), "connect_timeout", "connect_timeout", id="connect-timeout"),
        pytest.param(httpx.PoolTimeout("t"), "timeout", "no connection .* became free in time", id="pool-timeout"),
        pytest.param(httpx.ReadTimeout("t"), "read_timeout", "read_timeout", id="read-timeout"),
        pytest.param(httpx.WriteTimeout("t"), "read_timeout", "read_timeout", id="write-timeout"),
        pytest.param(TimeoutError("t"), "read_timeout", "read_timeout", id="a-transports-own-timeout"),
        pytest.param(SilentTooLong(reason="t"), "read_timeout", "read_timeout", id="a-timeout-too"),
        pytest.param(NotReachedInTime("t"), "connect_timeout", "connect_timeout", id="a-connect-timeout-too"),
        pytest.param(httpx.ConnectError("refused"), None, "no connection .* could be made: refused", id="refused"),
        pytest.param(httpx.ReadError(""), None, "no valid and complete response .*: ReadError", id="no-words"),
        pytest.param(httpx.RemoteProtocolError("bad\n"), None, r"bad\\n", id="keep-alive-race"),
        pytest.param(httpx.ProxyError("407"), None, "the proxy on the way .*: 407 .*; check", id="proxy"),
        pytest.param(httpx.StreamError("odd"), None, "odd", id="stream"),
        pytest.param(ConnectionResetError("reset"), None, "reset", id="os"),
        pytest.param(ssl.SSLError(1, "tls"), None, "tls", id="tls"),
        pytest.param(anyio.BrokenResourceError(), None, "BrokenResourceError", id="anyio-broken"),
        pytest.param(anyio.ClosedResourceError(), None, "ClosedResourceError", id="anyio-closed"),
        pytest.param(anyio.EndOfStream(), None, "EndOfStream", id="anyio-end"),
    ],
)
@pytest.mark.parametrize("place", ["before", "within"])
def test_a_failure_becomes_one_of_ours_without_the_request(
    ask: Ask, place: str, failure: Exception, limit: str | None, text: str
) -> None:
    if isinstance(failure, httpx.RequestError):
        failure.request = SECRET_REQUEST
    body, reports = Body(b"some", failure), list[AttemptReport]()
    transport = Both(failing(failure) if place == "before" else httpx.Response(200, stream=body))
    try:
        raise FileNotFoundError("what the caller is busy with is no cause")
    except FileNotFoundError:
        outcome = ask(transport, on_attempt=reports.append)
    assert type(outcome) is (errors.RequestTimeoutError if limit else errors.ConnectionFailedError)
    assert isinstance(outcome, errors.TransportError)
    assert getattr(outcome, "limit", None) == limit
    assert re.search(text, str(outcome))
    assert printable(str(failure)) in str(outcome)
    assert place == "before" or body.closed
    cause = outcome.__cause__
    assert cause is not None
    own = isinstance(failure, SilentTooLong | NotReachedInTime)
    assert type(cause) is (httpx.HTTPError if own else type(failure))
    assert (cause.__traceback__, cause.__context__, cause.__cause__) == (None, None, None)
    assert "planted" not in f"{vars(cause)}"
    assert [(each.http_status_code, each.request_id) for each in reports] == [(None, None)]


def test_a_body_of_empty_pieces_ends_with_the_time() -> None:
    clock = FakeClock()

    class Empty(Body):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(100):
                clock.advance(1.0)
                yield b""

    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Empty()))
    outcome = ask_in("sync", transport, clock=clock, timeout=5.0)
    assert isinstance(outcome, errors.RequestTimeoutError)
    assert clock.monotonic() <= 7.0


class Alike(httpx.ConnectError):
    """As errors that are dataclasses are: equal if their values are."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike)

    def __hash__(self) -> int:
        return 0


def test_a_failure_without_words_borrows_those_of_its_cause(ask: Ask) -> None:
    """However far below it is, and below errors that are equal."""

    def handle(_: httpx.Request) -> httpx.Response:
        try:
            try:
                raise ssl.SSLCertVerificationError(1, "certificate verify failed")
            except OSError as error:
                raise Alike("") from error
        except Alike as error:
            raise Alike("") from error

    outcome = ask(Both(handle), retry_mode="standard")
    assert "could be made: certificate verify failed" in str(outcome).replace("[Errno 1] ", "")
    assert isinstance(outcome, errors.ConnectionFailedError)
    assert outcome.attempts == 1, "a retry does not help"
    assert isinstance(outcome.__cause__, httpx.HTTPError)
    root = outcome.__cause__.__cause__
    assert isinstance(root, ssl.SSLError)
    assert (root.__traceback__, root.__context__) == (None, None)


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


def untrusted(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        pytest.param(untrusted(20), "pass the CA file as verify", id="unknown-authority"),
        pytest.param(untrusted(10), "check its dates, and the clock of this machine", id="expired"),
        pytest.param(untrusted(92), "without ssl.VERIFY_X509_STRICT", id="strict"),
        pytest.param(untrusted(62), "no", id="another-name"),
        pytest.param(tls_error("WRONG_VERSION_NUMBER"), "the server does not speak TLS on this port", id="no-tls"),
    ],
)
def test_a_handshake_that_fails_for_good_says_what_to_do(ask: Ask, failure: Exception, hint: str) -> None:
    outcome = ask(Both(failing(failure)))
    assert isinstance(outcome, errors.ConnectionFailedError)
    assert hint in str(outcome)
    assert not outcome.may_pass


@pytest.mark.parametrize(
    ("words", "may_pass"), [("407 Who are you?", False), ("403 No", False), ("429 Busy", True), ("502 Bad", True)]
)
def test_a_proxy_that_refuses_is_not_asked_again(ask: Ask, words: str, may_pass: bool) -> None:
    outcome = ask(Both(failing(httpx.ProxyError(words))))
    assert isinstance(outcome, errors.ConnectionFailedError)
    assert outcome.may_pass is may_pass


def test_a_defect_is_not_taken_for_a_failure_of_the_network(ask: Ask) -> None:
    with pytest.raises(ZeroDivisionError):
        ask(Both(failing(ZeroDivisionError())))


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("sync", aiter(Body()), "async response to a sync client"),
        ("asyncio", iter(Body()), "sync response to an async"),
    ],
)
def test_a_response_of_the_wrong_kind_is_refused(kind: str, content: Any, problem: str) -> None:
    assert problem in str(ask_in(kind, Both(httpx.Response(200, content=content))))


# The time of a call


def test_each_step_gets_what_is_left_of_the_time_at_most(ask: Ask) -> None:
    """A pause takes its part of it, too."""
    busy, clock = refused("ThrottlingException", x_amz_retry_after="2500"), FakeClock()
    transport = Both(busy, good)
    ask(transport, retry_mode="standard", timeout=3.0, connect_timeout=1.0, clock=clock)
    assert clock.slept == (2.5,)
    first, second = (sent.extensions["timeout"] for sent in transport.requests)
    assert first == {"connect": 1.0, "read": 3.0, "write": 3.0, "pool": 3.0}
    assert second == {"connect": 0.5, "read": 0.5, "write": 0.5, "pool": 0.5}


def test_a_pause_that_does_not_fit_is_neither_begun_nor_reported(ask: Ask) -> None:
    clock, reports = FakeClock(), list[AttemptReport]()
    transport = Both(refused("ThrottlingException", x_amz_retry_after="3000"))
    outcome = ask(transport, retry_mode="standard", clock=clock, timeout=3.0, on_attempt=reports.append)
    assert isinstance(outcome, errors.RequestTimeoutError)
    assert str(outcome) == "GetPipelineExecution did not end within its timeout of 3.0 seconds"
    assert (outcome.limit, outcome.attempts) == ("timeout", 1)
    assert isinstance(outcome.__cause__, errors.ThrottlingException)
    assert clock.slept == ()
    assert [each.pause for each in reports] == [None]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), httpx.ReadError("reset")], ids=["slow", "reset"])
def test_a_failure_at_the_end_of_the_time_is_the_end_of_the_time(ask: Ask, failure: Exception) -> None:
    clock = FakeClock()
    outcome = ask(Both(failing(failure, lambda: clock.advance(3.0))), clock=clock, timeout=3.0)
    assert isinstance(outcome, errors.RequestTimeoutError)
    assert (outcome.limit, outcome.attempts) == ("timeout", 1)
    is_reset = isinstance(failure, httpx.ReadError)  # a step's limit may only have been what was left of the call's
    assert isinstance(outcome.__cause__, errors.ConnectionFailedError if is_reset else type(None))


def test_a_response_at_the_end_of_the_time_is_a_response(ask: Ask) -> None:
    clock = FakeClock()

    def handle(request: httpx.Request) -> httpx.Response:
        clock.advance(3.0)
        return good(request)

    assert isinstance(ask(Both(handle), clock=clock, timeout=3.0), GetPipelineExecutionOutput)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_transport_that_knows_no_limit_is_cut_off_in_a_task(backend: str) -> None:
    async def respond(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        return good(request)

    outcome = ask_in(backend, httpx.MockTransport(respond), clock=SystemClock(), timeout=0.5)
    assert isinstance(outcome, errors.RequestTimeoutError)
    assert (outcome.limit, outcome.attempts) == ("timeout", 1)


# Reports


def test_each_attempt_is_reported(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    reports: list[AttemptReport] = []
    busy = refused("ThrottlingException", x_amz_retry_after="2500", x_amzn_requestid="r\n1")
    with caplog.at_level(logging.DEBUG, "codepipeline_client"):
        ask(Both(busy, good), retry_mode="standard", on_attempt=reports.append)
    first = AttemptReport(
        operation_name="GetPipelineExecution",
        attempt=1,
        host="127.0.0.1:1",
        http_status_code=400,
        error_code="ThrottlingException",
        request_id="r\\n1",
        seconds=0.0,
        pause=2.5,
    )
    second = evolve(first, attempt=2, http_status_code=200, error_code=None, request_id=None, pause=None)
    assert reports == [first, second]
    throttled = "GetPipelineExecution attempt 1 to 127.0.0.1:1: 400 ThrottlingException, request id r\\n1, 0 ms"
    ours = [record for record in caplog.records if record.name == "codepipeline_client"]
    assert [(record.levelname, record.getMessage()) for record in ours] == [
        ("DEBUG", throttled),
        ("INFO", f"{throttled}: retrying in 2.50 s"),
        ("DEBUG", "GetPipelineExecution attempt 2 to 127.0.0.1:1: 200 ok, request id none, 0 ms"),
    ]


@pytest.mark.parametrize(
    ("handler", "result"),
    [
        pytest.param(refused("PipelineNotFoundException"), "400 PipelineNotFoundException", id="service"),
        pytest.param(failing(httpx.ReadError("lost")), "no response, ConnectionFailedError", id="network"),
        pytest.param(httpx.Response(503), "503 without a code", id="bare-status"),
    ],
)
def test_a_call_that_fails_is_reported_too(handler: Handler, result: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "codepipeline_client"):
        ask_in("sync", Both(handler))
    ours = [record.getMessage() for record in caplog.records if record.name == "codepipeline_client"]
    assert ours == [f"GetPipelineExecution attempt 1 to 127.0.0.1:1: {result}, request id none, 0 ms"]


def test_a_call_without_credentials_made_no_attempt(ask: Ask) -> None:
    reports: list[AttemptReport] = []
    provider = Mock(side_effect=errors.CredentialsError("none"))
    outcome = ask(Both(), credentials=provider, on_attempt=reports.append)
    assert isinstance(outcome, errors.CredentialsError)
    assert outcome.attempts == 0
    assert reports == []


def test_the_service_error_of_expired_credentials_is_reported_once(ask: Ask) -> None:
    """There are no others, so no other attempt is made."""
    reports: list[AttemptReport] = []
    outcome = ask(Both(refused("ExpiredTokenException")), on_attempt=reports.append)
    assert isinstance(outcome, errors.ExpiredTokenException)
    assert [(each.error_code, each.pause) for each in reports] == [("ExpiredTokenException", 0.0)]


def test_an_on_attempt_that_raises_harms_no_call(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(ask(Both(good), on_attempt=Mock(side_effect=ZeroDivisionError)), GetPipelineExecutionOutput)
    assert "on_attempt raised an error" in caplog.text
