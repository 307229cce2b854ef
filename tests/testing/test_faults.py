"""
Each fault over real sockets, as a client sees it that shares no line with this package.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import islice
from math import inf, nan
from random import Random
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client.errors import ConfigurationError
from codepipeline_client.testing import FakeClock, IncomingRequest, LocalCodePipeline, faults
from codepipeline_client.testing._fault_effects import SendStep, send_steps
from codepipeline_client.testing._server import ConnectionTracker
from codepipeline_client.testing.faults import Fault
from tests.testing.endpoint_client import (
    BODY,
    EXECUTION,
    NOW,
    Census,
    Ending,
    ask,
    connected,
    read_to_end,
    request_bytes,
    signed_headers,
    status_in,
)

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


def post(client: httpx.Client, endpoint: LocalCodePipeline) -> httpx.Response:
    """Ask for the execution with httpx."""
    return client.post(f"{endpoint.endpoint_url}/", content=BODY, headers=signed_headers(endpoint))


def code_in(body: bytes) -> object:
    """Return the error code in an answer's body."""
    return json.loads(body)["__type"]


def await_requests(endpoint: LocalCodePipeline, count: int) -> None:
    """Return when so many requests were received, of which the last gets its answer, or its fault, now."""
    latest = time.monotonic() + 10
    while len(endpoint.requests) < count:
        assert time.monotonic() < latest
        time.sleep(0)  # lets the other threads run


# The vocabulary


def test_each_fault_is_tested() -> None:
    """What is in the vocabulary is in the tables here."""
    assert sorted([*(type(fault).__name__ for fault in ONE_OF_EACH), "above_rate", "at_random"]) == faults.__all__


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


def retry_after(milliseconds: str | None) -> dict[str, str | None]:
    return {"Content-Type": "application/x-amz-json-1.1", "x-amz-retry-after": milliseconds}


def text(kind: str) -> dict[str, str | None]:
    return {"Content-Type": f"text/{kind}; charset=utf-8"}


def error(code: str, message: str = "") -> bytes:
    return f'{{"__type":"{code}","message":"{message}"}}'.encode()


@pytest.mark.parametrize(
    ("fault", "status_code", "headers", "body"),
    [
        (faults.Throttling(), 400, retry_after(None), error("ThrottlingException", "Rate exceeded")),
        (
            faults.Throttling(code="TooManyRequestsException", message="", retry_after=1.5),
            429,
            retry_after("1500"),
            error("TooManyRequestsException"),
        ),
        (faults.Throttling(code=None, retry_after=0), 429, {"x-amz-retry-after": "0"}, b""),
        (faults.ErrorResponse(code="ServiceUnavailable"), 503, retry_after(None), error("ServiceUnavailable")),
        (
            faults.ErrorResponse(code="Odd", message="words", status_code=499, retry_after=2),
            499,
            retry_after("2000"),
            error("Odd", "words"),
        ),
        (faults.ServerError(), 503, {"Content-Type": None}, b""),
        (faults.ServerError(status_code=502, body="bad gâteway"), 502, text("plain"), "bad gâteway".encode()),
        (faults.HtmlBody(status_code=413, body="<html>"), 413, text("html"), b"<html>"),
        (faults.Redirect(location="http://127.0.0.1:9/"), 307, {"Location": "http://127.0.0.1:9/"}, b""),
    ],
    ids=[
        *("throttling", "throttling-with-another-code", "bare-throttling", "error", "error-in-full"),
        *("server-error", "server-error-with-body", "html", "redirect"),
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
    code = json.loads(body)["__type"] if body.startswith(b"{") else None
    assert [(request.status_code, request.error_code, request.fault) for request in endpoint.requests] == [
        (status_code, code, fault),
        (200, None, None),
    ]


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
        connection.sock.sendall(request_bytes(endpoint))
        received = connection.sock.recv(1 << 16)
        assert endpoint.open_connections == 1
    answers = [b"HTTP/1.1 200 OK" + part for part in received.split(b"HTTP/1.1 200 OK")[1:]]
    statuses: list[object] = []
    for head, _, body in (answer.partition(b"\r\n\r\n") for answer in answers):
        assert f"Content-Length: {len(body)}".encode() in head
        statuses.append(status_in(body))
    assert statuses == ["Succeeded", "Failed"]


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
        received, ending = read_to_end(connection)
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
        pytest.param(faults.Delay(seconds=2), [2, HEAD + b"body"], id="delay"),
        pytest.param(faults.Hang(), [inf], id="hang"),
        pytest.param(
            faults.SlowHeaders(seconds_per_byte=3),
            [*(step for byte in HEAD for step in (3, bytes([byte]))), b"body"],
            id="slow-headers",
        ),
        pytest.param(
            faults.SlowBody(),
            [HEAD, 0.5, b"b", 0.5, b"o", 0.5, b"d", 0.5, b"y"],
            id="slow-body",
        ),
        pytest.param(faults.Throttling(), [HEAD + b"body"], id="as-it-should-be"),
    ],
)
def test_an_answer_is_sent_in_steps(fault: Fault, steps: Sequence[SendStep]) -> None:
    """What is sent, when, and how it ends; no time passes here."""
    assert list(send_steps(fault, HEAD, b"body")) == steps


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
        content, ended = read_to_end(connection)
    assert re.fullmatch(received, content.decode("latin-1"), re.DOTALL)
    assert ended == ending
    assert b"Connection:" not in content
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 200


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
        received, _ = read_to_end(connection)
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
        endpoint.put_response(status_code=299)
        endpoint.clear()
        assert list(endpoint.requests) == []
        assert code_in(ask(connection, endpoint)[1]) == "PipelineNotFoundException"
        endpoint.put_execution(EXECUTION)
        assert ask(connection, endpoint)[0].status == 200
    assert [request.number for request in endpoint.requests] == [1, 2]
    assert endpoint.accepted_connections == 1


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
        assert read_to_end(connection) == (b"", "FIN")
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
    tracker = ConnectionTracker()
    with tcp_pair() as (idle, sender), tcp_pair() as (closed, peer), tcp_pair() as (ended, resetter):
        assert [tracker.add(connection) for connection in (idle, closed, ended)] == [1, 2, 3]
        sender.sendall(b"request")
        assert tracker.open == 3
        peer.close()
        assert tracker.open == 2
        reset(resetter)
        assert tracker.open == 1
        tracker.remove(idle)
        sender.close()
        tracker.close_all()
        assert (tracker.open, tracker.accepted) == (0, 3)


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
        read_to_end(connection)


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
    endpoint.clear_faults()
    endpoint.close_connections()
    assert (endpoint.open_connections, endpoint.accepted_connections) == (0, 0)
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
            read_to_end(eager)

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


# The rule of a service with a limit

T: Final = faults.Throttling()


@pytest.mark.parametrize(
    ("rate", "burst", "pauses", "expected"),
    [
        pytest.param(2, 1, [0, 0, 0.5, 0, 0.5], [None, T, None, T, None], id="one-at-a-time"),
        pytest.param(2, 3, [0, 0, 0, 0, 0.5, 0], [None, None, None, T, None, T], id="full-at-first"),
        pytest.param(2, 2, [0, 0, 100, 0, 0], [None, None, None, None, T], id="no-more-than-full"),
        pytest.param(2, 1, [0, 0.25, 0.25], [None, T, None], id="a-throttled-request-takes-nothing"),
        pytest.param(0.1, 1, [0, 9, 1], [None, T, None], id="less-than-one-a-second"),
    ],
)
def test_what_comes_too_fast_is_throttled(
    rate: float, burst: int, pauses: list[float], expected: list[faults.Fault | None]
) -> None:
    """A request after each pause."""
    clock = FakeClock()
    rule = faults.above_rate(rate, burst=burst, now=clock.monotonic)
    got: list[faults.Fault | None] = []
    for pause in pauses:
        clock.advance(pause)
        got.append(rule(None))
    assert got == expected


def test_a_clock_that_is_set_back_gives_no_tokens_and_takes_none() -> None:
    """What follows is reckoned from there."""
    moments = iter([100.0, 100.0, 50.0, 50.5, 51.0])
    rule = faults.above_rate(1, now=lambda: next(moments))
    assert [rule(None) for _ in range(4)] == [None, T, T, None]


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_stretch_of_time_has_more_than_the_limit(rate: float, burst: int, pauses: list[float]) -> None:
    """However the requests come: *burst*, and what fills up meanwhile."""
    clock = FakeClock()
    rule = faults.above_rate(rate, burst=burst, now=clock.monotonic)
    taken: list[float] = []
    for pause in pauses:
        clock.advance(pause)
        if rule(None) is None:
            taken.append(clock.monotonic())
    assert taken
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - taken[first]) * rate + 1e-6


@pytest.mark.parametrize(
    ("rate", "burst"),
    [
        pytest.param(0, 1, id="never"),
        pytest.param(-1, 1, id="negative"),
        pytest.param(inf, 1, id="no-limit"),
        pytest.param(nan, 1, id="no-number"),
        pytest.param(1, 0, id="no-tokens"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_where_it_is_made(rate: float, burst: int) -> None:
    """The error is in the test, not in a thread that it does not see."""
    with pytest.raises(ValueError, match="above_rate needs calls a second above 0 and a burst of 1 or more"):
        faults.above_rate(rate, burst=burst)
