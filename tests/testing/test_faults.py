"""Each fault over real sockets, as a client sees it that shares no line with this package."""

from __future__ import annotations

import gzip
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from math import inf, nan
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import httpx
import pytest

from codepipeline_client.testing import IncomingRequest, LocalCodePipeline, faults
from codepipeline_client.testing.faults import Fault
from tests.testing.endpoint_client import (
    BODY,
    DATE,
    EXECUTION,
    NOW,
    REQUEST,
    REQUEST_BYTES,
    Connection,
    Ending,
    Request,
    Resources,
    connected,
    status_in,
)

WORDS: Final[Mapping[str, Any]] = {"code": "AccessDeniedException", "location": "http://127.0.0.1:1/"}
SIZES: Final[Mapping[str, Any]] = {"decoded_size": 1000, "seconds": 0.01, "seconds_per_byte": 0.0005, "size": 100_000}
ONE_OF_EACH: Final[Sequence[Fault]] = [
    kind(**{name: value for name, value in {**WORDS, **SIZES}.items() if hasattr(kind, name)})
    for kind in vars(faults).values()
    if isinstance(kind, type) and issubclass(kind, Fault)
]


def await_requests(endpoint: LocalCodePipeline, count: int) -> None:
    """Return when so many requests were received, of which the last gets its response, or its fault, now."""
    latest = time.monotonic() + 10
    while len(endpoint.requests) < count:
        assert time.monotonic() < latest
        time.sleep(0)  # lets the other threads run


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda: faults.Delay(seconds=-1), "'seconds' must be >= 0", id="past"),
        pytest.param(lambda: faults.Delay(seconds=inf), "'seconds' must be < 1000000000", id="never"),
        pytest.param(lambda: faults.SlowBody(seconds_per_byte=nan), "'seconds_per_byte' must be >= 0", id="nan"),
        pytest.param(lambda: faults.SlowHeaders(seconds_per_byte=-1), "'seconds_per_byte' must be", id="slow-headers"),
        pytest.param(lambda: faults.ClockSkew(seconds=-inf), "'seconds' must be > -1000000000", id="behind-for-ever"),
        pytest.param(lambda: faults.ClockSkew(seconds=inf), "'seconds' must be < 1000000000", id="ahead-for-ever"),
        pytest.param(lambda: faults.Throttling(retry_after=-1), "'retry_after' must be", id="throttling"),
        pytest.param(lambda: faults.ErrorResponse(code="X", retry_after=-1), "'retry_after' must be", id="error"),
        pytest.param(lambda: faults.ErrorResponse(code="X", status_code=200), "'status_code' must be", id="no-error"),
        pytest.param(lambda: faults.ServerError(status_code=404), "'status_code' must be >= 500", id="not-the-server"),
        pytest.param(lambda: faults.HtmlBody(status_code=100), "'status_code' must be >= 200", id="not-final"),
        pytest.param(lambda: faults.Redirect(location="/", status_code=304), "'status_code' must be in", id="304"),
        pytest.param(lambda: faults.Redirect(location="/\r\nX: y"), "'location' must match", id="split"),
        pytest.param(lambda: faults.OversizeBody(size=0), "'size' must be >= 1", id="no-size"),
        pytest.param(lambda: faults.OversizeHeaders(size=0), "'size' must be >= 1", id="no-headers"),
        pytest.param(lambda: faults.GzipBomb(decoded_size=0), "'decoded_size' must be >= 1", id="no-bomb"),
        pytest.param(lambda: faults.UnsolicitedAnswer(status="Failled"), "'Failled' is not one of", id="misspelt"),
        pytest.param(lambda: faults.at_random(probability=0.5, random=Random()), "at least one fault", id="of-none"),
        pytest.param(lambda: faults.at_random(Fault(), probability=1.1, random=Random()), "from 0 to 1", id="often"),
        *(
            pytest.param(partial(faults.above_rate, rate, burst=burst), "second above 0", id=f"{rate}-{burst}")
            for rate, burst in ((0, 1), (-1, 1), (inf, 1), (nan, 1), (1, 0))
        ),
    ],
)
def test_an_impossible_fault_is_refused_where_it_is_made(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


# Another response in place of the service's


Response = tuple[int, dict[str, str | None], bytes]
"""The status, some headers, and the body."""


def refusal(status_code: int, code: str, message: str = "", retry_after: str | None = None) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amz-retry-after": retry_after}
    return status_code, headers, f'{{"__type":"{code}","message":"{message}"}}'.encode()


THROTTLED: Final = faults.Throttling(code="TooManyRequestsException", message="", retry_after=1.5)
ODD: Final = faults.ErrorResponse(code="Odd", message="words", status_code=499, retry_after=2)
BAD_GATEWAY: Final = faults.ServerError(status_code=502, body="bad gâteway")
PLAIN: Final = {"Content-Type": "text/plain; charset=utf-8"}
HTML: Final = {"Content-Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.Throttling(), refusal(400, "ThrottlingException", "Rate exceeded")),
        (THROTTLED, refusal(429, "TooManyRequestsException", retry_after="1500")),
        (faults.Throttling(code=None, retry_after=0), (429, {"x-amz-retry-after": "0"}, b"")),
        (faults.ErrorResponse(code="ServiceUnavailable"), refusal(503, "ServiceUnavailable")),
        (ODD, refusal(499, "Odd", "words", retry_after="2000")),
        (faults.ServerError(), (503, {"Content-Type": None}, b"")),
        (BAD_GATEWAY, (502, PLAIN, "bad gâteway".encode())),
        (faults.HtmlBody(status_code=413, body="<html>"), (413, HTML, b"<html>")),
        (faults.Redirect(location="http://127.0.0.1:9/"), (307, {"Location": "http://127.0.0.1:9/"}, b"")),
    ],
    ids=[
        *("throttling", "throttling-with-another-code", "bare-throttling", "error", "error-in-full"),
        *("server-error", "server-error-with-body", "html", "redirect"),
    ],
)
def test_a_fault_replaces_the_services_response(
    endpoint: LocalCodePipeline, connection: Connection, fault: Fault, expected: Response
) -> None:
    status_code, headers, body = expected
    endpoint.inject(fault)
    kept = connection.sock
    response, received = connection.get()
    assert (response.status, {name: response.getheader(name) for name in headers}, received) == expected
    assert response.getheader("Date") == DATE
    assert connection.get_status() == 200
    assert connection.sock is kept
    code = json.loads(body)["__type"] if body.startswith(b"{") else None
    assert [(request.status_code, request.error_code, request.fault) for request in endpoint.requests] == [
        (status_code, code, fault),
        (200, None, None),
    ]


def test_a_fault_of_a_wrong_request_uses_no_response_up(endpoint: LocalCodePipeline, connection: Connection) -> None:
    endpoint.put_response(status_code=299)
    endpoint.inject(faults.ServerError())
    assert connection.send_request(Request("GET", "/nothing", {}, b""))[0].status == 503
    assert connection.get_status() == 299


# The service's response with something wrong in it


def test_the_response_is_about_another_execution(endpoint: LocalCodePipeline, connection: Connection) -> None:
    endpoint.inject(faults.WrongExecution(pipeline_execution_id="other"))
    wrong, right = (json.loads(connection.get()[1])["pipelineExecution"] for _ in range(2))
    assert wrong == {**right, "pipelineExecutionId": "other"}


def test_a_response_without_an_execution_stays_as_it_is(endpoint: LocalCodePipeline, connection: Connection) -> None:
    endpoint.inject(faults.WrongExecution())
    endpoint.inject(faults.UnsolicitedAnswer())
    endpoint.put_response(body=b'{"pipelineExecution":7}')
    endpoint.put_response(body=b"text")
    assert [connection.get()[1] for _ in range(2)] == [b'{"pipelineExecution":7}', b"text"]


def test_a_second_response_follows_the_first(endpoint: LocalCodePipeline, connection: Connection) -> None:
    """In one piece with it, framed correctly, on a connection that stays open."""
    endpoint.inject(faults.UnsolicitedAnswer(status="Failed"))
    connection.sock.sendall(REQUEST_BYTES)
    received = connection.sock.recv(1 << 16)
    connection.sock.sendall(REQUEST_BYTES)
    assert connection.sock.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")
    statuses: list[object] = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        (length,) = re.findall(rb"Content-Length: (\d+)", head)
        statuses.append(status_in(rest[: int(length)]))
        received = rest[int(length) :]
    assert statuses == ["Succeeded", "Failed"]


def test_the_response_has_very_many_headers(endpoint: LocalCodePipeline, connection: Connection) -> None:
    endpoint.inject(faults.OversizeHeaders(size=50_000))
    response, body = connection.get()
    assert 50_000 <= sum(len(value) for name, value in response.getheaders() if name.startswith("X-Padding-")) < 52_000
    assert status_in(body) == "Succeeded"


@pytest.mark.parametrize(("size", "on_the_wire"), [(50_000_000, 50_000), (2000, 1000)])
def test_a_small_gzip_decompresses_to_a_large_body(
    endpoint: LocalCodePipeline, connection: Connection, size: int, on_the_wire: int
) -> None:
    endpoint.inject(faults.GzipBomb(decoded_size=size))
    response, body = connection.get()
    assert response.getheader("Content-Encoding") == "gzip"
    assert len(body) < on_the_wire
    decoded = gzip.decompress(body)
    assert (len(decoded), status_in(decoded)) == (size, "Succeeded")


@pytest.mark.parametrize("size", [1, 100_000])
def test_the_body_is_oversize(endpoint: LocalCodePipeline, connection: Connection, size: int) -> None:
    endpoint.inject(faults.OversizeBody(size=size))
    response, body = connection.get()
    assert status_in(body) == "Succeeded"
    assert response.getheader("Content-Length") == str(len(body))
    assert len(body) == max(size, len(connection.get()[1]))


def test_the_body_is_endless(endpoint: LocalCodePipeline) -> None:
    endpoint.inject(faults.EndlessBody())
    with (
        httpx.Client() as client,
        client.stream("POST", endpoint.endpoint_url, content=BODY, headers=REQUEST.headers) as response,
    ):
        pieces = islice(response.iter_bytes(1 << 20), 20)
        assert status_in(next(pieces)) == "Succeeded"
        assert [len(piece.strip()) for piece in pieces] == [0] * 19


@pytest.mark.parametrize(
    ("skew", "code", "words", "date"),
    [
        (3600, "InvalidSignatureException", "Signature expired", "Wed, 18 Nov 2026 12:06:40 GMT"),
        (-3600, "RequestTimeTooSkewed", "Signature not yet current", "Wed, 18 Nov 2026 10:06:40 GMT"),
    ],
    ids=["ahead", "behind"],
)
def test_the_clock_is_wrong_until_the_client_corrects_itself(
    endpoint: LocalCodePipeline, connection: Connection, skew: float, code: str, words: str, date: str
) -> None:
    """A signature is checked by the time in the Date header."""
    endpoint.inject(faults.ClockSkew(seconds=skew, error_code=code), times=None)
    response, body = connection.get()
    assert (response.status, json.loads(body)["__type"], response.getheader("Date")) == (403, code, date)
    assert words in body.decode()
    assert connection.get(now=NOW + skew)[0].status == 200
    endpoint.clear_faults()
    endpoint.inject(faults.ClockSkew(seconds=-299))
    assert connection.get_status() == 200
    assert connection.get()[0].getheader("Date") == DATE
    assert [request.error_code for request in endpoint.requests] == [code, None, None, None]


# The service's response, delivered late, slowly, in part or not at all


@pytest.mark.parametrize(
    ("fault", "received", "ending"),
    [
        pytest.param(faults.CloseBeforeAnswer(), r"", "FIN", id="close-before"),
        pytest.param(faults.ResetBeforeAnswer(), r"", "RST", id="reset-before"),
        pytest.param(faults.TruncatedHeaders(), r"HTTP/1\.1 200 OK\r\n(?!.*\r\n\r\n).+", "FIN", id="truncated-headers"),
        pytest.param(faults.ResetInHeaders(), r"HTTP/1\.1 200 OK\r\n(?!.*\r\n\r\n).+", "RST", id="reset-in-headers"),
        pytest.param(faults.TruncatedBody(), r"HTTP/1\.1 200 OK\r\n.*\r\n\r\n\{.*[^}]", "FIN", id="truncated-body"),
        pytest.param(faults.ResetInBody(), r"HTTP/1\.1 200 OK\r\n.*\r\n\r\n\{.*[^}]", "RST", id="reset-in-body"),
        pytest.param(faults.TruncatedChunk(), r"HTTP.*: chunked.*\r\n\r\n[0-9a-f]+\r\n\{.*[^}]", "FIN", id="chunk"),
        pytest.param(faults.GarbageStatusLine(), r"\x15\x03\x01\x00\x02\x02F\r\n.*\}", "FIN", id="garbage"),
        pytest.param(faults.CloseAfterAnswer(), r"HTTP/1\.1 200 OK\r\n.*\}", "FIN", id="close-after"),
    ],
)
def test_a_connection_ends_as_the_fault_says(
    endpoint: LocalCodePipeline, fault: Fault, received: str, ending: Ending
) -> None:
    """No header announces it, and the next connection works."""
    endpoint.inject(fault)
    with connected(endpoint) as connection:
        connection.sock.sendall(REQUEST_BYTES)
        content, ended = connection.read_to_end()
    assert re.fullmatch(received, content.decode("latin-1"), re.DOTALL)
    assert ended == ending
    assert b"Connection:" not in content
    with connected(endpoint) as connection:
        assert connection.get_status() == 200


@pytest.mark.parametrize(
    "fault",
    [faults.Delay(seconds=0.1), faults.SlowHeaders(seconds_per_byte=0.0005), faults.SlowBody(seconds_per_byte=0.0002)],
    ids=lambda fault: type(fault).__name__,
)
def test_a_slow_response_is_complete_and_the_connection_stays_open(
    endpoint: LocalCodePipeline, connection: Connection, fault: Fault
) -> None:
    endpoint.inject(fault)
    kept, started = connection.sock, time.perf_counter()
    assert status_in(connection.get()[1]) == "Succeeded"
    assert time.perf_counter() - started >= 0.05
    assert connection.get_status() == 200
    assert connection.sock is kept


def test_a_request_during_a_delay_ends_the_connection(endpoint: LocalCodePipeline, connection: Connection) -> None:
    """After that response, so that the client sends it again."""

    def rule(request: IncomingRequest) -> Fault:
        connection.sock.sendall(REQUEST_BYTES)
        return faults.Delay(seconds=0.1)

    endpoint.inject_by(rule)
    _, body, ending = connection.exchange()
    assert (status_in(body), ending) == ("Succeeded", "FIN")


# Which request gets a fault


def test_a_rule_sees_the_request_and_chooses_its_fault(endpoint: LocalCodePipeline) -> None:
    seen: list[IncomingRequest] = []

    def rule(request: IncomingRequest) -> Fault | None:
        seen.append(request)
        return faults.ServerError() if request.number % 2 else None

    endpoint.inject_by(rule)
    with connected(endpoint) as first, connected(endpoint) as second:
        assert [connection.get_status() for connection in (first, second, second)] == [503, 200, 503]
    assert [(request.number, request.connection_number) for request in seen] == [(1, 1), (2, 2), (3, 2)]
    for request, received in zip(seen, endpoint.requests, strict=True):
        assert attrs.asdict(received) == attrs.asdict(received) | attrs.asdict(request)


def test_injected_faults_come_before_rules(endpoint: LocalCodePipeline, connection: Connection) -> None:
    numbers: list[int] = []

    def first(request: IncomingRequest) -> Fault | None:
        numbers.append(request.number)
        return faults.ServerError(status_code=501) if request.number == 4 else None

    endpoint.inject_by(first)
    endpoint.inject(faults.ServerError(status_code=502), times=None)
    endpoint.inject(faults.ServerError(status_code=503), times=2)
    endpoint.inject(faults.ServerError(status_code=504))
    assert [connection.get_status() for _ in range(5)] == [503, 503, 504, 501, 502]
    assert numbers == [4, 5]


def test_a_rule_is_called_by_one_thread_at_a_time(endpoint: LocalCodePipeline) -> None:
    """In the order of the numbers, so it needs no lock of its own."""
    numbers: list[int] = []

    def rule(request: IncomingRequest) -> None:
        time.sleep(0)  # lets another thread in, if it can
        numbers.append(request.number)

    def get_often(_: int) -> None:
        with connected(endpoint) as connection:
            for _ in range(20):
                connection.get()

    endpoint.inject_by(rule)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(get_often, range(4)))
    assert numbers == list(range(1, 81))


def test_a_rule_may_use_the_endpoint(endpoint: LocalCodePipeline) -> None:
    def rule(request: IncomingRequest) -> Fault:
        endpoint.clear_faults()
        endpoint.inject(faults.ServerError())
        endpoint.refuse_connections()
        endpoint.accept_connections()
        return faults.ServerError(status_code=500 + len(endpoint.requests) + endpoint.open_connections)

    endpoint.inject_by(rule)
    with connected(endpoint) as connection:
        assert [connection.get_status() for _ in range(3)] == [501, 503, 200]


def test_a_seed_makes_chance_repeatable() -> None:
    mixed = (faults.Hang(), faults.Throttling())

    def run(seed: int) -> list[Fault | None]:
        rule = faults.at_random(*mixed, probability=0.1, random=Random(seed))
        return [rule(None) for _ in range(10_000)]

    assert run(1) == run(1) != run(2)
    assert {run(1).count(fault) // 100 for fault in mixed} <= {4, 5}
    assert faults.at_random(*mixed, probability=0, random=Random(1))(None) is None
    assert faults.at_random(mixed[0], probability=1, random=Random(1))(None) == mixed[0]


def test_clear_faults_leaves_the_responses(endpoint: LocalCodePipeline) -> None:
    endpoint.inject(faults.Hang())
    endpoint.inject_by(lambda _: faults.Hang())
    endpoint.refuse_connections()
    endpoint.put_response(status_code=299)
    endpoint.clear_faults()
    with connected(endpoint) as connection:
        assert [connection.get_status() for _ in range(2)] == [299, 200]


def test_clear_forgets_all_but_the_connections(endpoint: LocalCodePipeline, connection: Connection) -> None:
    connection.get()
    endpoint.inject(faults.Hang())
    endpoint.inject(faults.Hang(), times=None)
    endpoint.put_response(status_code=299)
    endpoint.script_starts(["Failed"], pipeline_name="web")
    endpoint.clear()
    assert list(endpoint.requests) == []
    assert json.loads(connection.get()[1])["__type"] == "PipelineNotFoundException"
    endpoint.put_execution(EXECUTION)
    assert connection.get_status() == 200
    assert [request.number for request in endpoint.requests] == [1, 2]
    assert endpoint.accepted_connections == 1


def test_only_a_fault_can_be_injected_and_not_less_than_once(endpoint: LocalCodePipeline) -> None:
    with pytest.raises(ValueError, match="times must be 1 or more, or None for every request, not 0"):
        endpoint.inject(faults.Hang(), times=0)
    for fault in (faults.Hang, None, "a word"):
        with pytest.raises(TypeError, match=r"is not a fault: give a value such as faults.Delay\(seconds=1\)"):
            endpoint.inject(fault)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the mistake


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_rule_that_fails_is_seen(endpoint: LocalCodePipeline) -> None:
    """pytest reports the failure of a thread; the client sees the end of its connection."""

    def rule(request: IncomingRequest) -> Fault:
        raise LookupError(request.number)

    endpoint.inject_by(rule)
    with connected(endpoint) as connection:
        assert connection.exchange() == (b"", b"", "FIN")
    endpoint.clear_faults()
    with connected(endpoint) as connection:
        assert connection.get_status() == 200


# Connections


def test_connections_are_counted(endpoint: LocalCodePipeline) -> None:
    """Open ones until either side closes, accepted ones for ever; at once, with nothing to wait for."""
    assert (endpoint.open_connections, endpoint.accepted_connections) == (0, 0)
    with connected(endpoint) as first:
        first.get()
        with connected(endpoint) as second:
            second.get()
            assert (endpoint.open_connections, endpoint.accepted_connections) == (2, 2)
        first.get()
        assert (endpoint.open_connections, endpoint.accepted_connections) == (1, 2)
    assert (endpoint.open_connections, endpoint.accepted_connections) == (0, 2)


def test_a_connection_that_was_reset_is_not_open(endpoint: LocalCodePipeline) -> None:
    """Also while the thread that serves it has not noticed; and to close it is no error."""
    called, noticed = threading.Event(), threading.Event()

    def rule(request: IncomingRequest) -> None:
        called.set()
        noticed.wait(10)

    endpoint.inject_by(rule)
    with connected(endpoint) as connection:
        connection.sock.sendall(REQUEST_BYTES)
        assert called.wait(10)
        assert endpoint.open_connections == 1
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        assert endpoint.open_connections == 0
        endpoint.close_connections()
        noticed.set()


def test_an_idle_connection_is_closed_on_demand(endpoint: LocalCodePipeline) -> None:
    """Before the call returns; new ones are accepted."""
    with connected(endpoint) as connection:
        connection.get()
        endpoint.close_connections()
        assert endpoint.open_connections == 0
        connection.sock.setblocking(False)
        assert connection.sock.recv(1) == b""
    with connected(endpoint) as connection:
        assert connection.get_status() == 200


@pytest.mark.parametrize("end", ["hang-up", "hang-up-after-more", "close", "stop"])
@pytest.mark.parametrize(
    "fault",
    [
        faults.Delay(seconds=1e6),
        faults.Hang(),
        faults.SlowHeaders(seconds_per_byte=100),
        faults.SlowBody(seconds_per_byte=100),
        faults.EndlessBody(),
        faults.OversizeBody(size=10**12),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fault_ends_at_once_with_its_connection(fault: Fault, end: str) -> None:
    """Whichever side closes it, and whether or not the client reads. No thread and no socket is left."""
    before = Resources()
    with LocalCodePipeline(now=lambda: NOW) as endpoint:
        endpoint.put_execution(EXECUTION)
        endpoint.inject(fault)
        with connected(endpoint) as connection:
            connection.sock.sendall(REQUEST_BYTES)
            await_requests(endpoint, 1)
            (thread,) = before.connection_threads()
            if end == "hang-up-after-more":
                connection.sock.sendall(b"POST / HTTP/1.1\r\n")
            elif end == "close":
                endpoint.close_connections()
            elif end == "stop":
                endpoint.__exit__(None)
        thread.join(10)
        assert not thread.is_alive()
    before.assert_nothing_new()


def test_connections_are_refused_for_a_while(endpoint: LocalCodePipeline) -> None:
    """By the system, on the same port; open ones stay open. To repeat a call makes no difference."""
    address = urlsplit(endpoint.endpoint_url)
    with connected(endpoint) as kept:
        kept.get()
        for _ in range(2):
            endpoint.refuse_connections()
            endpoint.refuse_connections()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address.hostname, address.port))
            assert kept.get_status() == 200
            assert f":{address.port} " in repr(endpoint)
            endpoint.accept_connections()
            endpoint.accept_connections()
            with connected(endpoint) as connection:
                assert connection.get_status() == 200
    assert endpoint.accepted_connections == 3


# Nothing is left behind


def test_a_rule_may_use_the_endpoint_while_it_stops() -> None:
    before = Resources()
    endpoint = LocalCodePipeline(now=lambda: NOW)
    called, stopping = threading.Event(), threading.Event()

    def rule(request: IncomingRequest) -> None:
        called.set()
        stopping.wait(10)
        endpoint.clear_faults()

    endpoint.inject_by(rule)
    with endpoint, connected(endpoint) as connection:
        connection.sock.sendall(REQUEST_BYTES)
        assert called.wait(10)
        threading.Timer(0.05, stopping.set).start()
        endpoint.__exit__(None)
    assert before.connection_threads() == []


def test_no_fault_leaves_anything_behind() -> None:
    before = Resources()
    with httpx.Client() as client:
        for fault in ONE_OF_EACH:
            with LocalCodePipeline(now=lambda: NOW) as endpoint:
                endpoint.put_execution(EXECUTION)
                endpoint.inject(fault)
                request = client.build_request(
                    "POST", endpoint.endpoint_url, content=BODY, headers=REQUEST.headers, timeout=0.1
                )
                with suppress(httpx.TransportError), closing(client.send(request, stream=True)) as response:
                    list(islice(response.iter_raw(), 10))
                with connected(endpoint) as connection:
                    assert connection.get_status() == 200
    before.assert_nothing_new()


T: Final = faults.Throttling()


@pytest.mark.parametrize(
    ("rate", "burst", "pauses", "expected"),
    [
        pytest.param(2, 1, [0, 0, 0.5, 0, 0.5], [None, T, None, T, None], id="one-at-a-time"),
        pytest.param(2, 3, [0, 0, 0, 0, 0.5, 0], [None, None, None, T, None, T], id="full-at-first"),
        pytest.param(2, 2, [0, 0, 100, 0, 0], [None, None, None, None, T], id="no-more-than-full"),
        pytest.param(2, 1, [0, 0.25, 0.25], [None, T, None], id="a-throttled-request-takes-nothing"),
        pytest.param(0.1, 1, [0, 9, 1], [None, T, None], id="less-than-one-a-second"),
        pytest.param(1, 1, [0, -50, 0.5, 0.5], [None, T, T, None], id="a-clock-set-back"),
    ],
)
def test_requests_above_the_rate_are_throttled(
    rate: float, burst: int, pauses: list[float], expected: list[Fault | None]
) -> None:
    """One request after each pause."""
    now = 100.0
    rule = faults.above_rate(rate, burst=burst, now=lambda: now)
    got: list[Fault | None] = []
    for pause in pauses:
        now += pause
        got.append(rule(None))
    assert got == expected
