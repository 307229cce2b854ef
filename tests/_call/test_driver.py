"""The driver: sends, reads, sleeps and translates; sync and async give the same from the same."""

from __future__ import annotations

import logging
import re
import ssl
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import httpx
import pytest
from attrs import asdict, evolve

from codepipeline_client import (
    AttemptReport,
    CodePipelineError,
    ConnectionFailedError,
    Credentials,
    CredentialsError,
    PipelineNotFoundException,
    RequestTimeoutError,
    ServiceError,
    TransportError,
    printable,
)
from codepipeline_client._call.context import AttemptReporter, CallContext, Limits, invocation_id
from codepipeline_client._call.driver import drive, drive_async
from codepipeline_client._call.exchange import Exchange, Unsent
from codepipeline_client._http.response import MAX_BODY
from codepipeline_client._protocol.messages import Attempt, Request, Response
from codepipeline_client.clock import DEADLINE, Clock, ClosableClock, Deadline, SystemClock
from codepipeline_client.operations import OutputT
from codepipeline_client.transport import SENDING, SIGNED_WITH, SKEW, STALE_CREDENTIALS

KEYS = Credentials(access_key_id="AKID", secret_access_key="s")
REQUEST = Request(method="POST", url="http://127.0.0.1:1/", headers=(("X-A", "1"), ("X-A", "2")), body=b"body")
SIGNED_AT = 999.5
LIMITS = Limits(connect=1.0, read=None)
Answering = Callable[[httpx.Request], httpx.Response]


class FakeClock:
    """A clock that passes by sleeping only, and writes down how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class Both(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """The same answer for both kinds of client, and a list of what was asked. Tells when it has keys."""

    def __init__(self, answer: Answering, *, signs: bool = True) -> None:
        self.answer = answer
        self.signs = signs
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.signs:
            request.extensions[SENDING].began = SIGNED_AT
        return self.answer(request)

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


Go = Callable[..., list[Outcome]]


def reporter_of(reports: list[AttemptReport] | None = None) -> AttemptReporter:
    return AttemptReporter(host="127.0.0.1:1", on_attempt=None if reports is None else reports.append)


def make_run(
    exchange: Exchange[OutputT],
    clock: Clock | None = None,
    timeout: float | None = None,
    reports: list[AttemptReport] | None = None,
) -> CallContext[OutputT]:
    clock = clock or FakeClock()
    return CallContext(
        operation_name="GetPipelineExecution",
        exchange=exchange,
        clock=clock if isinstance(clock, ClosableClock) else ClosableClock(clock),
        limits=LIMITS,
        deadline=Deadline(timeout, clock.monotonic),
        reporter=reporter_of(reports),
    )


drive_tasks = partial(drive_async, keeps_deadline=False)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def run(request: pytest.FixtureRequest) -> Go:
    """Drive an exchange of attempts over a transport, in each of the ways there are."""

    def go(transport: Both, *attempts: Attempt, **options: Any) -> list[Outcome]:
        whole = make_run(script(*(attempts or (Attempt(request=REQUEST, number=1),))), **options)
        try:
            if request.param == "sync":
                return drive(whole, transport)
            return anyio.run(drive_tasks, whole, transport, backend=request.param)
        except CodePipelineError as error:
            return [error]

    return go


def test_a_request_goes_out_as_it_is_with_the_limits_beside_it(run: Go) -> None:
    transport = Both(lambda _: httpx.Response(200))
    run(transport, Attempt(request=REQUEST, number=2, stale=KEYS, skew=3600.0))
    (sent,) = transport.requests
    assert (sent.method, str(sent.url), sent.content) == ("POST", REQUEST.url, b"body")
    assert sent.headers.get_list("X-A") == ["1", "2"]
    assert sent.extensions["timeout"] == {"connect": 1.0, "read": None, "write": None, "pool": None}
    assert sent.extensions[STALE_CREDENTIALS] is KEYS
    assert sent.extensions[SKEW] == 3600.0
    assert isinstance(sent.extensions[DEADLINE], Deadline)


class SilentTooLong(httpx.ReadError, TimeoutError):
    """What a transport of somebody's own may raise."""


class NotReachedInTime(httpx.NetworkError, httpx.ConnectTimeout):
    """Likewise."""


@pytest.mark.parametrize(
    ("error", "limit"),
    [(SilentTooLong("too long"), "read_timeout"), (NotReachedInTime("too far"), "connect_timeout")],
    ids=["read", "connect"],
)
def test_a_failure_that_is_a_timeout_too_is_one(run: Go, error: httpx.TransportError, limit: str) -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise error

    (outcome,) = run(Both(refuse), Attempt(request=REQUEST, number=1))
    assert isinstance(outcome, RequestTimeoutError)
    assert outcome.limit == limit


@pytest.mark.parametrize(
    ("url", "host"),
    [
        pytest.param("https://codepipeline.eu-west-1.amazonaws.com/", "codepipeline.eu-west-1.amazonaws.com", id="aws"),
        pytest.param("http://127.0.0.1:4566", "127.0.0.1:4566", id="port"),
        pytest.param("https://127.0.0.1:443/way", "127.0.0.1", id="own-port"),
        pytest.param("http://[::1]:4566/", "[::1]:4566", id="ipv6"),
    ],
)
def test_a_request_has_the_headers_that_httpx_would_give_it(run: Go, url: str, host: str) -> None:
    """They are set here, since httpx takes long for them."""
    transport = Both(lambda _: httpx.Response(200))
    run(transport, Attempt(request=REQUEST._replace(url=url), number=1))
    (sent,) = transport.requests
    theirs = httpx.Request("POST", url, headers=REQUEST.headers, content=REQUEST.body)
    assert sorted(sent.headers.raw) == sorted(theirs.headers.raw)
    assert (sent.headers["Host"], sent.headers["Content-Length"]) == (host, "4")


def test_each_call_has_an_id_of_its_own() -> None:
    """A random UUID, as uuid makes them."""
    ids = [uuid.UUID(invocation_id()) for _ in range(100)]
    assert len(set(ids)) == 100
    assert {(each.version, each.variant) for each in ids} == {(4, uuid.RFC_4122)}


def test_an_answer_comes_back_as_a_value(run: Go) -> None:
    body = Body(b"he", b"", b"llo")
    headers = [("X-Request", "r"), ("Warning", "a"), ("warning", "b"), ("X-Odd", "\xe9")]
    answer = httpx.Response(
        201,
        headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        stream=body,
        extensions={SIGNED_WITH: KEYS},
    )
    (came,) = run(Both(lambda _: answer))
    assert isinstance(came, Response)
    assert asdict(came, recurse=False) == {
        "status_code": 201,
        "headers": {"x-request": "r", "warning": "a, b", "x-odd": "\xe9"},
        "body": b"hello",
        "is_whole": True,
        "credentials": KEYS,
        "sent": SIGNED_AT,
        "received": 1000.0,
    }
    assert body.closed


def test_an_answer_that_a_mock_has_read_is_read_all_the_same(run: Go) -> None:
    (outcome,) = run(Both(lambda _: httpx.Response(200, content=b"read", extensions={SIGNED_WITH: "no keys"})))
    assert isinstance(outcome, Response)
    assert (outcome.body, outcome.credentials) == (b"read", None)


@pytest.mark.parametrize("kind", [Body, Plain])
def test_an_answer_without_end_is_cut_off(run: Go, kind: type[Body]) -> None:
    body = kind(*[b"x" * 65536] * 1000)
    (outcome,) = run(Both(lambda _: httpx.Response(200, stream=body)))
    assert isinstance(outcome, Response)
    assert not outcome.is_whole
    assert 0 < len(outcome.body) < MAX_BODY
    assert body.closed


def test_pauses_are_slept_and_no_pause_is_not(run: Go) -> None:
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
        pytest.param(
            httpx.PoolTimeout("t"), RequestTimeoutError, "no connection .* became free in time", id="pool-timeout"
        ),
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
    run: Go, place: str, failure: Exception, kind: type[TransportError], text: str
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
    assert printable(str(failure)) in str(outcome)
    cause = outcome.__cause__
    assert cause is not None
    assert type(cause) is type(failure)
    assert (cause.__traceback__, cause.__context__, cause.__cause__) == (None, None, None)
    assert "planted" not in f"{vars(cause)}"


def test_a_failure_without_words_borrows_those_of_what_caused_it(run: Go) -> None:
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


@pytest.mark.parametrize(
    ("words", "may_pass"),
    [("407 Who are you?", False), ("403 No", False), ("429 Busy", True), ("502 Bad", True)],
)
def test_a_proxy_that_refuses_is_not_asked_again(run: Go, words: str, may_pass: bool) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ProxyError(words)

    (outcome,) = run(Both(answer))
    assert isinstance(outcome, ConnectionFailedError)
    assert outcome.may_pass is may_pass


class OwnError(httpx.TransportError):
    def __init__(self, *, reason: str, request: httpx.Request) -> None:
        super().__init__(reason, request=request)


def test_an_error_of_a_transports_own_kind_is_cut_down_to_httpxs(run: Go) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise OwnError(reason="odd", request=request)

    (outcome,) = run(Both(answer))
    assert isinstance(outcome, ConnectionFailedError)
    assert type(outcome.__cause__) is httpx.HTTPError
    assert str(outcome.__cause__) == "odd"


def test_missing_keys_are_passed_on_as_they_are(run: Go) -> None:
    missing = CredentialsError("none")

    def answer(_: httpx.Request) -> httpx.Response:
        raise missing

    assert run(Both(answer)) == [missing]


def test_a_defect_is_not_taken_for_a_failure_of_the_network(run: Go) -> None:
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
    (outcome,) = drive(make_run(script(attempt)), Both(lambda _: httpx.Response(200, stream=AsyncOnly())))
    assert "async response to a sync client" in str(outcome)
    transport = Both(lambda _: httpx.Response(200, stream=SyncOnly()))
    (outcome,) = anyio.run(drive_tasks, make_run(script(attempt)), transport)
    assert "sync response to an async client" in str(outcome)


# The time of a call


def test_each_step_gets_what_is_left_of_the_time_at_most(run: Go) -> None:
    transport = Both(lambda _: httpx.Response(200))
    attempts = [Attempt(request=REQUEST, number=1), Attempt(request=REQUEST, number=2, delay=2.5)]
    run(transport, *attempts, timeout=3.0)
    first, second = (sent.extensions["timeout"] for sent in transport.requests)
    assert first == {"connect": 1.0, "read": 3.0, "write": 3.0, "pool": 3.0}
    assert second == {"connect": 0.5, "read": 0.5, "write": 0.5, "pool": 0.5}


def test_a_pause_that_does_not_fit_is_not_begun(run: Go) -> None:
    clock = FakeClock()
    transport = Both(lambda _: httpx.Response(200))
    attempts = [Attempt(request=REQUEST, number=1), Attempt(request=REQUEST, number=2, delay=3.0)]
    (error,) = run(transport, *attempts, clock=clock, timeout=3.0)
    assert isinstance(error, RequestTimeoutError)
    assert str(error) == "GetPipelineExecution did not end within its timeout of 3.0 seconds"
    assert (error.limit, error.attempts) == ("timeout", 1)
    assert clock.slept == []
    assert len(transport.requests) == 1


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), httpx.ReadError("reset")], ids=["slow", "reset"])
def test_a_failure_at_the_end_of_the_time_is_the_end_of_the_time(run: Go, failure: Exception) -> None:
    clock = FakeClock()

    def answer(_: httpx.Request) -> httpx.Response:
        clock.now += 3.0
        raise failure

    (outcome,) = run(Both(answer), clock=clock, timeout=3.0)
    assert isinstance(outcome, RequestTimeoutError)
    assert outcome.limit == "timeout"
    is_reset = isinstance(failure, httpx.ReadError)  # a step's limit may only have been what was left of the call's
    assert isinstance(outcome.__cause__, ConnectionFailedError if is_reset else type(None))


def test_an_answer_at_the_end_of_the_time_is_an_answer(run: Go) -> None:
    clock = FakeClock()

    def answer(_: httpx.Request) -> httpx.Response:
        clock.now += 3.0
        return httpx.Response(200)

    (outcome,) = run(Both(answer), clock=clock, timeout=3.0)
    assert isinstance(outcome, Response)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_transport_that_knows_no_limit_is_cut_off_in_a_task(backend: str) -> None:
    class Endless(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            request.extensions[SENDING].began = SIGNED_AT
            await anyio.sleep_forever()
            raise AssertionError

    whole = make_run(script(Attempt(request=REQUEST, number=1)), clock=SystemClock(), timeout=0.05)
    (outcome,) = anyio.run(drive_tasks, whole, Endless(), backend=backend)
    assert isinstance(outcome, RequestTimeoutError)
    assert outcome.limit == "timeout"


def test_a_body_that_comes_slowly_over_a_transport_of_ones_own_ends_too() -> None:
    clock = FakeClock()

    class Slow(Body):
        def __iter__(self) -> Iterator[bytes]:
            for piece in super().__iter__():
                clock.now += 0.4
                yield piece

    answer = httpx.Response(200, stream=Slow(*[b"x"] * 20))
    whole = make_run(script(Attempt(request=REQUEST, number=1)), clock=clock, timeout=1.0)
    (outcome,) = drive(whole, Both(lambda _: answer))
    assert isinstance(outcome, RequestTimeoutError)
    assert outcome.limit == "timeout"
    assert clock.now < 1002


def test_a_client_that_is_closed_in_a_pause_sends_nothing_more(run: Go) -> None:
    transport = Both(lambda _: httpx.Response(200))
    reports: list[AttemptReport] = []

    class Closing(FakeClock):
        def sleep(self, seconds: float) -> None:
            pauses.close()

    pauses = ClosableClock(Closing())

    before = ConnectionFailedError("reset")
    attempts = [Attempt(request=REQUEST, number=1), Attempt(request=REQUEST, number=2, delay=1.0, after=before)]
    (outcome,) = run(transport, *attempts, clock=pauses, reports=reports)
    assert isinstance(outcome, ConnectionFailedError)
    assert not outcome.may_pass
    assert (outcome.attempts, outcome.__cause__) == (1, before)
    assert (len(transport.requests), len(reports)) == (1, 1)


def test_a_pause_that_is_broken_off_is_told_to_the_exchange() -> None:
    class Interrupted(FakeClock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    told: list[type[BaseException]] = []

    def waiting() -> Exchange[str]:
        try:
            yield Attempt(request=REQUEST, number=1, delay=1.0)
        except BaseException as error:
            told.append(type(error))
            raise
        return "never"

    transport = Both(lambda _: httpx.Response(200))
    with pytest.raises(KeyboardInterrupt):
        drive(make_run(waiting(), clock=Interrupted()), transport)
    for backend in ("asyncio", "trio"):
        with pytest.raises(KeyboardInterrupt):
            anyio.run(drive_tasks, make_run(waiting(), clock=Interrupted()), transport, backend=backend)
    assert told == [Unsent] * 3


# Who is told


def judge(*ends: CodePipelineError | None) -> Exchange[str]:
    """An exchange that makes of each answer what it is told to; the last end is the call's."""
    after: CodePipelineError | None = None
    for number, end in enumerate(ends, 1):
        yield Attempt(request=REQUEST, number=number, delay=0.25 if number > 1 else 0.0, after=after)
        after = end
    if after is not None:
        raise after
    return "output"


GONE = PipelineNotFoundException(
    "gone\n", code="PipelineNotFoundException", http_status_code=400, request_id="r", operation_name="o"
)
LOST = ConnectionFailedError("lost")


@pytest.mark.parametrize("backend", ["sync", "asyncio", "trio"])
def test_each_attempt_is_reported(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    reports: list[AttemptReport] = []
    transport = Both(lambda _: httpx.Response(200, headers={"x-amzn-requestid": "r\n1"}))
    whole = make_run(judge(LOST, None), reports=reports)
    with caplog.at_level(logging.DEBUG, "codepipeline_client"):
        if backend == "sync":
            assert drive(whole, transport) == "output"
        else:
            assert anyio.run(drive_tasks, whole, transport, backend=backend) == "output"
    first = AttemptReport(
        operation_name="GetPipelineExecution",
        attempt=1,
        host="127.0.0.1:1",
        http_status_code=200,
        error_code="ConnectionFailedError",
        request_id="r\\n1",
        seconds=0.0,
        pause=0.25,
    )
    assert reports == [first, evolve(first, attempt=2, error_code=None, pause=None)]
    to = "to 127.0.0.1:1: 200"
    lost = f"GetPipelineExecution attempt 1 {to} ConnectionFailedError, request id r\\n1, 0 ms"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", lost),
        ("INFO", f"{lost}: again in 0.250 s"),
        ("DEBUG", f"GetPipelineExecution attempt 2 {to} ok, request id r\\n1, 0 ms"),
    ]


@pytest.mark.parametrize(
    ("failure", "code"),
    [(GONE, "PipelineNotFoundException"), (LOST, "ConnectionFailedError")],
    ids=["service", "network"],
)
def test_a_call_that_fails_is_reported_too(failure: CodePipelineError, code: str) -> None:
    reports: list[AttemptReport] = []
    with pytest.raises(type(failure)):
        drive(make_run(judge(failure), reports=reports), Both(lambda _: httpx.Response(400)))
    assert [(each.error_code, each.http_status_code, each.pause) for each in reports] == [(code, 400, None)]


def test_a_bare_status_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    """A service error without a code has the status in its place."""
    bare = ServiceError("", code="503", http_status_code=503, request_id=None, operation_name="o")
    with caplog.at_level(logging.DEBUG, "codepipeline_client"), pytest.raises(ServiceError):
        drive(make_run(judge(bare)), Both(lambda _: httpx.Response(503)))
    assert [record.getMessage() for record in caplog.records] == [
        "GetPipelineExecution attempt 1 to 127.0.0.1:1: 503 without a code, request id none, 0 ms"
    ]


def test_an_attempt_without_an_answer_has_no_status_and_one_too_large_has_its_id() -> None:
    reports: list[AttemptReport] = []

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    drive(make_run(script(Attempt(request=REQUEST, number=1)), reports=reports), Both(refuse))
    large = httpx.Response(200, stream=Body(b"x" * (MAX_BODY + 1)), headers={"x-amzn-requestid": "r"})
    drive(make_run(script(Attempt(request=REQUEST, number=1)), reports=reports), Both(lambda _: large))
    assert [(each.http_status_code, each.request_id) for each in reports] == [(None, None), (200, "r")]


def test_an_attempt_without_keys_was_none_and_is_not_reported() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise CredentialsError("none")

    reports: list[AttemptReport] = []
    drive(make_run(script(Attempt(request=REQUEST, number=1)), reports=reports), Both(answer, signs=False))
    assert reports == []


def test_a_call_whose_time_ends_before_there_are_keys_has_sent_nothing(run: Go) -> None:
    """Nor has one whose client is closed then; what it failed with before is the cause."""
    clock, before, reports = FakeClock(), ConnectionFailedError("reset"), list[AttemptReport]()
    pauses = ClosableClock(clock)

    def wait_for_keys(_: httpx.Request) -> httpx.Response:
        clock.now += 3.0
        raise httpx.ReadTimeout("slow")

    def close(_: httpx.Request) -> httpx.Response:
        pauses.close()
        raise CredentialsError("not wanted any more")

    for answer, kind in ((wait_for_keys, RequestTimeoutError), (close, ConnectionFailedError)):
        again = Attempt(request=REQUEST, number=2, after=before)
        (outcome,) = run(Both(answer, signs=False), again, clock=pauses, timeout=3.0, reports=reports)
        assert isinstance(outcome, kind)
        assert isinstance(outcome, CodePipelineError)
        assert (outcome.attempts, outcome.__cause__) == (1, before)
    assert reports == []


@pytest.mark.parametrize(
    ("keys", "pauses"),
    [
        pytest.param("same", [None], id="unchanged"),
        pytest.param("late", [None], id="too-late"),
        pytest.param("new", [0.0, None], id="renewed"),
    ],
)
def test_a_renewal_is_reported_as_a_pause_only_once_there_are_keys(keys: str, pauses: list[float | None]) -> None:
    """Before, it is not known whether the attempt was the last."""
    reports: list[AttemptReport] = []
    clock = FakeClock()

    class Renewing(Both):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            self.signs = not self.requests or keys == "new"
            return super().handle_request(request)

    transport = Renewing(lambda _: httpx.Response(200))

    def answer(_: httpx.Request) -> httpx.Response:
        if len(transport.requests) == 2 and keys == "same":
            raise CredentialsError("no others")
        if len(transport.requests) == 2 and keys == "late":
            clock.now += 9.0
            raise httpx.ReadTimeout("slow")
        return httpx.Response(200)

    transport.answer = answer
    renewal = Attempt(request=REQUEST, number=2, stale=KEYS, after=GONE)
    whole = make_run(script(Attempt(request=REQUEST, number=1), renewal), clock=clock, timeout=5.0, reports=reports)
    with suppress(RequestTimeoutError):
        drive(whole, transport)
    assert [report.pause for report in reports] == pauses


def test_a_pause_that_will_not_be_made_is_not_reported() -> None:
    reports: list[AttemptReport] = []
    with pytest.raises(RequestTimeoutError):
        drive(make_run(judge(LOST, None), timeout=0.25, reports=reports), Both(lambda _: httpx.Response(200)))
    assert [each.pause for each in reports] == [None]


def test_a_listener_that_raises_harms_no_call(caplog: pytest.LogCaptureFixture) -> None:
    def listen(_: AttemptReport) -> None:
        raise ZeroDivisionError

    whole = make_run(judge(None))
    whole.reporter = AttemptReporter(host="h", on_attempt=listen)
    assert drive(whole, Both(lambda _: httpx.Response(200))) == "output"
    assert "on_attempt raised an error" in caplog.text


def test_nothing_is_reported_when_nobody_listens(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "codepipeline_client"):
        assert drive(make_run(judge(None)), Both(lambda _: httpx.Response(200))) == "output"
    assert caplog.records == []


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
