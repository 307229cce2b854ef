"""
Each fault over real sockets, as a client sees it that shares no line with this package.
"""

from __future__ import annotations

import gc
import json
import re
import select
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from itertools import islice
from math import inf, nan
from random import Random
from typing import Final, Literal
from urllib.parse import urlsplit
from weakref import WeakSet

import httpx
import pytest

from codepipeline_client._signing import sign
from codepipeline_client.errors import ConfigurationError
from codepipeline_client.testing import IncomingRequest, LocalCodePipeline, faults, make_pipeline_execution
from codepipeline_client.testing._calls import End, Pause, Step
from codepipeline_client.testing._deliveries import delivery_of
from codepipeline_client.testing._roster import Roster
from codepipeline_client.testing.faults import Fault

NOW: Final = 1_795_000_000.0
EXECUTION: Final = make_pipeline_execution()
BODY: Final = json.dumps(
    {"pipelineName": EXECUTION.pipeline_name, "pipelineExecutionId": EXECUTION.pipeline_execution_id}
).encode()
Ending = Literal["open", "FIN", "RST"]

ONE_OF_EACH: Final = (
    faults.ClockSkew(seconds=3600),
    faults.CloseAfterAnswer(),
    faults.CloseBeforeAnswer(),
    faults.ConflictingLengths(),
    faults.Delay(seconds=0.01),
    faults.EndlessBody(),
    faults.ErrorResponse(code="AccessDeniedException"),
    faults.Fault(),
    faults.GarbageStatusLine(),
    faults.GzipBomb(decoded_size=1000),
    faults.Hang(),
    faults.HtmlBody(),
    faults.InvalidGzip(),
    faults.OversizeBody(size=100_000),
    faults.OversizeHeaders(),
    faults.Redirect(location="http://127.0.0.1:1/"),
    faults.ResetBeforeAnswer(),
    faults.ResetInBody(),
    faults.ResetInHeaders(),
    faults.ServerError(),
    faults.SlowBody(seconds_per_byte=0.001),
    faults.SlowHeaders(seconds_per_byte=0.001),
    faults.Throttling(),
    faults.TruncatedBody(),
    faults.TruncatedChunk(),
    faults.TruncatedHeaders(),
    faults.UnsolicitedAnswer(),
    faults.WrongExecution(),
)

ENDLESS: Final = (
    pytest.param(faults.Delay(seconds=1e6), id="delay"),
    pytest.param(faults.Hang(), id="hang"),
    pytest.param(faults.SlowHeaders(seconds_per_byte=100), id="slow-headers"),
    pytest.param(faults.SlowBody(seconds_per_byte=100), id="slow-body"),
    pytest.param(faults.EndlessBody(), id="endless-body"),
    pytest.param(faults.OversizeBody(size=10**12), id="oversize-body"),
)


@pytest.fixture
def endpoint() -> Iterator[LocalCodePipeline]:
    """An endpoint whose time stands still, with one execution."""
    with LocalCodePipeline(now=lambda: NOW) as running:
        running.put_execution(EXECUTION)
        yield running


@contextmanager
def connected(endpoint: LocalCodePipeline) -> Generator[HTTPConnection]:
    """A connection to the endpoint, which is closed in the end. Nothing waits longer than the test may take."""
    connection = HTTPConnection(urlsplit(endpoint.endpoint_url).netloc, timeout=10)
    connection.connect()
    try:
        yield connection
    finally:
        connection.close()


def signed_headers(endpoint: LocalCodePipeline, now: float = NOW) -> dict[str, str]:
    """Return the headers that a client of the service sends."""
    named = {
        "Host": urlsplit(endpoint.endpoint_url).netloc,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
    }
    signature = sign(
        method="POST",
        target="/",
        headers=named.items(),
        body=BODY,
        credentials=endpoint.credentials,
        region_name=endpoint.region_name,
        service_name="codepipeline",
        now=now,
    )
    return {**named, **dict(signature)}


def request_bytes(endpoint: LocalCodePipeline) -> bytes:
    """Return a whole request, as it is on the wire."""
    lines = [f"{name}: {value}\r\n" for name, value in signed_headers(endpoint).items()]
    return f"POST / HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


def ask(connection: HTTPConnection, endpoint: LocalCodePipeline, *, now: float = NOW) -> tuple[HTTPResponse, bytes]:
    """Ask for the execution, and return the answer and its body."""
    connection.request("POST", "/", BODY, signed_headers(endpoint, now))
    response = connection.getresponse()
    return response, response.read()


def post(client: httpx.Client, endpoint: LocalCodePipeline) -> httpx.Response:
    """Ask for the execution with httpx."""
    return client.post(f"{endpoint.endpoint_url}/", content=BODY, headers=signed_headers(endpoint))


def status_in(body: bytes) -> object:
    """Return the execution's status in an answer's body."""
    return json.loads(body)["pipelineExecution"]["status"]


def code_in(body: bytes) -> object:
    """Return the error code in an answer's body."""
    return json.loads(body)["__type"]


def until_the_end(connection: HTTPConnection) -> tuple[bytes, Ending]:
    """Return what comes until the other side ends the connection, and how it does."""
    received = bytearray()
    try:
        while content := connection.sock.recv(1 << 16):
            received += content
    except ConnectionResetError:
        return bytes(received), "RST"
    return bytes(received), "FIN"


def await_requests(endpoint: LocalCodePipeline, count: int) -> None:
    """Return when so many requests were received, of which the last gets its answer, or its fault, now."""
    latest = time.monotonic() + 10
    while len(endpoint.requests) < count:
        assert time.monotonic() < latest
        time.sleep(0)  # lets the other threads run


def open_sockets() -> WeakSet[socket.socket]:
    """Return the sockets that this process has open, without keeping any: an id would be given again."""
    gc.collect()
    return WeakSet(known for known in gc.get_objects() if type(known) is socket.socket and known.fileno() != -1)


class Census:
    """What there is before a test. What an earlier one left may end meanwhile, so only what is new counts behind it."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._sockets = open_sockets()

    def new_threads(self) -> set[threading.Thread]:
        """Return the threads that there were not."""
        return set(threading.enumerate()) - self._threads

    def new_sockets(self) -> set[socket.socket]:
        """Return the open sockets that there were not."""
        return set(open_sockets()) - set(self._sockets)

    def connection_threads(self) -> list[threading.Thread]:
        """Return the threads that there were not, and that serve a connection."""
        return [thread for thread in self.new_threads() if thread.name == "LocalCodePipeline connection"]


# The vocabulary


def test_each_fault_is_tested() -> None:
    """What is in the vocabulary is in the tables here."""
    assert sorted([*(type(fault).__name__ for fault in ONE_OF_EACH), "above_rate", "at_random"]) == faults.__all__


@pytest.mark.parametrize("fault", ONE_OF_EACH, ids=lambda fault: type(fault).__name__)
def test_a_fault_is_a_value(fault: Fault) -> None:
    """Equal to another of its kind, usable as a key, and named by its repr."""
    assert fault == eval(repr(fault), dict(vars(faults)))
    assert len({fault, fault}) == 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda: faults.Delay(seconds=-1), "seconds must be a number of seconds from 0", id="past"),
        pytest.param(lambda: faults.Delay(seconds=inf), "seconds must be a number of seconds from 0", id="never"),
        pytest.param(lambda: faults.SlowBody(seconds_per_byte=nan), "seconds_per_byte must be", id="nan"),
        pytest.param(lambda: faults.SlowHeaders(seconds_per_byte=-1), "seconds_per_byte must be", id="slow-headers"),
        pytest.param(lambda: faults.ClockSkew(seconds=inf), "seconds must be a number of seconds below", id="skew"),
        pytest.param(lambda: faults.Throttling(retry_after=-1), "retry_after must be", id="throttling"),
        pytest.param(lambda: faults.ErrorResponse(code="X", retry_after=-1), "retry_after must be", id="error"),
        pytest.param(lambda: faults.ErrorResponse(code="X", status_code=200), "'status_code' must be", id="no-error"),
        pytest.param(lambda: faults.ServerError(status_code=404), "'status_code' must be >= 500", id="not-the-server"),
        pytest.param(lambda: faults.HtmlBody(status_code=100), "'status_code' must be >= 200", id="no-answer"),
        pytest.param(lambda: faults.Redirect(location="/", status_code=304), "'status_code' must be in", id="304"),
        pytest.param(lambda: faults.Redirect(location="/\r\nX: y"), "'location' must match", id="split"),
        pytest.param(lambda: faults.OversizeBody(size=0), "'size' must be >= 1", id="no-size"),
        pytest.param(lambda: faults.OversizeHeaders(size=0), "'size' must be >= 1", id="no-headers"),
        pytest.param(lambda: faults.GzipBomb(decoded_size=0), "'decoded_size' must be >= 1", id="no-bomb"),
        pytest.param(lambda: faults.at_random(probability=0.5, random=Random()), "a fault or more", id="of-none"),
        pytest.param(
            lambda: faults.at_random(faults.Hang(), probability=1.1, random=Random()), "from 0 to 1", id="too-often"
        ),
    ],
)
def test_a_fault_that_cannot_be_is_refused_where_it_is_made(make: Callable[[], object], words: str) -> None:
    """The error is in the test, not in a thread that it does not see."""
    with pytest.raises(ValueError, match=words):
        make()


# Another answer in the place of the service's


@pytest.mark.parametrize(
    ("fault", "status_code", "headers", "body"),
    [
        pytest.param(
            faults.Throttling(),
            400,
            {"x-amz-retry-after": None, "Content-Type": "application/x-amz-json-1.1"},
            b'{"__type":"ThrottlingException","message":"Rate exceeded"}',
            id="throttling",
        ),
        pytest.param(
            faults.Throttling(code="TooManyRequestsException", message="", retry_after=1.5),
            429,
            {"x-amz-retry-after": "1500"},
            b'{"__type":"TooManyRequestsException","message":""}',
            id="throttling-of-another-code",
        ),
        pytest.param(
            faults.Throttling(code=None, retry_after=0), 429, {"x-amz-retry-after": "0"}, b"", id="bare-throttling"
        ),
        pytest.param(
            faults.ErrorResponse(code="ServiceUnavailable"),
            503,
            {},
            b'{"__type":"ServiceUnavailable","message":""}',
            id="error",
        ),
        pytest.param(
            faults.ErrorResponse(code="Odd", message="words", status_code=499, retry_after=2),
            499,
            {"x-amz-retry-after": "2000"},
            b'{"__type":"Odd","message":"words"}',
            id="error-in-full",
        ),
        pytest.param(faults.ServerError(), 503, {"Content-Type": None}, b"", id="server-error"),
        pytest.param(
            faults.ServerError(status_code=502, body="bad gâteway"),
            502,
            {"Content-Type": "text/plain; charset=utf-8"},
            "bad gâteway".encode(),
            id="server-error-with-body",
        ),
        pytest.param(
            faults.HtmlBody(status_code=413, body="<html>"),
            413,
            {"Content-Type": "text/html; charset=utf-8"},
            b"<html>",
            id="html",
        ),
        pytest.param(
            faults.Redirect(location="http://127.0.0.1:9/", status_code=301),
            301,
            {"Location": "http://127.0.0.1:9/"},
            b"",
            id="redirect",
        ),
    ],
)
def test_an_answer_comes_in_the_place_of_the_services(
    endpoint: LocalCodePipeline, fault: Fault, status_code: int, headers: dict[str, str | None], body: bytes
) -> None:
    """It is whole and the connection goes on, so that nothing but the answer is wrong."""
    endpoint.inject(fault)
    with connected(endpoint) as connection:
        kept = connection.sock
        response, received = ask(connection, endpoint)
        assert (response.status, received) == (status_code, body)
        assert {name: response.getheader(name) for name in headers} == headers
        assert response.getheader("Date") == "Wed, 18 Nov 2026 11:06:40 GMT"
        assert status_in(ask(connection, endpoint)[1]) == "Succeeded"
        assert connection.sock is kept
    assert [(request.status_code, request.fault) for request in endpoint.requests] == [
        (status_code, fault),
        (200, None),
    ]


def test_an_error_code_is_recorded(endpoint: LocalCodePipeline) -> None:
    """For a fault in the form of the service, and not for what others on the way say."""
    endpoint.inject(faults.Throttling())
    endpoint.inject(faults.ErrorResponse(code="Odd"))
    endpoint.inject(faults.HtmlBody())
    with connected(endpoint) as connection:
        for _ in range(3):
            ask(connection, endpoint)
    assert [request.error_code for request in endpoint.requests] == ["ThrottlingException", "Odd", None]


def test_a_fault_comes_before_the_service(endpoint: LocalCodePipeline) -> None:
    """It happens to a request that is wrong, too, and uses no answer up that was put there."""
    endpoint.put_response(status_code=299)
    endpoint.inject(faults.ServerError())
    with connected(endpoint) as connection:
        connection.request("GET", "/nothing")
        response = connection.getresponse()
        response.read()
        assert response.status == 503
        assert ask(connection, endpoint)[0].status == 299


# The service's answer with something wrong in it


def test_the_answer_is_about_another_execution(endpoint: LocalCodePipeline) -> None:
    """All else in it is right."""
    endpoint.inject(faults.WrongExecution(pipeline_execution_id="other"))
    with connected(endpoint) as connection:
        wrong, right = (json.loads(ask(connection, endpoint)[1])["pipelineExecution"] for _ in range(2))
    assert wrong == {**right, "pipelineExecutionId": "other"}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"pipelineExecution":7}', b'{"__type":"ServiceUnavailable"}'])
def test_what_is_no_execution_stays_as_it_is(endpoint: LocalCodePipeline, body: bytes) -> None:
    """Nothing but an answer of the operation can be about another execution."""
    endpoint.put_response(body=body)
    endpoint.inject(faults.WrongExecution())
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[1] == body


def test_a_second_answer_follows_that_nobody_asked_for(endpoint: LocalCodePipeline) -> None:
    """It is whole, about the same execution, and comes together with the first."""
    endpoint.inject(faults.UnsolicitedAnswer(status="Failed"))
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received, ending = until_the_end(connection)
    assert ending == "FIN"
    answers = [b"HTTP/1.1 200 OK" + part for part in received.split(b"HTTP/1.1 200 OK")[1:]]
    statuses: list[object] = []
    for head, _, body in (answer.partition(b"\r\n\r\n") for answer in answers):
        assert f"Content-Length: {len(body)}".encode() in head
        statuses.append(status_in(body))
    assert statuses == ["Succeeded", "Failed"]


def test_the_connection_stays_open_behind_a_second_answer(endpoint: LocalCodePipeline) -> None:
    """So that a client which takes it again finds the answer there."""
    endpoint.inject(faults.UnsolicitedAnswer())
    with connected(endpoint) as connection:
        assert status_in(ask(connection, endpoint)[1]) == "Succeeded"
        assert endpoint.open_connections == 1


def test_the_headers_are_very_many(endpoint: LocalCodePipeline) -> None:
    """Each of them is in order, and the answer as well."""
    endpoint.inject(faults.OversizeHeaders(size=50_000))
    with connected(endpoint) as connection:
        response, body = ask(connection, endpoint)
    assert 50_000 <= sum(len(value) for name, value in response.getheaders() if name.startswith("X-Padding-")) < 52_000
    assert status_in(body) == "Succeeded"


def test_the_lengths_conflict(endpoint: LocalCodePipeline) -> None:
    """Which is right cannot be told from the bytes: the connection is closed behind the body."""
    endpoint.inject(faults.ConflictingLengths())
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint))
        received, ending = until_the_end(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [int(length) for length in re.findall(rb"Content-Length: (\d+)", head)]
    assert lengths == [len(body), len(body) + 10]
    assert (b"Connection: close" in head, ending) == (False, "FIN")


def test_the_gzip_is_none(endpoint: LocalCodePipeline) -> None:
    """The body is as ever, so only the header is wrong."""
    endpoint.inject(faults.InvalidGzip())
    with connected(endpoint) as connection:
        response, body = ask(connection, endpoint)
    assert (response.getheader("Content-Encoding"), status_in(body)) == ("gzip", "Succeeded")


@pytest.mark.parametrize(
    ("size", "on_the_wire"), [pytest.param(50_000_000, 50_000, id="default"), pytest.param(2000, 1000, id="small")]
)
def test_a_little_gzip_becomes_very_much(endpoint: LocalCodePipeline, size: int, on_the_wire: int) -> None:
    """It is a valid answer, if one has the room."""
    endpoint.inject(faults.GzipBomb(decoded_size=size))
    with connected(endpoint) as connection:
        response, body = ask(connection, endpoint)
    assert response.getheader("Content-Encoding") == "gzip"
    assert len(body) < on_the_wire
    decompressor = zlib.decompressobj(31)
    first = decompressor.decompress(body, 2000)
    decoded = len(first)
    while not decompressor.eof:
        decoded += len(decompressor.decompress(decompressor.unconsumed_tail, 1 << 20))
    assert (decoded, status_in(first)) == (size, "Succeeded")


@pytest.mark.parametrize("size", [1, 100_000])
def test_the_body_is_oversize(endpoint: LocalCodePipeline, size: int) -> None:
    """It is a valid answer with spaces behind it, and never less than the answer."""
    endpoint.inject(faults.OversizeBody(size=size))
    with connected(endpoint) as connection:
        response, body = ask(connection, endpoint)
        assert status_in(body) == "Succeeded"
        assert response.getheader("Content-Length") == str(len(body))
        assert len(body) == max(size, len(ask(connection, endpoint)[1]))


def test_the_body_is_endless(endpoint: LocalCodePipeline) -> None:
    """A valid answer comes first, then spaces for as long as one reads."""
    endpoint.inject(faults.EndlessBody())
    with (
        httpx.Client() as client,
        client.stream("POST", endpoint.endpoint_url, content=BODY, headers=signed_headers(endpoint)) as response,
    ):
        pieces = islice(response.iter_bytes(1 << 20), 20)
        assert status_in(next(pieces)) == "Succeeded"
        assert [len(piece.strip()) for piece in pieces] == [0] * 19


@pytest.mark.parametrize(
    ("skew", "words", "date"),
    [
        pytest.param(3600, "Signature expired", "Wed, 18 Nov 2026 12:06:40 GMT", id="ahead"),
        pytest.param(-3600, "Signature not yet current", "Wed, 18 Nov 2026 10:06:40 GMT", id="behind"),
    ],
)
def test_the_clock_is_wrong_until_the_client_corrects_itself(
    endpoint: LocalCodePipeline, skew: float, words: str, date: str
) -> None:
    """The signature is judged by the time in the Date header, so what is signed by that is right."""
    endpoint.inject(faults.ClockSkew(seconds=skew), times=None)
    with connected(endpoint) as connection:
        response, body = ask(connection, endpoint)
        assert (response.status, code_in(body), response.getheader("Date")) == (403, "InvalidSignatureException", date)
        assert words in body.decode()
        assert ask(connection, endpoint, now=NOW + skew)[0].status == 200
        endpoint.clear_faults()
        assert ask(connection, endpoint)[0].getheader("Date") == "Wed, 18 Nov 2026 11:06:40 GMT"


def test_the_clock_is_wrong_in_the_words_of_another_service(endpoint: LocalCodePipeline) -> None:
    """The code is for the time only; a signature that is wrong otherwise has its own."""
    endpoint.inject(faults.ClockSkew(seconds=3600, error_code="RequestTimeTooSkewed"))
    endpoint.inject(faults.ClockSkew(seconds=-299, error_code="RequestTimeTooSkewed"))
    with connected(endpoint) as connection:
        assert code_in(ask(connection, endpoint)[1]) == "RequestTimeTooSkewed"
        assert ask(connection, endpoint)[0].status == 200
    assert [request.error_code for request in endpoint.requests] == ["RequestTimeTooSkewed", None]


# The service's answer, badly delivered

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(
    ("fault", "steps"),
    [
        pytest.param(faults.Delay(seconds=2), [Pause(2), HEAD + b"body"], id="delay"),
        pytest.param(faults.Hang(), [Pause(inf)], id="hang"),
        pytest.param(
            faults.SlowHeaders(seconds_per_byte=3),
            [*(step for byte in HEAD for step in (Pause(3), bytes([byte]))), b"body"],
            id="slow-headers",
        ),
        pytest.param(
            faults.SlowBody(),
            [HEAD, Pause(0.5), b"b", Pause(0.5), b"o", Pause(0.5), b"d", Pause(0.5), b"y"],
            id="slow-body",
        ),
        pytest.param(faults.CloseBeforeAnswer(), [b"", End.CLOSE], id="close-before-answer"),
        pytest.param(faults.CloseAfterAnswer(), [HEAD + b"body", End.CLOSE], id="close-after-answer"),
        pytest.param(faults.TruncatedChunk(), [HEAD + b"4\r\nb", End.CLOSE], id="truncated-chunk"),
        pytest.param(
            faults.GarbageStatusLine(line=b"\0"),
            [b"\0\r\nContent-Length: 4\r\n\r\nbody", End.CLOSE],
            id="garbage-status-line",
        ),
        pytest.param(faults.Throttling(), [HEAD + b"body"], id="as-it-should-be"),
    ],
)
def test_an_answer_is_sent_in_steps(fault: Fault, steps: Sequence[Step]) -> None:
    """What is sent, when, and how it ends; no time passes here."""
    delivery = delivery_of(fault)
    assert delivery
    assert list(delivery(HEAD, b"body")) == steps


@pytest.mark.parametrize(
    ("fault", "received", "ending"),
    [
        pytest.param(faults.CloseBeforeAnswer(), r"", "FIN", id="close-before-answer"),
        pytest.param(faults.ResetBeforeAnswer(), r"", "RST", id="reset-before-answer"),
        pytest.param(faults.TruncatedHeaders(), r"HTTP/1\.1 200 OK\r\n(?!.*\r\n\r\n).+", "FIN", id="truncated-headers"),
        pytest.param(faults.ResetInHeaders(), r"HTTP/1\.1 200 OK\r\n(?!.*\r\n\r\n).+", "RST", id="reset-in-headers"),
        pytest.param(faults.TruncatedBody(), r"HTTP/1\.1 200 OK\r\n.*\r\n\r\n\{.*[^}]", "FIN", id="truncated-body"),
        pytest.param(faults.ResetInBody(), r"HTTP/1\.1 200 OK\r\n.*\r\n\r\n\{.*[^}]", "RST", id="reset-in-body"),
        pytest.param(
            faults.TruncatedChunk(),
            r"HTTP/1\.1 200 OK\r\n.*Transfer-Encoding: chunked.*\r\n\r\n[0-9a-f]+\r\n\{.*[^}]",
            "FIN",
            id="truncated-chunk",
        ),
        pytest.param(faults.GarbageStatusLine(), r"\x15\x03\x01\x00\x02\x02F\r\n.*\}", "FIN", id="garbage"),
        pytest.param(faults.CloseAfterAnswer(), r"HTTP/1\.1 200 OK\r\n.*\}", "FIN", id="close-after-answer"),
    ],
)
def test_a_connection_ends_as_the_fault_says(
    endpoint: LocalCodePipeline, fault: Fault, received: str, ending: Ending
) -> None:
    """Without a word about it in the headers; and another connection is served as ever."""
    endpoint.inject(fault)
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint))
        content, ended = until_the_end(connection)
    assert re.fullmatch(received, content.decode("latin-1"), re.DOTALL)
    assert ended == ending
    assert b"Connection:" not in content
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(faults.CloseBeforeAnswer(), httpx.RemoteProtocolError, id="close-before-answer"),
        pytest.param(faults.ResetBeforeAnswer(), httpx.ReadError, id="reset-before-answer"),
        pytest.param(faults.ResetInHeaders(), httpx.ReadError, id="reset-in-headers"),
        pytest.param(faults.ResetInBody(), httpx.ReadError, id="reset-in-body"),
        pytest.param(faults.TruncatedHeaders(), httpx.RemoteProtocolError, id="truncated-headers"),
        pytest.param(faults.TruncatedBody(), httpx.RemoteProtocolError, id="truncated-body"),
        pytest.param(faults.TruncatedChunk(), httpx.RemoteProtocolError, id="truncated-chunk"),
        pytest.param(faults.GarbageStatusLine(), httpx.RemoteProtocolError, id="garbage-status-line"),
        pytest.param(faults.OversizeHeaders(), httpx.RemoteProtocolError, id="oversize-headers"),
        pytest.param(faults.ConflictingLengths(), httpx.RemoteProtocolError, id="conflicting-lengths"),
        pytest.param(faults.InvalidGzip(), httpx.DecodingError, id="invalid-gzip"),
        pytest.param(faults.Delay(seconds=100), httpx.ReadTimeout, id="delay"),
        pytest.param(faults.Hang(), httpx.ReadTimeout, id="hang"),
        pytest.param(faults.SlowHeaders(seconds_per_byte=100), httpx.ReadTimeout, id="slow-headers"),
        pytest.param(faults.SlowBody(seconds_per_byte=100), httpx.ReadTimeout, id="slow-body"),
    ],
)
def test_a_client_fails_as_it_does_with_a_real_network(
    endpoint: LocalCodePipeline, fault: Fault, error: type[Exception]
) -> None:
    """Once; its next request is served."""
    endpoint.inject(fault)
    with httpx.Client() as client:
        client.timeout = httpx.Timeout(0.2)
        with pytest.raises(error):
            post(client, endpoint)
        client.timeout = httpx.Timeout(10)
        assert post(client, endpoint).status_code == 200
    assert [request.fault for request in endpoint.requests] == [fault, None]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(faults.Delay(seconds=0.1), id="delay"),
        pytest.param(faults.SlowHeaders(seconds_per_byte=0.001), id="slow-headers"),
        pytest.param(faults.SlowBody(seconds_per_byte=0.0005), id="slow-body"),
    ],
)
def test_a_slow_answer_is_right_and_the_connection_goes_on(endpoint: LocalCodePipeline, fault: Fault) -> None:
    """It takes the time that it says at least."""
    endpoint.inject(fault)
    with connected(endpoint) as connection:
        kept, started = connection.sock, time.perf_counter()
        assert status_in(ask(connection, endpoint)[1]) == "Succeeded"
        assert time.perf_counter() - started >= 0.09
        assert ask(connection, endpoint)[0].status == 200
        assert connection.sock is kept


def test_what_comes_in_during_a_pause_is_read_behind_it(endpoint: LocalCodePipeline) -> None:
    """A client that does not wait for answers gets them all, in order."""
    endpoint.inject(faults.Delay(seconds=0.1))
    endpoint.put_response(body=b"first")
    endpoint.put_response(body=b"second", headers={"X-Large": "x" * 5000})
    endpoint.put_response(headers={"Connection": "close"}, body=b"third")
    with connected(endpoint) as connection:
        request = request_bytes(endpoint)
        connection.sock.sendall(request)
        await_requests(endpoint, 1)
        connection.sock.sendall(request * 2)
        received, _ = until_the_end(connection)
    assert re.findall(rb"first|second|third", received) == [b"first", b"second", b"third"]


# Which request gets a fault


def test_faults_queue_up(endpoint: LocalCodePipeline) -> None:
    """Each for as many requests as it says; then the service is back."""
    endpoint.inject(faults.ServerError(), times=2)
    endpoint.inject(faults.ServerError(status_code=502))
    with connected(endpoint) as connection:
        assert [ask(connection, endpoint)[0].status for _ in range(4)] == [503, 503, 502, 200]


def test_a_rule_sees_the_request_and_says_its_fault(endpoint: LocalCodePipeline) -> None:
    """The number, the connection and what is asked for, before anything is answered."""
    seen: list[IncomingRequest] = []

    def rule(request: IncomingRequest) -> Fault | None:
        seen.append(request)
        return faults.ServerError() if request.number % 2 else None

    endpoint.inject_by(rule)
    with connected(endpoint) as first, connected(endpoint) as second:
        answers = [ask(connection, endpoint)[0].status for connection in (first, second, second)]
    assert answers == [503, 200, 503]
    assert [(request.number, request.connection_number) for request in seen] == [(1, 1), (2, 2), (3, 2)]
    assert {(request.method, request.path, request.body) for request in seen} == {("POST", "/", BODY)}
    assert seen[0].input == json.loads(BODY)
    assert seen[0].headers["x-amz-target"] == "CodePipeline_20150709.GetPipelineExecution"
    assert [(each.number, each.connection_number) for each in endpoint.requests] == [(1, 1), (2, 2), (3, 2)]


def test_the_queue_comes_before_the_rules_and_the_first_rule_before_the_next(endpoint: LocalCodePipeline) -> None:
    """A rule that has nothing to say lets the next speak."""
    asked: list[int] = []

    def first(request: IncomingRequest) -> Fault | None:
        asked.append(request.number)
        return faults.ServerError(status_code=501) if request.number == 2 else None

    endpoint.inject_by(first)
    endpoint.inject(faults.ServerError(status_code=502), times=None)
    endpoint.inject(faults.ServerError(status_code=503))
    with connected(endpoint) as connection:
        assert [ask(connection, endpoint)[0].status for _ in range(3)] == [503, 501, 502]
    assert asked == [2, 3]


def test_a_rule_is_asked_by_one_thread_at_a_time(endpoint: LocalCodePipeline) -> None:
    """In the order of the numbers, so it needs no lock of its own."""
    numbers: list[int] = []

    def rule(request: IncomingRequest) -> None:
        time.sleep(0)  # lets another thread in, if it can
        numbers.append(request.number)

    def ask_often(_: int) -> None:
        with connected(endpoint) as connection:
            for _ in range(20):
                ask(connection, endpoint)

    endpoint.inject_by(rule)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(ask_often, range(4)))
    assert numbers == list(range(1, 81))


def test_a_rule_may_use_the_endpoint(endpoint: LocalCodePipeline) -> None:
    """All of what a test may do with it, in the middle of a request."""

    def rule(request: IncomingRequest) -> Fault:
        endpoint.clear_faults()
        endpoint.inject(faults.ServerError())
        endpoint.refuse_connections()
        endpoint.accept_connections()
        return faults.ServerError(status_code=500 + len(endpoint.requests) + endpoint.open_connections)

    endpoint.inject_by(rule)
    with connected(endpoint) as connection:
        assert [ask(connection, endpoint)[0].status for _ in range(3)] == [501, 503, 200]


def test_chance_is_what_the_seed_makes_it() -> None:
    """A run can be repeated, and each fault gets its share."""
    mixed = (faults.Hang(), faults.Throttling())

    def run(seed: int) -> list[Fault | None]:
        rule = faults.at_random(*mixed, probability=0.1, random=Random(seed))
        return [rule(None) for _ in range(10_000)]

    assert run(1) == run(1) != run(2)
    assert {run(1).count(fault) // 100 for fault in mixed} <= {4, 5}
    assert faults.at_random(*mixed, probability=0, random=Random(1))(None) is None
    assert faults.at_random(mixed[0], probability=1, random=Random(1))(None) == mixed[0]


def test_clear_faults_ends_them_all(endpoint: LocalCodePipeline) -> None:
    """The queue, the rules and a refusal; the rest of what was put there stays."""
    endpoint.inject(faults.Hang())
    endpoint.inject_by(lambda _: faults.Hang())
    endpoint.refuse_connections()
    endpoint.put_response(status_code=299)
    endpoint.clear_faults()
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 299
        assert ask(connection, endpoint)[0].status == 200


def test_clear_ends_the_faults_too_and_counts_anew(endpoint: LocalCodePipeline) -> None:
    """The endpoint is as new but for its connections."""
    with connected(endpoint) as connection:
        ask(connection, endpoint)
        endpoint.inject(faults.Hang())
        endpoint.inject(faults.Hang(), times=None)
        endpoint.clear()
        endpoint.put_execution(EXECUTION)
        assert ask(connection, endpoint)[0].status == 200
    assert [request.number for request in endpoint.requests] == [1]
    assert endpoint.accepted_connections == 1


def test_faults_may_be_prepared_before_the_start() -> None:
    """And forgotten again: an endpoint that does not run has nothing that could refuse."""
    endpoint = LocalCodePipeline(now=lambda: NOW)
    endpoint.inject(faults.Hang())
    endpoint.clear_faults()
    endpoint.inject(faults.ServerError())
    assert (endpoint.open_connections, endpoint.accepted_connections) == (0, 0)
    endpoint.close_connections()
    with endpoint, connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 503


@pytest.mark.parametrize("times", [0, -1])
def test_a_fault_happens_once_at_least(endpoint: LocalCodePipeline, times: int) -> None:
    """Never is said by not injecting it."""
    with pytest.raises(ValueError, match=f"times must be 1 or more, or None for every request, not {times}"):
        endpoint.inject(faults.Hang(), times=times)


@pytest.mark.parametrize("fault", [faults.Hang, None, "a word"])
def test_what_is_no_fault_is_refused(endpoint: LocalCodePipeline, fault: Fault) -> None:
    """The class in the place of a value is easily written."""
    with pytest.raises(TypeError, match=r"is not a fault: give a value such as faults.Delay\(seconds=1\)"):
        endpoint.inject(fault)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_rule_that_fails_is_seen(endpoint: LocalCodePipeline) -> None:
    """By pytest, as the failure of a thread; the client sees the end of its connection."""

    def rule(request: IncomingRequest) -> Fault:
        raise LookupError(request.number)

    endpoint.inject_by(rule)
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint))
        assert until_the_end(connection) == (b"", "FIN")
    endpoint.clear_faults()
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 200


# Connections


def test_connections_are_counted(endpoint: LocalCodePipeline) -> None:
    """Open ones until either side closes, accepted ones for ever; at once, with nothing to wait for."""
    assert (endpoint.open_connections, endpoint.accepted_connections) == (0, 0)
    with connected(endpoint) as first:
        ask(first, endpoint)
        with connected(endpoint) as second:
            ask(second, endpoint)
            assert (endpoint.open_connections, endpoint.accepted_connections) == (2, 2)
        ask(first, endpoint)
        assert (endpoint.open_connections, endpoint.accepted_connections) == (1, 2)
    assert (endpoint.open_connections, endpoint.accepted_connections) == (0, 2)


@contextmanager
def tcp_pair() -> Generator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets that nobody serves; the first does not block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def reset(connection: socket.socket) -> None:
    """Close it with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a_connection_that_the_other_side_ended_is_not_open() -> None:
    """Also while the thread that serves it has not seen that; and to close it is no error."""
    roster = Roster()
    with tcp_pair() as (idle, sender), tcp_pair() as (closed, peer), tcp_pair() as (ended, resetter):
        assert [roster.enter(connection) for connection in (idle, closed, ended)] == [1, 2, 3]
        sender.sendall(b"request")
        assert roster.open == 3
        peer.close()
        assert roster.open == 2
        reset(resetter)
        assert roster.open == 1
        sender.close()
        assert roster.open == (0 if hasattr(select, "POLLRDHUP") else 1)
        roster.close_all()
        assert (roster.open, roster.accepted) == (0, 3)


def test_an_idle_connection_is_closed_on_demand(endpoint: LocalCodePipeline) -> None:
    """In order, and before the call returns; new ones are accepted as ever."""
    with connected(endpoint) as connection:
        ask(connection, endpoint)
        endpoint.close_connections()
        assert endpoint.open_connections == 0
        connection.sock.setblocking(False)
        assert connection.sock.recv(1) == b""
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 200


@pytest.mark.parametrize("fault", ENDLESS)
def test_a_connection_in_the_middle_of_an_answer_is_closed_on_demand(endpoint: LocalCodePipeline, fault: Fault) -> None:
    """Its thread ends at once, whatever it was doing."""
    before = Census()
    endpoint.inject(fault)
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint))
        await_requests(endpoint, 1)
        (thread,) = before.connection_threads()
        endpoint.close_connections()
        thread.join(10)
        assert not thread.is_alive()
        until_the_end(connection)


def test_connections_are_refused_for_a_while(endpoint: LocalCodePipeline) -> None:
    """By the system, on the same port; the open ones stay. Saying it twice makes no difference."""
    address = urlsplit(endpoint.endpoint_url)
    with connected(endpoint) as kept:
        ask(kept, endpoint)
        for _ in range(2):
            endpoint.refuse_connections()
            endpoint.refuse_connections()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address.hostname, address.port))
            assert ask(kept, endpoint)[0].status == 200
            assert f":{address.port} " in repr(endpoint)
            endpoint.accept_connections()
            endpoint.accept_connections()
            with connected(endpoint) as connection:
                assert ask(connection, endpoint)[0].status == 200
    assert endpoint.accepted_connections == 3


def test_only_an_endpoint_that_runs_refuses() -> None:
    """It has no port otherwise."""
    endpoint = LocalCodePipeline()
    for refused in (endpoint.refuse_connections, endpoint.accept_connections):
        with pytest.raises(ConfigurationError, match="not running: use it in a with statement"):
            refused()


# Nothing stays behind


@pytest.mark.parametrize("fault", ENDLESS)
def test_a_stop_ends_a_fault_at_once(fault: Fault) -> None:
    """In the middle of it, whether or not the client reads; no thread and no socket is left."""
    before = Census()
    endpoint = LocalCodePipeline(now=lambda: NOW)
    reading = threading.Thread()
    with endpoint:
        endpoint.put_execution(EXECUTION)
        endpoint.inject(fault, times=2)
        still = HTTPConnection(urlsplit(endpoint.endpoint_url).netloc, timeout=10)
        eager = HTTPConnection(urlsplit(endpoint.endpoint_url).netloc, timeout=10)
        for connection in (still, eager):
            connection.connect()
            connection.sock.sendall(request_bytes(endpoint))

        def read() -> None:
            until_the_end(eager)

        reading = threading.Thread(target=read)
        reading.start()
        await_requests(endpoint, 2)
        started = time.perf_counter()
    assert time.perf_counter() - started < 5
    reading.join(10)
    still.close()
    eager.close()
    assert (before.new_threads(), before.new_sockets()) == (set(), set())


@pytest.mark.parametrize("fault", ENDLESS)
def test_a_client_that_hangs_up_ends_a_fault_at_once(endpoint: LocalCodePipeline, fault: Fault) -> None:
    """Also one that had sent more; the thread is not kept, and nothing is said about it."""
    before = Census()
    endpoint.inject(fault, times=2)
    for more in (b"", b"POST / HTTP/1.1\r\n"):
        with connected(endpoint) as connection:
            connection.sock.sendall(request_bytes(endpoint) + more)
            if isinstance(fault, faults.EndlessBody | faults.OversizeBody):
                assert connection.sock.recv(100_000)
            await_requests(endpoint, 2 if more else 1)
            threads = before.connection_threads()
        for thread in threads:
            thread.join(10)
        assert before.connection_threads() == []


def test_a_stop_while_connections_are_refused_leaves_nothing_behind() -> None:
    """And the next start accepts again."""
    before = Census()
    endpoint = LocalCodePipeline(now=lambda: NOW)
    endpoint.put_execution(EXECUTION)
    with endpoint:
        endpoint.refuse_connections()
    assert (before.new_threads(), before.new_sockets()) == (set(), set())
    with endpoint, connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 200
    assert (before.new_threads(), before.new_sockets()) == (set(), set())


def test_a_stop_while_a_rule_is_asked_waits_for_nobody() -> None:
    """A rule that uses the endpoint while it stops is not waited for by one who it waits for."""
    before = Census()
    endpoint = LocalCodePipeline(now=lambda: NOW)
    asked, stopping = threading.Event(), threading.Event()

    def rule(request: IncomingRequest) -> None:
        asked.set()
        stopping.wait(10)
        endpoint.clear_faults()

    endpoint.inject_by(rule)
    with endpoint:
        connection = HTTPConnection(urlsplit(endpoint.endpoint_url).netloc, timeout=10)
        connection.connect()
        connection.sock.sendall(request_bytes(endpoint))
        assert asked.wait(10)
        threading.Timer(0.05, stopping.set).start()
    connection.close()
    assert before.connection_threads() == []


@pytest.mark.parametrize("fault", ONE_OF_EACH, ids=lambda fault: type(fault).__name__)
def test_no_fault_leaves_anything_behind(fault: Fault) -> None:
    """After each, met by a client of the world, no thread and no socket is left."""
    before = Census()
    with LocalCodePipeline(now=lambda: NOW) as endpoint, httpx.Client(timeout=0.1) as client:
        endpoint.put_execution(EXECUTION)
        endpoint.inject(fault)
        try:
            with client.stream(
                "POST", endpoint.endpoint_url, content=BODY, headers=signed_headers(endpoint)
            ) as response:
                list(islice(response.iter_raw(), 10))
        except httpx.TransportError:
            pass  # which one is said above
        with httpx.Client() as another:
            assert post(another, endpoint).status_code == 200
    assert (before.new_threads(), before.new_sockets()) == (set(), set())
