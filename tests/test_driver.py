"""The driver: sends, reads, sleeps and translates; sync and async give the same from the same."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator

import anyio
import httpx
import pytest

from codepipeline_client import (
    CodePipelineError,
    ConnectionFailedError,
    Credentials,
    CredentialsError,
    RequestTimeoutError,
    TransportError,
)
from codepipeline_client._clock import Clock
from codepipeline_client._driver import (
    MAX_BODY,
    SIGNED_WITH,
    STALE_CREDENTIALS,
    Limits,
    SystemClock,
    drive,
    drive_async,
)
from codepipeline_client._message import Attempt, Request, Response

KEYS = Credentials(access_key_id="AKID", secret_access_key="s")
REQUEST = Request(method="POST", url="http://127.0.0.1:1/", headers=(("X-A", "1"), ("X-A", "2")), body=b"body")
LIMITS = Limits(connect=1.0, read=None)
Answering = Callable[[httpx.Request], httpx.Response]


class FakeClock:
    """A clock that writes down how long it was asked to sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def time(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def sleep_async(self, seconds: float) -> None:
        self.slept.append(seconds)


class Both(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The same answer for both kinds of client, and a list of what was asked."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)


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
        return PlainIterator(iter(self))


class PlainIterator(AsyncIterator[bytes]):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    async def __anext__(self) -> bytes:
        for piece in self.pieces:
            return piece
        raise StopAsyncIteration


Outcome = Response | CodePipelineError


def script(*attempts: Attempt) -> Generator[Attempt, Response, list[Outcome]]:
    """An exchange that makes the given attempts, and returns what came of each."""
    seen: list[Outcome] = []
    for attempt in attempts:
        try:
            seen.append((yield attempt))
        except CodePipelineError as error:
            seen.append(error)
    return seen


Run = Callable[..., list[Outcome]]


@pytest.fixture(params=["sync", "asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Run:
    """Drive an exchange of attempts over a transport, in each of the ways there are."""

    def go(transport: Both, *attempts: Attempt, clock: Clock | None = None) -> list[Outcome]:
        running, ticking = script(*(attempts or (Attempt(request=REQUEST, number=1),))), clock or FakeClock()
        if request.param == "sync":
            return drive(running, transport, ticking, LIMITS)
        return anyio.run(drive_async, running, transport, ticking, LIMITS, backend=request.param)

    return go


def test_a_request_goes_out_as_it_is_with_the_limits_beside_it(run: Run) -> None:
    transport = Both(lambda _: httpx.Response(200))
    run(transport, Attempt(request=REQUEST, number=2, stale=KEYS))
    (sent,) = transport.requests
    assert (sent.method, str(sent.url), sent.content) == ("POST", REQUEST.url, b"body")
    assert sent.headers.get_list("X-A") == ["1", "2"]
    assert sent.extensions["timeout"] == {"connect": 1.0, "read": None, "write": None, "pool": 1.0}
    assert sent.extensions[STALE_CREDENTIALS] is KEYS


def test_an_answer_comes_back_as_a_value(run: Run) -> None:
    body = Body(b"he", b"", b"llo")
    headers = [("X-Request", "r"), ("Warning", "a"), ("warning", "b"), ("X-Odd", "\xe9")]
    answer = httpx.Response(
        201,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        stream=body,
        extensions={SIGNED_WITH: KEYS},
    )
    assert run(Both(lambda _: answer)) == [
        Response(
            status_code=201,
            headers={"x-request": "r", "warning": "a, b", "x-odd": "\xe9"},
            body=b"hello",
            credentials=KEYS,
        )
    ]
    assert body.closed


def test_an_answer_that_a_mock_has_read_is_read_all_the_same(run: Run) -> None:
    (outcome,) = run(Both(lambda _: httpx.Response(200, content=b"read", extensions={SIGNED_WITH: "no keys"})))
    assert isinstance(outcome, Response)
    assert (outcome.body, outcome.credentials) == (b"read", None)


@pytest.mark.parametrize("kind", [Body, Plain])
def test_an_answer_without_end_is_cut_off(run: Run, kind: type[Body]) -> None:
    body = kind(*[b"x" * 65536] * 1000)
    (outcome,) = run(Both(lambda _: httpx.Response(200, stream=body)))
    assert isinstance(outcome, Response)
    assert not outcome.is_whole
    assert len(outcome.body) == MAX_BODY
    assert body.closed


def test_pauses_are_slept_and_no_pause_is_not(run: Run) -> None:
    clock = FakeClock()
    attempts = [
        Attempt(request=REQUEST, number=number, delay=delay) for number, delay in ((1, 0.0), (2, 0.5), (3, 2.0))
    ]
    run(Both(lambda _: httpx.Response(200)), *attempts, clock=clock)
    assert clock.slept == [0.5, 2.0]


SECRET_REQUEST = httpx.Request("POST", "http://127.0.0.1", headers={"x-amz-security-token": "planted"})


@pytest.mark.parametrize(
    ("failure", "kind", "text"),
    [
        pytest.param(httpx.ConnectTimeout("t"), RequestTimeoutError, "connect_timeout", id="connect-timeout"),
        pytest.param(httpx.PoolTimeout("t"), RequestTimeoutError, "no connection .* became free", id="pool-timeout"),
        pytest.param(httpx.ReadTimeout("t"), RequestTimeoutError, "read_timeout", id="read-timeout"),
        pytest.param(httpx.WriteTimeout("t"), RequestTimeoutError, "read_timeout", id="write-timeout"),
        pytest.param(TimeoutError("t"), RequestTimeoutError, "read_timeout", id="a-transports-own-timeout"),
        pytest.param(
            httpx.ConnectError("refused"),
            ConnectionFailedError,
            "no connection .* could be made: refused",
            id="refused",
        ),
        pytest.param(httpx.ReadError(""), ConnectionFailedError, "broke .*: ReadError", id="no-words"),
        pytest.param(httpx.RemoteProtocolError("bad\n"), ConnectionFailedError, r"bad\\n", id="keep-alive-race"),
        pytest.param(httpx.ProxyError("407"), ConnectionFailedError, "the proxy on the way .*: 407; check", id="proxy"),
        pytest.param(httpx.StreamError("odd"), ConnectionFailedError, "odd", id="stream"),
        pytest.param(ConnectionResetError("reset"), ConnectionFailedError, "reset", id="os"),
        pytest.param(ssl.SSLError(1, "tls"), ConnectionFailedError, "tls", id="tls"),
        pytest.param(anyio.BrokenResourceError(), ConnectionFailedError, "BrokenResourceError", id="anyio-broken"),
        pytest.param(anyio.ClosedResourceError(), ConnectionFailedError, "ClosedResourceError", id="anyio-closed"),
        pytest.param(anyio.EndOfStream(), ConnectionFailedError, "EndOfStream", id="anyio-end"),
    ],
)
@pytest.mark.parametrize("place", ["before", "within"])
def test_a_failure_becomes_one_of_ours_less_the_request(
    run: Run, place: str, failure: Exception, kind: type[TransportError], text: str
) -> None:
    if isinstance(failure, httpx.RequestError):
        failure.request = SECRET_REQUEST
    body = Body(b"some", failure)

    def answer(_: httpx.Request) -> httpx.Response:
        if place == "before":
            raise failure
        return httpx.Response(200, stream=body)

    try:
        raise FileNotFoundError("what the caller is busy with is no cause")
    except FileNotFoundError:
        (outcome,) = run(Both(answer))
    assert type(outcome) is kind
    assert place == "before" or body.closed
    assert isinstance(outcome, TransportError)
    assert re.search(text, str(outcome))
    cause = outcome.__cause__
    assert cause is not None
    assert type(cause) is type(failure)
    assert (cause.__traceback__, cause.__context__, cause.__cause__) == (None, None, None)
    assert "planted" not in f"{vars(cause)}"


def test_a_failure_without_words_borrows_those_of_what_caused_it(run: Run) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        try:
            try:
                raise ssl.SSLError(1, "certificate verify failed")
            except ssl.SSLError as error:
                raise anyio.BrokenResourceError from error
        except anyio.BrokenResourceError as error:
            raise httpx.ConnectError("") from error

    (outcome,) = run(Both(answer))
    assert "could be made: certificate verify failed" in str(outcome).replace("[Errno 1] ", "")
    assert isinstance(outcome, ConnectionFailedError)
    assert isinstance(outcome.__cause__, httpx.ConnectError)
    root = outcome.__cause__.__cause__
    assert isinstance(root, ssl.SSLError)
    assert (root.__traceback__, root.__context__) == (None, None)


class OwnError(httpx.TransportError):
    def __init__(self, *, reason: str, request: httpx.Request) -> None:
        super().__init__(reason, request=request)


def test_an_error_of_a_transports_own_kind_is_cut_down_to_httpxs(run: Run) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise OwnError(reason="odd", request=request)

    (outcome,) = run(Both(answer))
    assert isinstance(outcome, ConnectionFailedError)
    assert type(outcome.__cause__) is httpx.HTTPError
    assert str(outcome.__cause__) == "odd"


def test_missing_keys_are_passed_on_as_they_are(run: Run) -> None:
    missing = CredentialsError("none")

    def answer(_: httpx.Request) -> httpx.Response:
        raise missing

    assert run(Both(answer)) == [missing]


def test_a_defect_is_not_taken_for_a_failure_of_the_network(run: Run) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Both(answer))


class AsyncOnly(httpx.AsyncByteStream):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return Body().__aiter__()


class SyncOnly(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        return iter([b""])


def test_a_transport_of_the_wrong_kind_is_told() -> None:
    attempt = Attempt(request=REQUEST, number=1)
    (outcome,) = drive(script(attempt), Both(lambda _: httpx.Response(200, stream=AsyncOnly())), FakeClock(), LIMITS)
    assert "async answer to a sync client" in str(outcome)

    async def other() -> list[Outcome]:
        transport = Both(lambda _: httpx.Response(200, stream=SyncOnly()))
        return await drive_async(script(attempt), transport, FakeClock(), LIMITS)

    (outcome,) = anyio.run(other)
    assert "sync answer to an async client" in str(outcome)


def test_the_system_clock_is_a_clock() -> None:
    clock: Clock = SystemClock()
    assert clock.time() > 1.7e9
    before = clock.monotonic()
    clock.sleep(0.0)
    anyio.run(clock.sleep_async, 0.0)
    assert clock.monotonic() >= before


def test_awaitables_of_a_clock_may_be_of_any_kind() -> None:
    waiting: Awaitable[None] = FakeClock().sleep_async(1)
    assert hasattr(waiting, "__await__")
    anyio.run(lambda: waiting)
