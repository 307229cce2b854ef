"""
The endpoint over real sockets: bytes in and out, a real AWS SDK as its client, and a stop that leaves nothing behind.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from contextlib import suppress
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
import pytest

from codepipeline_client._protocol.sigv4 import Credentials
from codepipeline_client.errors import ConfigurationError
from codepipeline_client.testing import LocalCodePipeline, ReceivedRequest
from tests.operations.test_service_model import plain
from tests.testing.endpoint_client import (
    BODY,
    DATE,
    EXECUTION,
    FULL,
    NOW,
    REQUEST,
    REQUEST_BYTES,
    Connection,
    Resources,
    connected,
    status_in,
)

TEMPORARY: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="secret+key", session_token="token")


def test_botocore_gets_every_member_that_it_knows() -> None:
    """What goes in as a model comes out of an independent parser, member for member."""
    account = LocalCodePipeline(region_name="eu-north-1", credentials=TEMPORARY)
    with account as endpoint, pytest.MonkeyPatch.context() as environment:
        endpoint.put_execution(FULL)
        for name, value in endpoint.environ.items():
            environment.setenv(name, value)
        client = import_module("botocore.session").Session().create_client("codepipeline")
        output = client.get_pipeline_execution(**json.loads(BODY))
        client.close()
    assert plain(output["pipelineExecution"]) == plain(attrs.asdict(FULL))


# What a test puts there, and what it sees


def test_a_request_is_recorded_with_its_response(endpoint: LocalCodePipeline, connection: Connection) -> None:
    """As soon as the response is there, and what was read before does not change."""
    before = endpoint.requests
    connection.get()
    connection.request("POST", "/?a", b"text", {"X-Twice": "1", "x-twice": "2"})
    connection.getresponse().read()
    right, wrong = endpoint.requests
    assert before == ()
    assert isinstance(right, ReceivedRequest)
    assert (right.method, right.path, right.body) == ("POST", "/", BODY)
    assert right.headers["x-amz-target"] == REQUEST.headers["x-amz-target"]
    assert right.input == json.loads(BODY)
    assert (right.status_code, right.error_code) == (200, None)
    assert (wrong.path, wrong.body, wrong.input) == ("/?a", b"text", None)
    assert (wrong.status_code, wrong.error_code) == (404, "UnknownOperationException")
    assert wrong.headers["x-twice"] == "1,2"


def test_requests_get_the_prepared_responses_in_order(endpoint: LocalCodePipeline, connection: Connection) -> None:
    """Each as often as it says; a request with a wrong signature uses none up; then the executions are back."""
    endpoint.put_response(status_code=299, headers={"X-Made": "up"}, body=b"<html>", times=2)
    endpoint.put_error("ThrottlingException", "Rate exceeded")
    endpoint.put_error("ServiceUnavailable")
    endpoint.put_error("InternalFailure", status_code=599)
    endpoint.put_response(headers=[("X-Twice", "1"), ("X-Twice", "2")])
    assert connection.send_request(REQUEST.without("authorization"))[0].status == 403
    responses = [connection.get() for _ in range(7)]
    assert [response.status for response, _ in responses] == [299, 299, 400, 503, 599, 200, 200]
    assert [request.error_code for request in endpoint.requests[1:]] == [
        *(None, None, "ThrottlingException", "ServiceUnavailable", "InternalFailure", None, None)
    ]
    assert [body for _, body in responses[:4]] == [
        b"<html>",
        b"<html>",
        b'{"__type":"ThrottlingException","message":"Rate exceeded"}',
        b'{"__type":"ServiceUnavailable","message":""}',
    ]
    assert responses[0][0].getheaders() == [("X-Made", "up"), ("Date", DATE), ("Content-Length", "6")]
    assert responses[2][0].getheader("x-amzn-requestid")
    assert responses[5][0].headers.get_all("x-twice") == ["1", "2"]
    assert status_in(responses[6][1]) == "Succeeded"


@pytest.mark.parametrize(
    ("header", "value"), [("Content-Length", "3"), ("transfer-encoding", "chunked"), ("Connection", "close")]
)
def test_a_response_with_its_own_framing_ends_its_connection(
    endpoint: LocalCodePipeline, connection: Connection, header: str, value: str
) -> None:
    endpoint.put_response(headers={header: value, "date": "never"}, body=b"0\r\n\r\n")
    head, body, _ = connection.exchange()
    assert f"{header}: {value}".encode() in head
    assert head.lower().count(header.lower().encode()) == 1
    assert b"Date: " not in head
    assert body == b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("response", "kind", "words"),
    [
        pytest.param({"headers": {"X-Name": "\u20ac"}}, ValueError, "latin-1", id="header-without-bytes"),
        pytest.param({"headers": {"X-Name": "a\r\nX-Other: b"}}, ValueError, "CR, LF or NUL", id="two-headers-in-one"),
        pytest.param({"headers": [("X-A", "a"), ("X-B", "\r")]}, ValueError, "CR, LF or NUL", id="carriage-return"),
        pytest.param({"headers": {"X-Name": "\0"}}, ValueError, "CR, LF or NUL", id="nul"),
        pytest.param({"headers": {"X-Name\r\n\r\n": "a"}}, ValueError, "CR, LF or NUL", id="name-with-line-ends"),
        pytest.param({"body": "text"}, TypeError, "bytes", id="text-for-a-body"),
        pytest.param({"times": 0}, ValueError, "times must be 1 or more, not 0", id="times"),
        *(
            pytest.param({"status_code": each}, ValueError, f"number from 200 to 599, not {each!r}", id=str(each))
            for each in (199, 600, 200.0, "200", True)
        ),
    ],
)
def test_a_response_that_cannot_be_sent_is_refused_where_it_is_put(
    endpoint: LocalCodePipeline, connection: Connection, response: dict[str, Any], kind: type[Exception], words: str
) -> None:
    """The error is in the test, not in a thread that the test does not see, and nothing of it is put there."""
    with pytest.raises(kind, match=words):
        endpoint.put_response(**response)
    assert status_in(connection.get()[1]) == "Succeeded"


def test_an_error_needs_the_status_of_an_error(endpoint: LocalCodePipeline) -> None:
    for status_code in (399, 600):
        with pytest.raises(ValueError, match=f"a whole number from 400 to 599, not {status_code}"):
            endpoint.put_error("InternalFailure", status_code=status_code)


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (400, ["ThrottlingException", "ValidationException", "BrandNewException"]),
        (401, ["NotAuthorized"]),
        (403, ["AccessDeniedException", "ExpiredTokenException", "OptInRequired", "RequestTimeTooSkewed"]),
        *((408, ["RequestTimeoutException"]), (409, ["ConflictException"]), (413, ["RequestEntityTooLargeException"])),
        *((429, ["TooManyRequestsException"]), (500, ["InternalFailure"]), (503, ["ServiceUnavailable"])),
    ],
)
def test_an_error_has_the_status_that_the_service_sends_with_it(
    endpoint: LocalCodePipeline, connection: Connection, status: int, codes: list[str]
) -> None:
    for code in codes:
        endpoint.put_error(code)
    assert [connection.get_status() for _ in codes] == [status] * len(codes)


def test_only_the_last_requests_are_kept() -> None:
    """The number of a request tells how many there were."""
    with LocalCodePipeline(now=lambda: NOW, max_requests=3) as endpoint, connected(endpoint) as connection:
        for _ in range(7):
            connection.get()
        assert [request.number for request in endpoint.requests] == [5, 6, 7]
    with pytest.raises(ConfigurationError, match="max_requests must be a whole number of 1 or more, not 0"):
        LocalCodePipeline(max_requests=0)


# HTTP


def test_one_connection_carries_many_calls(connection: Connection) -> None:
    kept = connection.sock
    responses = [connection.get()[0] for _ in range(3)]
    assert connection.sock is kept
    assert len({response.getheader("x-amzn-RequestId") for response in responses}) == 3
    assert {response.getheader("Date") for response in responses} == {DATE}
    assert {(response.version, response.getheader("Connection")) for response in responses} == {(11, None)}


def test_pipelined_requests_get_their_responses_in_order(endpoint: LocalCodePipeline, connection: Connection) -> None:
    endpoint.put_response(body=b"first")
    endpoint.put_response(headers={"Connection": "close"}, body=b"second")
    first, rest, _ = connection.exchange(REQUEST_BYTES * 2)
    assert first.startswith(b"HTTP/1.1 200 OK")
    assert rest.startswith(b"firstHTTP/1.1 200 OK")
    assert rest.endswith(b"second")


def test_head_and_body_of_a_response_arrive_together(connection: Connection) -> None:
    """One send, so that no client waits for a delayed acknowledgement between the two."""
    connection.sock.sendall(REQUEST_BYTES)
    assert status_in(connection.sock.recv(1 << 16).partition(b"\r\n\r\n")[2]) == "Succeeded"


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_a_connection_is_closed_when_the_client_says_so(connection: Connection, version: str) -> None:
    request = REQUEST_BYTES.replace(b"HTTP/1.1\r\n", f"{version}\r\nConnection: close\r\n".encode())
    head, _, _ = connection.exchange(request)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close" in head


def test_a_client_that_expects_100_continue_gets_it(connection: Connection) -> None:
    """curl and some SDKs do."""
    head, _, body = REQUEST_BYTES.partition(b"\r\n\r\n")
    connection.sock.sendall(head + b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    assert connection.sock.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert connection.exchange(body)[0].startswith(b"HTTP/1.1 200 OK\r\n")


MALFORMED: Final = "MalformedHttpRequestException"
TOO_LARGE: Final = "RequestEntityTooLargeException"


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        pytest.param("GET / HTTP/1.1\r\nConnection: close", 404, "UnknownOperationException", id="get"),
        pytest.param("HEAD / HTTP/1.1\r\nConnection: close", 404, None, id="head"),
        pytest.param("BREW / HTTP/1.1", 501, MALFORMED, id="unknown-method"),
        pytest.param("POST / HTTP/3.0", 505, MALFORMED, id="version"),
        pytest.param("x" * 70_000, 414, MALFORMED, id="endless-line"),
        pytest.param("nothing", 400, MALFORMED, id="not-http"),
        pytest.param("POST / HTTP/1.1\r\nContent-Length: ten", 400, MALFORMED, id="length-without-digits"),
        pytest.param("POST / HTTP/1.1\r\nContent-Length: -1", 400, MALFORMED, id="negative-length"),
        pytest.param("POST / HTTP/1.1\r\nContent-Length: ²", 400, MALFORMED, id="digit-of-another-script"),
        pytest.param("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2", 400, MALFORMED, id="two-lengths"),
        pytest.param("POST / HTTP/1.1\r\nTransfer-Encoding: chunked", 400, MALFORMED, id="chunks"),
        pytest.param("POST / HTTP/1.1\r\nContent-Length: " + "9" * 5000, 400, MALFORMED, id="5000-digits"),
        pytest.param("POST / HTTP/1.1\r\nContent-Length: 1048577", 413, TOO_LARGE, id="too-large"),
    ],
)
def test_what_is_not_the_services_http_is_refused_in_its_form(
    endpoint: LocalCodePipeline, connection: Connection, head: str, status: int, code: str | None
) -> None:
    """The connection is closed, since where the next request starts is not known. HEAD gets no body."""
    received, body, _ = connection.exchange(f"{head}\r\n\r\n".encode("latin-1"))
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/x-amz-json-1.1" in received
    assert (json.loads(body)["__type"] if body else None) == code
    assert len(endpoint.requests) == (status == 404)


def test_a_body_that_is_cut_short_gets_no_response(endpoint: LocalCodePipeline, connection: Connection) -> None:
    connection.sock.sendall(REQUEST_BYTES[:-1])
    connection.sock.shutdown(socket.SHUT_WR)
    assert connection.read_to_end() == (b"", "FIN")
    assert endpoint.requests == ()


def test_a_client_that_breaks_off_disturbs_no_other(
    endpoint: LocalCodePipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    """A response larger than the buffers reaches the one that stays."""
    content = os.urandom(1 << 20) * 32
    endpoint.put_response(body=content, times=2)
    with connected(endpoint) as connection:
        connection.sock.sendall(REQUEST_BYTES)
        assert connection.sock.recv(1)
    with connected(endpoint) as connection:
        assert connection.get()[1] == content
    assert capfd.readouterr() == ("", "")


# Start and stop


@pytest.mark.parametrize(
    ("sent", "response_size"),
    [
        pytest.param(slice(0), 0, id="nothing-sent"),
        pytest.param(slice(None), 0, id="idle"),
        pytest.param(slice(40), 0, id="part-of-the-head-sent"),
        pytest.param(slice(-5), 0, id="part-of-the-body-sent"),
        pytest.param(slice(None), 1 << 25, id="part-of-the-response-read"),
    ],
)
def test_a_stop_ends_every_connection_whatever_its_state(sent: slice, response_size: int) -> None:
    """The client sees the end, and no thread, socket or file of the endpoint is left."""
    before = Resources()
    endpoint = LocalCodePipeline(now=lambda: NOW)
    with endpoint, connected(endpoint) as connection:
        endpoint.put_response(body=b"x" * response_size)
        address = urlsplit(endpoint.endpoint_url)
        content = REQUEST_BYTES[sent]
        connection.sock.sendall(content)
        if content.endswith(BODY):
            assert connection.sock.recv(1)
        endpoint.__exit__(None)
        connection.read_to_end()
    before.assert_nothing_new()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))


def test_starting_and_stopping_take_no_time() -> None:
    """No thread polls: a poll of half a second, the standard library's, would take 20 s here."""
    LocalCodePipeline().__enter__().__exit__(None, None, None)
    started = time.perf_counter()
    for _ in range(40):
        with LocalCodePipeline():
            pass
    assert time.perf_counter() - started < 10


def test_it_runs_as_often_as_it_is_entered_and_keeps_what_it_has() -> None:
    """It says where it is, and only while it runs. A stop while it refuses connections leaves nothing behind."""
    before = Resources()
    endpoint = LocalCodePipeline(now=lambda: NOW)
    endpoint.put_execution(EXECUTION)
    for count in (1, 2):
        assert repr(endpoint) == "<LocalCodePipeline not running us-east-1>"
        endpoint.clear_faults()
        endpoint.close_connections()
        endpoint.__exit__(None, None, None)
        for needs_server in (lambda: endpoint.endpoint_url, endpoint.refuse_connections, endpoint.accept_connections):
            with pytest.raises(ConfigurationError, match="not running: use it in a with statement"):
                needs_server()
        with endpoint, connected(endpoint) as connection:
            assert connection.get_status() == 200
            assert repr(endpoint) == f"<LocalCodePipeline {endpoint.endpoint_url} us-east-1>"
            with pytest.raises(ConfigurationError, match="already running"):
                endpoint.__enter__()
            endpoint.refuse_connections()
        before.assert_nothing_new()
        assert len(endpoint.requests) == endpoint.accepted_connections == count
        assert endpoint.open_connections == 0


def test_it_listens_on_the_loopback_address_that_it_is_given() -> None:
    expected = {"127.0.0.1": "http://127.0.0.1:", "localhost": "http://127.0.0.1:"}
    with suppress(OSError):
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        expected["::1"] = "http://[::1]:"
    for host, prefix in expected.items():
        with LocalCodePipeline(host=host, now=lambda: NOW) as endpoint, connected(endpoint) as connection:
            assert endpoint.endpoint_url.startswith(prefix)
            assert connection.get_status() == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_it_listens_nowhere_else(host: str) -> None:
    """Its credentials are public, so no other machine may reach it."""
    words = r"is not a loopback address: give '127\.0\.0\.1', '::1' or 'localhost'"
    with pytest.raises(ConfigurationError, match=words):
        LocalCodePipeline(host=host)


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_behind() -> None:
    with LocalCodePipeline() as first, connected(first) as connection:
        connection.get()  # its threads have opened what they open
        before = Resources()
        port = urlsplit(first.endpoint_url).port
        assert port is not None
        second = LocalCodePipeline(port=port)
        with pytest.raises(OSError) as refused:  # noqa: PT011 - its words are the system's
            second.__enter__()
        assert refused.value.errno == errno.EADDRINUSE
        before.assert_nothing_new()
    with second:
        assert second.endpoint_url == f"http://127.0.0.1:{port}"
