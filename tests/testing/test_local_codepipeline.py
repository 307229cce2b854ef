"""
The endpoint over real sockets: bytes in and out, a real AWS SDK as its client, and a stop that leaves nothing behind.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from importlib import import_module
from typing import Final
from urllib.parse import urlsplit

import pytest
from attrs import evolve

from codepipeline_client._protocol.sigv4 import Credentials
from codepipeline_client.errors import ConfigurationError
from codepipeline_client.models import PipelineExecution
from codepipeline_client.testing import LocalCodePipeline, ReceivedRequest, make_pipeline_execution
from codepipeline_client.waiting import PipelineExecutionReference
from tests.testing.endpoint_client import (
    EXECUTION,
    NOW,
    TARGET,
    Census,
    ask,
    body_of,
    connected,
    read_to_end,
    request_bytes,
    status_in,
)

TEMPORARY: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="secret+key", session_token="token")
Ask = Callable[..., dict[str, object]]


@contextmanager
def botocore_asks(endpoint: LocalCodePipeline, **changed: str) -> Generator[Ask]:
    """GetPipelineExecution of a botocore client, which tries once."""
    settings = {
        "region_name": endpoint.region_name,
        "endpoint_url": endpoint.endpoint_url,
        "aws_access_key_id": endpoint.credentials.access_key_id,
        "aws_secret_access_key": endpoint.credentials.secret_access_key,
        "aws_session_token": endpoint.credentials.session_token,
        **changed,
    }
    once = import_module("botocore.config").Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    client = import_module("botocore.session").Session().create_client("codepipeline", config=once, **settings)
    try:
        yield client.get_pipeline_execution
    finally:
        client.close()


def input_for(execution: PipelineExecution) -> dict[str, str]:
    """Return what a botocore client is called with to get *execution*."""
    return {"pipelineName": execution.pipeline_name, "pipelineExecutionId": execution.pipeline_execution_id}


def has_ipv6_loopback() -> bool:
    """Tell whether a socket can be bound to ::1 here."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


# A real AWS SDK as the client


@pytest.mark.parametrize(
    "endpoint",
    [
        pytest.param(LocalCodePipeline(region_name="eu-central-1"), id="test-keys"),
        pytest.param(LocalCodePipeline(credentials=TEMPORARY), id="temporary-keys"),
    ],
)
def test_botocore_gets_every_member_that_it_knows(endpoint: LocalCodePipeline) -> None:
    """What goes in as a model comes out of an independent parser, member for member."""
    execution = make_pipeline_execution(
        status="Stopped",
        status_summary="by hand",
        artifact_revisions=[
            {
                "name": "Source",
                "revision_id": "abc",
                "revision_change_identifier": "1427298921.3976923",
                "revision_summary": "Summary, with ünïcode",
                "created": datetime(2015, 3, 25, 15, 53, 57, 768977, tzinfo=UTC),
                "revision_url": "",
            }
        ],
        variables=[{"name": "A", "resolved_value": "1"}],
        trigger={"trigger_type": "NotListed", "trigger_detail": "detail"},
        rollback_metadata={"rollback_target_pipeline_execution_id": "target"},
    )
    with endpoint, botocore_asks(endpoint) as ask_botocore:
        endpoint.put_execution(execution)
        answered = ask_botocore(**input_for(execution))
    assert answered["pipelineExecution"] == {
        "pipelineName": "web",
        "pipelineExecutionId": execution.pipeline_execution_id,
        "pipelineVersion": 1,
        "status": "Stopped",
        "statusSummary": "by hand",
        "artifactRevisions": [
            {
                "name": "Source",
                "revisionId": "abc",
                "revisionChangeIdentifier": "1427298921.3976923",
                "revisionSummary": "Summary, with ünïcode",
                "created": datetime(2015, 3, 25, 15, 53, 57, 768977, tzinfo=UTC),
                "revisionUrl": "",
            }
        ],
        "variables": [{"name": "A", "resolvedValue": "1"}],
        "trigger": {"triggerType": "NotListed", "triggerDetail": "detail"},
        "executionMode": "SUPERSEDED",
        "executionType": "STANDARD",
        "rollbackMetadata": {"rollbackTargetPipelineExecutionId": "target"},
    }


@pytest.mark.parametrize(
    ("changed", "wanted", "kind", "code"),
    [
        pytest.param(
            {}, {"pipelineName": "api"}, "PipelineNotFoundException", "PipelineNotFoundException", id="pipeline"
        ),
        pytest.param(
            {},
            {"pipelineExecutionId": "00000000-0000-0000-0000-000000000000"},
            "PipelineExecutionNotFoundException",
            "PipelineExecutionNotFoundException",
            id="execution",
        ),
        pytest.param({}, {"pipelineName": "a b"}, "ValidationException", "ValidationException", id="validation"),
        pytest.param({}, {"pipelineName": 5}, "ClientError", "SerializationException", id="serialization"),
        pytest.param({"aws_secret_access_key": "x"}, {}, "ClientError", "InvalidSignatureException", id="wrong-secret"),
        pytest.param({"region_name": "eu-west-1"}, {}, "ClientError", "InvalidSignatureException", id="wrong-region"),
        pytest.param({"aws_access_key_id": "x"}, {}, "ClientError", "UnrecognizedClientException", id="unknown-key"),
        pytest.param({"aws_session_token": "x"}, {}, "ClientError", "UnrecognizedClientException", id="wrong-token"),
    ],
)
def test_botocore_raises_what_it_raises_with_the_service(
    changed: dict[str, str], wanted: dict[str, object], kind: str, code: str
) -> None:
    """The error's class and code are those that an AWS SDK finds in the answer."""
    client_error: type[Exception] = import_module("botocore.exceptions").ClientError
    with LocalCodePipeline() as endpoint, botocore_asks(endpoint, **changed) as ask_botocore:
        endpoint.put_execution(EXECUTION)
        with pytest.raises(client_error, match=rf"\({code}\)") as raised:
            ask_botocore(**{**input_for(EXECUTION), **wanted})
        assert type(raised.value).__name__ == kind
        assert endpoint.requests[-1].error_code == code


def test_a_client_needs_nothing_but_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables lead an AWS SDK to the endpoint, with keys that it takes."""
    with LocalCodePipeline(region_name="eu-north-1") as endpoint:
        for name, value in endpoint.environ.items():
            monkeypatch.setenv(name, value)
        endpoint.put_execution(EXECUTION)
        client = import_module("botocore.session").Session().create_client("codepipeline")
        answered = client.get_pipeline_execution(**input_for(EXECUTION))
        client.close()
        assert answered["pipelineExecution"]["pipelineName"] == "web"
        assert endpoint.environ == {
            "AWS_ENDPOINT_URL_CODEPIPELINE": endpoint.endpoint_url,
            "AWS_REGION": "eu-north-1",
            "AWS_DEFAULT_REGION": "eu-north-1",
            "AWS_ACCESS_KEY_ID": endpoint.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": endpoint.credentials.secret_access_key,
            "AWS_SESSION_TOKEN": "",
        }
    with LocalCodePipeline(credentials=TEMPORARY) as endpoint:
        assert endpoint.environ["AWS_SESSION_TOKEN"] == "token"


# What a test puts there, and what it sees


def test_an_execution_that_is_put_again_is_replaced(endpoint: LocalCodePipeline) -> None:
    """The next answer has it as it is now; others in the pipeline stay."""
    other = evolve(EXECUTION, pipeline_execution_id="00000000-0000-0000-0000-000000000000")
    assert endpoint.put_execution(other) == PipelineExecutionReference("web", other.pipeline_execution_id)
    endpoint.put_execution(make_pipeline_execution(status="Failed"))
    with connected(endpoint) as connection:
        statuses = [
            json.loads(ask(connection, endpoint, one)[1])["pipelineExecution"]["status"] for one in (EXECUTION, other)
        ]
    assert statuses == ["Failed", "Succeeded"]


def test_a_request_is_recorded_with_its_answer(endpoint: LocalCodePipeline) -> None:
    """Everything about it is there as soon as the answer is, and what was read before does not change."""
    before = endpoint.requests
    with connected(endpoint) as connection:
        ask(connection, endpoint)
        connection.request("POST", "/?a", b"text", {"X-Twice": "1", "x-twice": "2"})
        connection.getresponse().read()
    right, wrong = endpoint.requests
    assert before == ()
    assert isinstance(right, ReceivedRequest)
    assert (right.method, right.path, right.body) == ("POST", "/", body_of(EXECUTION))
    assert right.headers["x-amz-target"] == TARGET
    assert right.input == input_for(EXECUTION)
    assert (right.status_code, right.error_code) == (200, None)
    assert (wrong.path, wrong.body, wrong.input) == ("/?a", b"text", None)
    assert (wrong.status_code, wrong.error_code) == (404, "UnknownOperationException")
    assert wrong.headers["x-twice"] == "1,2"


def test_the_next_requests_get_the_answers_that_were_put_in_their_order(endpoint: LocalCodePipeline) -> None:
    """Raw answers and errors queue up, each for as many requests as it says; then the executions are back."""
    endpoint.put_response(status_code=299, headers={"X-Made": "up"}, body=b"<html>", times=2)
    endpoint.put_error("ThrottlingException", "Rate exceeded")
    endpoint.put_error("ServiceUnavailable")
    endpoint.put_error("InternalFailure", status_code=599)
    endpoint.put_response(headers=[("X-Twice", "1"), ("X-Twice", "2")])
    with connected(endpoint) as connection:
        answers = [ask(connection, endpoint) for _ in range(7)]
    assert [response.status for response, _ in answers] == [299, 299, 400, 503, 599, 200, 200]
    assert [request.error_code for request in endpoint.requests] == [
        *(None, None, "ThrottlingException", "ServiceUnavailable", "InternalFailure", None, None)
    ]
    assert [body for _, body in answers[:4]] == [
        b"<html>",
        b"<html>",
        b'{"__type":"ThrottlingException","message":"Rate exceeded"}',
        b'{"__type":"ServiceUnavailable","message":""}',
    ]
    assert answers[0][0].getheaders() == [
        *(("X-Made", "up"), ("Date", "Wed, 18 Nov 2026 11:06:40 GMT"), ("Content-Length", "6"))
    ]
    assert answers[2][0].getheader("x-amzn-requestid")
    assert answers[5][0].headers.get_all("x-twice") == ["1", "2"]


def test_a_request_that_nobody_may_make_uses_no_answer_up(endpoint: LocalCodePipeline) -> None:
    """A wrong signature is seen even when the answers are made up."""
    endpoint.put_response(status_code=299)
    with connected(endpoint) as connection:
        connection.request("POST", "/", b"{}", {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET})
        response = connection.getresponse()
        assert (response.status, b"MissingAuthenticationToken" in response.read()) == (403, True)
        assert ask(connection, endpoint)[0].status == 299


@pytest.mark.parametrize(
    ("header", "value"),
    [
        pytest.param("Content-Length", "3", id="too-short-a-length"),
        pytest.param("transfer-encoding", "chunked", id="chunks-of-its-own"),
        pytest.param("Connection", "close", id="close"),
    ],
)
def test_an_answer_with_its_own_framing_ends_its_connection(
    endpoint: LocalCodePipeline, header: str, value: str
) -> None:
    """It is sent as it was written, and nothing that follows can be taken for a part of it."""
    endpoint.put_response(headers={header: value, "date": "never"}, body=b"0\r\n\r\n")
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint))
        head, _, body = read_to_end(connection)[0].partition(b"\r\n\r\n")
    assert f"{header}: {value}".encode() in head
    assert head.lower().count(header.lower().encode()) == 1
    assert b"Date: " not in head
    assert body == b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        pytest.param({"X-Name": "\u20ac"}, b"", ValueError, id="header-that-has-no-bytes"),
        pytest.param({"X-Name": "a\r\nX-Other: b"}, b"", ValueError, id="header-that-is-two"),
        pytest.param([("X-A", "a"), ("X-B", "\r")], b"", ValueError, id="carriage-return"),
        pytest.param({"X-Name": "a\nb"}, b"", ValueError, id="line-feed"),
        pytest.param({"X-Name": "\0"}, b"", ValueError, id="nul"),
        pytest.param({"X-Name\r\n\r\n": "a"}, b"", ValueError, id="name-that-ends-the-head"),
        pytest.param({}, "text", TypeError, id="body-that-is-no-bytes"),
    ],
)
def test_an_answer_that_cannot_be_sent_is_refused_where_it_is_put(
    endpoint: LocalCodePipeline, headers: dict[str, str], body: bytes, kind: type[Exception]
) -> None:
    """The error is in the test, not in a thread that it does not see. Nothing of it is put there."""
    with pytest.raises(kind):
        endpoint.put_response(headers=headers, body=body)
    with connected(endpoint) as connection:
        assert status_in(ask(connection, endpoint)[1]) == "Succeeded"


@pytest.mark.parametrize("times", [0, -1])
def test_a_response_is_sent_at_least_once(endpoint: LocalCodePipeline, times: int) -> None:
    """Less than once is a mistake of the test."""
    for put in (endpoint.put_response, partial(endpoint.put_error, "InternalFailure")):
        with pytest.raises(ValueError, match=f"times must be 1 or more, not {times}"):
            put(times=times)


@pytest.mark.parametrize("status_code", [-1, 0, 100, 199, 600, 200.0, "200", True])
def test_only_a_final_status_can_be_put_and_only_one_of_an_error_with_an_error(
    endpoint: LocalCodePipeline, status_code: int
) -> None:
    """A client waits for another response after one below 200, and it never comes."""
    with pytest.raises(ValueError, match=rf"a whole number from 200 to 599, not {status_code!r}"):
        endpoint.put_response(status_code=status_code)
    with pytest.raises(ValueError, match=rf"a whole number from 400 to 599, not {status_code!r}"):
        endpoint.put_error("InternalFailure", status_code=status_code)


def test_only_the_last_requests_are_kept() -> None:
    """An endpoint that is asked for days does not grow. The number of a request tells how many there were."""
    with LocalCodePipeline(now=lambda: NOW, max_requests=3) as endpoint, connected(endpoint) as connection:
        for _ in range(7):
            ask(connection, endpoint)
        assert [request.number for request in endpoint.requests] == [5, 6, 7]
        endpoint.clear()
        assert list(endpoint.requests) == []
        ask(connection, endpoint)
        assert [request.number for request in endpoint.requests] == [1]


@pytest.mark.parametrize("max_requests", [0, -1, 1.5, True])
def test_how_many_requests_are_kept_is_a_count(max_requests: int) -> None:
    """Of at least one."""
    with pytest.raises(ConfigurationError, match=f"max_requests must be a whole number from 1, not {max_requests!r}"):
        LocalCodePipeline(max_requests=max_requests)


# HTTP


def test_one_connection_carries_many_calls(endpoint: LocalCodePipeline) -> None:
    """The connection is kept, and each answer has its own request id and the endpoint's date."""
    with connected(endpoint) as connection:
        kept = connection.sock
        answers = [ask(connection, endpoint)[0] for _ in range(3)]
        assert connection.sock is kept
    assert len({response.getheader("x-amzn-RequestId") for response in answers}) == 3
    assert {response.getheader("Date") for response in answers} == {"Wed, 18 Nov 2026 11:06:40 GMT"}
    assert {response.version for response in answers} == {11}
    assert {response.getheader("Connection") for response in answers} == {None}


def test_requests_that_come_together_are_answered_in_order(endpoint: LocalCodePipeline) -> None:
    """What is read beyond a request is the start of the next."""
    endpoint.put_response(body=b"first")
    endpoint.put_response(headers={"Connection": "close"}, body=b"second")
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint) * 2)
        received, _ = read_to_end(connection)
    assert received.index(b"first") < received.index(b"second")
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_head_and_body_of_an_answer_come_together(endpoint: LocalCodePipeline) -> None:
    """One send, so that no client waits for a delayed acknowledgement between the two."""
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint))
        received = connection.sock.recv(1 << 16)
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["pipelineExecution"]["status"] == "Succeeded"


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_a_connection_is_closed_when_the_client_asks_for_it(endpoint: LocalCodePipeline, version: str) -> None:
    """And the answer says so."""
    request = request_bytes(endpoint).replace(b"HTTP/1.1\r\n", f"{version}\r\nConnection: close\r\n".encode())
    with connected(endpoint) as connection:
        connection.sock.sendall(request)
        received, _ = read_to_end(connection)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in received


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(endpoint: LocalCodePipeline) -> None:
    """Expect: 100-continue, which curl and some SDKs send."""
    head, _, body = request_bytes(endpoint).partition(b"\r\n\r\n")
    with connected(endpoint) as connection:
        connection.sock.sendall(head + b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert connection.sock.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sock.sendall(body)
        assert read_to_end(connection)[0].startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param("GET / HTTP/1.1", b"404 Not Found", id="get"),
        pytest.param("HEAD / HTTP/1.1", b"404 Not Found", id="head"),
        pytest.param("BREW / HTTP/1.1", b"501 Not Implemented", id="a-method-that-is-none"),
        pytest.param("POST / HTTP/3.0", b"505 HTTP Version Not Supported", id="version"),
        pytest.param("x" * 70_000, b"414 Request-URI Too Long", id="endless-line"),
        pytest.param("nothing", b"400 Bad Request", id="no-http"),
    ],
)
def test_what_is_not_the_services_http_is_refused_in_its_form(
    endpoint: LocalCodePipeline, request_line: str, status: bytes
) -> None:
    """The answer is JSON with an error code, and no body goes with an answer to HEAD."""
    with connected(endpoint) as connection:
        connection.sock.sendall(f"{request_line}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = read_to_end(connection)[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ")
    assert status.split()[0] in head.split(b"\r\n")[0]
    assert b"application/x-amz-json-1.1" in head
    assert (body == b"") is (request_line.startswith("HEAD"))
    assert body == b"" or json.loads(body)["__type"] in {"UnknownOperationException", "MalformedHttpRequestException"}


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        pytest.param("Content-Length: ten", 400, "MalformedHttpRequestException", id="no-number"),
        pytest.param("Content-Length: -1", 400, "MalformedHttpRequestException", id="negative"),
        pytest.param("Content-Length: ²", 400, "MalformedHttpRequestException", id="digit-of-another-script"),
        pytest.param("Content-Length: 1\r\nContent-Length: 2", 400, "MalformedHttpRequestException", id="two-lengths"),
        pytest.param("Transfer-Encoding: chunked", 400, "MalformedHttpRequestException", id="chunks"),
        pytest.param("Content-Length: " + "9" * 5000, 400, "MalformedHttpRequestException", id="not-of-this-world"),
        pytest.param("Content-Length: 1048577", 413, "RequestEntityTooLargeException", id="too-large"),
    ],
)
def test_a_body_that_cannot_be_framed_is_refused(
    endpoint: LocalCodePipeline, header: str, status: int, code: str
) -> None:
    """The connection is closed, since where the next request starts is not known."""
    with connected(endpoint) as connection:
        connection.sock.sendall(f"POST / HTTP/1.1\r\n{header}\r\n\r\n".encode("latin-1"))
        head, _, body = read_to_end(connection)[0].partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert json.loads(body)["__type"] == code
    assert endpoint.requests == ()


def test_a_body_that_is_cut_short_gets_no_answer(endpoint: LocalCodePipeline) -> None:
    """The client is gone; nothing is recorded."""
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint)[:-1])
        connection.sock.shutdown(socket.SHUT_WR)
        assert read_to_end(connection) == (b"", "FIN")
    assert endpoint.requests == ()


def test_an_answer_larger_than_the_buffers_arrives_whole(endpoint: LocalCodePipeline) -> None:
    """It is sent as fast as the client reads."""
    content = os.urandom(1 << 20) * 32
    endpoint.put_response(body=content)
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[1] == content


def test_a_client_that_breaks_off_harms_nobody(endpoint: LocalCodePipeline, capfd: pytest.CaptureFixture[str]) -> None:
    """Its connection ends without a word, the others go on."""
    endpoint.put_response(body=b"x" * (1 << 25))
    with connected(endpoint) as connection:
        connection.sock.sendall(request_bytes(endpoint))
        assert connection.sock.recv(1)
    with connected(endpoint) as connection:
        assert ask(connection, endpoint)[0].status == 200
    assert capfd.readouterr() == ("", "")


# Start and stop


def nothing_sent(endpoint: LocalCodePipeline, connection: HTTPConnection) -> None:
    """A connection that has said nothing yet."""


def idle(endpoint: LocalCodePipeline, connection: HTTPConnection) -> None:
    """A connection that is kept after an answer."""
    ask(connection, endpoint)


def head_sent_in_part(endpoint: LocalCodePipeline, connection: HTTPConnection) -> None:
    """A connection in the middle of a request's head."""
    connection.sock.sendall(request_bytes(endpoint)[:40])


def body_sent_in_part(endpoint: LocalCodePipeline, connection: HTTPConnection) -> None:
    """A connection in the middle of a request's body."""
    connection.sock.sendall(request_bytes(endpoint)[:-5])


def answer_read_in_part(endpoint: LocalCodePipeline, connection: HTTPConnection) -> None:
    """A connection in the middle of an answer that is larger than the buffers."""
    endpoint.put_response(body=b"x" * (1 << 25))
    connection.sock.sendall(request_bytes(endpoint))
    assert connection.sock.recv(1)


@pytest.mark.parametrize("leave", [nothing_sent, idle, head_sent_in_part, body_sent_in_part, answer_read_in_part])
def test_a_stop_ends_every_connection_whatever_it_is_doing(
    leave: Callable[[LocalCodePipeline, HTTPConnection], None],
) -> None:
    """The client sees the end, and no thread, socket or file of the endpoint is left."""
    before = Census()
    endpoint = LocalCodePipeline(now=lambda: NOW)
    with endpoint:
        endpoint.put_execution(EXECUTION)
        address = urlsplit(endpoint.endpoint_url)
        connection = HTTPConnection(address.netloc, timeout=10)
        connection.connect()
        leave(endpoint, connection)
    assert before.new_threads() == set()
    try:
        while connection.sock.recv(1 << 20):
            pass
    except ConnectionError:
        pass  # also an end: some of what was sent was not read any more
    connection.close()
    assert (before.new_sockets(), before.new_files()) == (set(), set())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))


def test_starting_and_stopping_take_no_time() -> None:
    """No thread polls: a poll of half a second, the standard library's, would take 20 s here."""
    LocalCodePipeline().__enter__().__exit__(None, None, None)
    started = time.perf_counter()
    for _ in range(40):
        with LocalCodePipeline():
            pass
    assert time.perf_counter() - started < 4


def test_it_may_be_started_again_and_keeps_what_it_has() -> None:
    """Executions and requests outlive a stop; they are the test's."""
    endpoint = LocalCodePipeline(now=lambda: NOW)
    endpoint.put_execution(EXECUTION)
    for answered in (1, 2):
        with endpoint, connected(endpoint) as connection:
            assert ask(connection, endpoint)[0].status == 200
        assert len(endpoint.requests) == answered


def test_it_says_where_it_is_and_only_while_it_runs() -> None:
    """Neither the repr nor an address shows a key."""
    endpoint = LocalCodePipeline(region_name="eu-west-1")
    assert repr(endpoint) == "<LocalCodePipeline not running eu-west-1>"
    with pytest.raises(ConfigurationError, match="not running: use it in a with statement"):
        _ = endpoint.endpoint_url
    endpoint.__exit__(None, None, None)
    with endpoint:
        assert repr(endpoint) == f"<LocalCodePipeline {endpoint.endpoint_url} eu-west-1>"
        with pytest.raises(ConfigurationError, match="running already"):
            endpoint.__enter__()


def test_it_listens_on_the_loopback_address_that_it_is_given() -> None:
    """By IPv6 too, on a machine that has it."""
    expected = {"127.0.0.1": "http://127.0.0.1:", "localhost": "http://127.0.0.1:", "::1": "http://[::1]:"}
    if not has_ipv6_loopback():
        del expected["::1"]
    for host, prefix in expected.items():
        with LocalCodePipeline(host=host, now=lambda: NOW) as endpoint, connected(endpoint) as connection:
            assert endpoint.endpoint_url.startswith(prefix)
            assert ask(connection, endpoint)[0].status == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_it_listens_nowhere_else(host: str) -> None:
    """Its keys are no secret, so nobody on the network may reach it."""
    with pytest.raises(
        ConfigurationError, match=r"is not a loopback address: give '127\.0\.0\.1', '::1' or 'localhost'"
    ):
        LocalCodePipeline(host=host)


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_behind() -> None:
    """A port may be asked for, and only one may have it."""
    with LocalCodePipeline() as first:
        before = Census()
        port = urlsplit(first.endpoint_url).port
        assert port is not None
        second = LocalCodePipeline(port=port)
        with pytest.raises(OSError) as refused:  # noqa: PT011 - its words are the system's
            second.__enter__()
        assert refused.value.errno == errno.EADDRINUSE
        assert (before.new_threads(), before.new_sockets()) == (set(), set())
    with second:
        assert second.endpoint_url == f"http://127.0.0.1:{port}"
