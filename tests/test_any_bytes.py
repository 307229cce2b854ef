"""
Whatever bytes come as a response, a call ends in a typed output or a typed error, soon, and harms no later call.

The bytes are generated and come over real sockets. A sync client and an async one on asyncio and on trio read each
response, and have to agree on it. The suite generates 50 responses of each of four kinds; the variable EXAMPLES says
how many in a longer run, so that

    EXAMPLES=25000 python -m pytest tests/test_any_bytes.py -s

runs 100,000. The same number generates the same responses.
"""

from __future__ import annotations

import json
import os
import socketserver
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from threading import Thread
from typing import Any, Final, Self

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import frozen
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codepipeline_client import (
    AsyncCodePipelineClient,
    AttemptReport,
    CodePipelineClient,
    CodePipelineError,
    ConnectionFailedError,
    GetPipelineExecutionOutput,
)
from tests.fuzz.seeds import TOKENS
from tests.fuzz.target import CREDENTIALS, EXECUTION, GOOD, GOOD_BODY, ID, NAME, TOKEN, Outcome, describe, get

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "50"))
OK: Final = b"HTTP/1.1 200 OK\r\n"


@frozen(kw_only=True)
class Response:
    """Bytes to send, in so many pieces, and whether the connection is closed after them."""

    pieces: tuple[bytes, ...]
    closes: bool = True


NEXT: Final = Response(pieces=(GOOD,), closes=False)


class Server(socketserver.ThreadingTCPServer):
    """Responds to each request with what it was told to, whatever that is."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.response = NEXT

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True
    timeout = 10

    def handle(self) -> None:
        assert isinstance(self.server, Server)
        with suppress(OSError):  # the client may hang up, and then has what it wanted
            while self._has_request():
                response = self.server.response
                for piece in response.pieces:
                    self.connection.sendall(piece)
                if response.closes:
                    break

    def _has_request(self) -> bool:
        content = b""
        while not content.endswith(b"}"):
            piece = self.connection.recv(65536)
            if not piece:
                return False
            content += piece
        return True


class Readers:
    """Three clients, each with one connection at most, which is kept for as long as the responses allow."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._server = stack.enter_context(Server())
            Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(self._server.shutdown)
            self._reports: list[AttemptReport] = []
            options: dict[str, Any] = {
                "region_name": "eu-west-1",
                "endpoint_url": self._server.url,
                "credentials": CREDENTIALS,
                "retry_mode": "off",
                "timeout": 10.0,
                "max_connections": 1,
                "on_attempt": self._reports.append,
            }
            self._calls: list[Callable[[], Outcome]] = [
                partial(get, stack.enter_context(CodePipelineClient(**options)))
            ]
            for library in ("asyncio", "trio"):
                portal = stack.enter_context(start_blocking_portal(library))
                client = AsyncCodePipelineClient(**options)
                stack.callback(portal.call, client.aclose)
                self._calls.append(in_loop(portal, client))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read(self, response: Response) -> Outcome:
        """Return what all three make of *response*. The next call of each ends well in any case."""
        outcomes: list[Outcome] = []
        for call in self._calls:
            self._reports.clear()
            self._server.response = response
            outcomes.append(call())
            assert len(self._reports) == 1
            self._server.response = NEXT
            is_read_right(call())
        texts = {describe(outcome) for outcome in outcomes}
        assert len(texts) == 1, texts
        return outcomes[0]


async def get_async(client: AsyncCodePipelineClient) -> Outcome:
    try:
        return await client.get_pipeline_execution(pipeline_name=NAME, pipeline_execution_id=ID)
    except CodePipelineError as error:
        return error


def in_loop(portal: BlockingPortal, client: AsyncCodePipelineClient) -> Callable[[], Outcome]:
    return lambda: portal.call(get_async, client)


def is_read_right(outcome: Outcome) -> None:
    assert isinstance(outcome, GetPipelineExecutionOutput), outcome
    assert outcome.raw == {"pipelineExecution": EXECUTION}


def is_typed(outcome: Outcome) -> None:
    """Assert no more than `Readers.read` does."""


def check(responses: st.SearchStrategy[Response], *, claim: Callable[[Outcome], object], first: Response) -> None:
    """Have the clients read generated *responses*, and assert *claim* of each outcome."""
    count = 0
    with Readers() as readers:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        )
        @example(first)
        @given(responses)
        def holds(response: Response) -> None:
            nonlocal count
            count += 1
            claim(readers.read(response))

        holds()
    assert count >= EXAMPLES
    print(f"{count} responses, each read by three clients")


# Any bytes


TOKEN_BYTES: Final = st.sampled_from((*TOKENS, OK, GOOD, GOOD_BODY))
NOISE: Final = st.binary(max_size=200)
ANY: Final = st.one_of(
    NOISE,
    NOISE.map(OK.__add__),
    NOISE.map((OK + b"\r\n").__add__),
    st.lists(TOKEN_BYTES | st.binary(max_size=8), max_size=20).map(b"".join),
    st.lists(TOKEN_BYTES, max_size=20).map(lambda parts: OK + b"".join(parts)),
)


def test_any_bytes_end_in_a_typed_outcome() -> None:
    """Noise, and pieces of HTTP in any order."""
    check(ANY.map(lambda content: Response(pieces=(content,))), claim=is_typed, first=Response(pieces=()))


# Damaged responses


CHUNKS: Final = b"%x;a=b\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(GOOD_BODY), GOOD_BODY)
CHUNKED: Final = b"%bTransfer-Encoding: chunked\r\n\r\n%b" % (OK, CHUNKS)
REFUSAL: Final = (
    b"HTTP/1.1 400 Bad Request\r\nx-amzn-RequestId: 1-2-3\r\nDate: Sun, 22 Nov 2026 11:41:27 GMT\r\n"
    b'Content-Length: 64\r\n\r\n{"__type":"com.x#PipelineNotFoundException:http://","message":1}'
)


@frozen
class Damage:
    """Put *new* in the place of *length* bytes, at a *place* from 0 to 1."""

    place: float
    length: int
    new: bytes


DAMAGES: Final = st.builds(
    Damage,
    st.floats(0, 1),
    st.sampled_from([0, 1, 2, 5, 40]),
    st.one_of(st.just(b""), st.binary(max_size=4), TOKEN_BYTES),
)


def damaged(content: bytes, damages: list[Damage]) -> Response:
    for damage in damages:
        start = int(damage.place * len(content))
        content = content[:start] + damage.new + content[start + damage.length :]
    return Response(pieces=(content,))


def test_a_damaged_response_ends_in_a_typed_outcome() -> None:
    """Good responses and errors, cut, stretched and altered."""
    whole = st.sampled_from([GOOD, CHUNKED, REFUSAL, OK + b"\r\n" + GOOD_BODY])
    check(st.builds(damaged, whole, st.lists(DAMAGES, min_size=1, max_size=6)), claim=is_typed, first=NEXT)


# Whole responses that say anything


TEXTS: Final = st.text(max_size=12) | st.sampled_from([TOKEN, "\ud800", "\udfff\ud800", "\x1b[2J", "é" * 300, "\u2028"])
NUMBERS: Final = st.integers().map(str) | st.sampled_from(
    ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000, "1e308", "253402300800", "-62135596801", "1.5", "-0"]
)
OTHERS: Final = st.sampled_from(["null", "true", "false", "[" * 100_000, "{", "", "\ufeff"])
LEAVES: Final = TEXTS.map(json.dumps) | NUMBERS | OTHERS
MEMBERS: Final = st.sampled_from(
    [
        *("pipelineExecution", "pipelineName", "pipelineExecutionId", "status", "pipelineVersion", "statusSummary"),
        *("artifactRevisions", "created", "name", "revisionSummary", "variables", "resolvedValue", "trigger"),
        *("triggerType", "executionMode", "executionType", "rollbackMetadata", "message", "Message", "__type", "code"),
    ]
)


def json_list(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def json_object(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members) + "}"


def in_execution(members: list[tuple[str, str]]) -> str:
    good = [(name, json.dumps(value)) for name, value in EXECUTION.items()]
    return json_object([("pipelineExecution", json_object([*good, *members]))])


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(inner, max_size=3).map(json_list)
    return lists | st.lists(st.tuples(MEMBERS | TEXTS, inner), max_size=4).map(json_object)


JSON: Final = st.recursive(LEAVES, nested, max_leaves=6)
BODIES: Final = st.binary(max_size=50) | st.one_of(
    JSON,
    st.lists(st.tuples(MEMBERS, JSON), max_size=4).map(in_execution),
    st.lists(st.tuples(MEMBERS, LEAVES), max_size=4).map(json_object),
).map(str.encode)
HEADERS: Final = st.sampled_from(
    [
        *("Date", "Age", "Location", "Content-Encoding", "Content-Type", "Connection", "X-Amzn-ErrorType", "Upgrade"),
        *("x-amzn-RequestId", "x-amz-request-id", "x-amz-retry-after", "Set-Cookie", "Trailer", "X-" + "y" * 500),
    ]
)
LATIN_1: Final = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")
VALUES: Final = st.text(LATIN_1, max_size=20) | st.sampled_from(
    [
        *("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +9999999999999"),
        *("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 0:0:0 +2359", "Sun, 22 Nov 2026 11:41:27 GMT"),
        *("0", "-1", "1" * 5000, "1e9", "gzip", "identity", "deflate, br", "close", "keep-alive", "upgrade"),
        *("ThrottlingException:http://x", "a#b#AccessDeniedException", "ExpiredTokenException", "http://["),
        *("InvalidSignatureException", "", TOKEN, "\xe9\xff", "text/html"),
    ]
)
STATUSES: Final = st.integers(100, 999) | st.sampled_from(
    [200, 200, 200, 400, 400, 403, 429, 500, 503, 201, 204, 206, 301, 304, 307]
)


def framed(status: int, headers: list[tuple[str, str]], body: bytes, framing: str) -> Response:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
    if framing == "length":
        lines += b"Content-Length: %d\r\n" % len(body)
    elif framing == "chunks":
        lines += b"Transfer-Encoding: chunked\r\n"
        body = b"%b0\r\n\r\n" % (b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
    return Response(pieces=(b"HTTP/1.1 %d \r\n%b\r\n%b" % (status, lines, body),))


def test_a_whole_response_that_says_anything_ends_in_a_typed_outcome() -> None:
    """Any status, any headers that there are rules for, any JSON and what is nearly JSON."""
    headers = st.lists(st.tuples(HEADERS, VALUES), max_size=4)
    responses = st.builds(framed, STATUSES, headers, BODIES, st.sampled_from(["length", "chunks", "end"]))
    half = framed(400, [], b'{"__type": "A\\ud800", "message": "a\\ud800"}', "length")
    check(responses, claim=is_typed, first=half)


# Odd but legal responses


def cut(draw: st.DrawFn, content: bytes) -> list[bytes]:
    """Return *content* in up to six pieces."""
    cuts = sorted(draw(st.sets(st.integers(1, len(content) - 1), max_size=5)))
    return [content[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]


@st.composite
def odd(draw: st.DrawFn) -> Response:
    """Return a good response in one of the forms that HTTP and JSON allow."""
    body = draw(st.sampled_from([GOOD_BODY, json.dumps({"pipelineExecution": EXECUTION}, indent=3).encode()]))
    blanks = st.sampled_from([b"", b"\n\n", b" " * 50, b"\r\n\r\n\r\n", b"\t"])
    body = draw(blanks) + body + draw(blanks)
    values = draw(st.lists(st.text(LATIN_1, max_size=9), max_size=3))
    headers = [f"X-{number}:{value}" for number, value in enumerate(values)]
    framing = draw(st.sampled_from(["length", "chunks", "end"]))
    if framing == "length":
        name = draw(st.sampled_from(["Content-Length", "content-length", "CONTENT-LENGTH"]))
        blank, zeros = draw(st.sampled_from(["", " ", " \t "])), "0" * draw(st.integers(0, 5))
        headers.append(f"{name}:{blank}{zeros}{len(body)}{blank}")
    elif framing == "chunks":
        headers.append(draw(st.sampled_from(["Transfer-Encoding: chunked", "transfer-encoding:CHUNKED"])))
        size = draw(st.sampled_from(["%x", "%X", "%08x", "%x;a=b", '%x;a="q"']))
        body = b"".join((size % len(chunk)).encode() + b"\r\n" + chunk + b"\r\n" for chunk in cut(draw, body))
        body += draw(st.sampled_from([b"0\r\n\r\n", b"000\r\n\r\n", b"0\r\nX-End: 1\r\n\r\n"]))
    interim = st.sampled_from(["HTTP/1.1 100 \r\n\r\n", "HTTP/1.1 103 Early\r\nLink: <a>; b\r\n\r\n"])
    status = draw(st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 201 \xe9t\xe9", "HTTP/1.1 299 a  b"]))
    lines = [status, *draw(st.permutations(headers)), "\r\n"]
    head = "".join(draw(st.lists(interim, max_size=3))) + "\r\n".join(lines)
    pieces = cut(draw, head.encode("latin-1") + body)
    if framing != "end":
        another = GOOD.replace(b'ion": 3', b'ion": 4')
        pieces[-1] += draw(st.sampled_from([b"", b"\r\n", b"x", another]))
    return Response(pieces=tuple(pieces), closes=framing == "end" or draw(st.booleans()))


def test_an_odd_but_legal_response_is_read_right() -> None:
    """Interim responses, other framings, cases and blanks, in pieces, followed by more than was asked for."""
    check(odd(), claim=is_read_right, first=NEXT)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(GOOD.replace(b"\r\n", b"\n"), id="line-feeds"),
        pytest.param(GOOD.replace(b"OK\r\n", b"OK\r\nX: a\r\n b\r\n"), id="folded-header"),
        pytest.param(GOOD.replace(b"OK\r\n", b"OK\r\nContent-Length: %d\r\n" % len(GOOD_BODY)), id="length-twice"),
        pytest.param(CHUNKED.replace(b"OK\r\n", b"OK\r\nContent-Length: 5\r\n"), id="two-framings"),
    ],
)
def test_what_might_be_read_in_two_ways_is_refused(content: bytes) -> None:
    """Some servers and proxies would take it, and not all in the same way."""
    with Readers() as readers:
        assert isinstance(readers.read(Response(pieces=(content,))), ConnectionFailedError)
