"""The short way past httpcore reads and writes what httpcore would, or leaves it to httpcore, which is the oracle."""

from __future__ import annotations

import socket
from itertools import pairwise
from typing import Any, Final

import anyio
import httpx
import pytest
from attrs import frozen
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._async_link import AsyncConnection
from codepipeline_client._async_network import TaskWire
from codepipeline_client._broken import Broken
from codepipeline_client._call import Call
from codepipeline_client._http1 import decode, encode, is_whole
from codepipeline_client._line import Line
from codepipeline_client._link import Connection
from codepipeline_client._names import Names
from codepipeline_client._network import ThreadWire
from tests.through_pool import in_transit

LINE: Final = Line(verify=True, max_connections=1)
OK: Final = b"HTTP/1.1 200 OK\r\n"
LENGTH: Final = b"Content-Length: 5\r\n"
PLAIN: Final = OK + LENGTH + b"\r\nhello"


@frozen
class Reading:
    """What came of an answer, and what was sent for it."""

    outcome: tuple[object, ...]
    may_be_kept: bool
    sent: bytes
    way: str
    """The class of the answer."""


class Script:
    """What a peer sends, piece by piece, and then its end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.sent = b""

    def next(self) -> bytes:
        """Return what comes next."""
        return self.pieces.pop(0) if self.pieces else b""


class ScriptedThreadWire(ThreadWire):
    """A wire to a script."""

    def __init__(self, script: Script) -> None:
        super().__init__(Names(), lambda: 0.0)
        self.script = script

    def connect(self, host: str, port: int, seconds: float | None) -> None:
        self._new_socket(socket.AF_INET)

    def _send(self, content: bytes, depth: int, seconds: float | None) -> None:
        self.script.sent += content

    def _receive(self, depth: int, seconds: float | None) -> bytes:
        return self.script.next()


class ScriptedTaskWire(TaskWire):
    """A wire to a script."""

    def __init__(self, script: Script) -> None:
        super().__init__(Names(), lambda: 0.0)
        self.script = script

    async def connect(self, host: str, port: int, seconds: float | None) -> None:
        self._new_socket(socket.AF_INET)

    async def _send(self, content: bytes, depth: int, seconds: float | None) -> None:
        self.script.sent += content

    async def _receive(self, depth: int, seconds: float | None) -> bytes:
        return self.script.next()


def call(through_httpcore: bool, **changed: Any) -> Call:
    """Return a request. A tracer is httpcore's to serve."""
    extensions = {"trace": unheard} if through_httpcore else {}
    options: dict[str, Any] = {"method": "POST", "url": "http://far.test/x?a=b", "content": b"ask", **changed}
    return Call(in_transit(httpx.Request(extensions=extensions, **options)), lambda: 0.0)


def unheard(event: str, info: object) -> None:
    """Hear of what httpcore does."""


def read(pieces: list[bytes], *, through_httpcore: bool, **changed: Any) -> Reading:
    """Return what a sync connection makes of an answer."""
    wire, asked = ScriptedThreadWire(Script(pieces)), call(through_httpcore, **changed)
    connection = Connection(LINE, asked.origin, None, wire)
    body, way = b"", "none"
    head: tuple[Any, ...] = ()
    try:
        found = connection.send(asked)
        way, head = type(found).__name__, told(found)
        for piece in found:
            body += piece
        found.close()
    except Broken as error:
        head = (*head, type(error), str(error))
    finally:
        may_be_kept = connection.is_free
        wire.drop()
    return Reading((*head, body), may_be_kept, wire.script.sent, way)


async def read_async(pieces: list[bytes], *, through_httpcore: bool, **changed: Any) -> Reading:
    """Return what an async connection makes of an answer."""
    wire, asked = ScriptedTaskWire(Script(pieces)), call(through_httpcore, **changed)
    connection = AsyncConnection(LINE, asked.origin, None, wire)
    body, way = b"", "none"
    head: tuple[Any, ...] = ()
    try:
        found = await connection.send(asked)
        way, head = type(found).__name__, told(found)
        async for piece in found:
            body += piece
        await found.aclose()
    except Broken as error:
        head = (*head, type(error), str(error))
    finally:
        may_be_kept = connection.is_free
        wire.drop()
    return Reading((*head, body), may_be_kept, wire.script.sent, way)


def told(found: Any) -> tuple[Any, ...]:
    """Return what httpx shows of a head."""
    response = httpx.Response(found.status, headers=found.headers, extensions=found.extensions)
    version, reason = response.http_version, response.extensions["reason_phrase"]
    return response.status_code, version, reason, tuple(response.headers.raw)


def split(content: bytes, cuts: list[int]) -> list[bytes]:
    """Cut *content* at the given places."""
    edges = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[start:end] for start, end in pairwise(edges)]


def check(pieces: list[bytes], **changed: Any) -> str:
    """Let both kinds of connection read an answer, past httpcore and through it. Returns the way that it took."""
    expected = read(list(pieces), through_httpcore=True, **changed)
    found = read(list(pieces), through_httpcore=False, **changed)
    found_async = anyio.run(lambda: read_async(list(pieces), through_httpcore=False, **changed))
    for each in (found, found_async):
        assert (each.outcome, each.may_be_kept, each.sent) == (expected.outcome, expected.may_be_kept, expected.sent)
    assert found_async.way.removeprefix("Async") == found.way
    return found.way


TABLE: Final = [
    pytest.param(PLAIN, "Plain", id="plain"),
    pytest.param(OK + b"Content-Length: 0\r\n\r\n", "Plain", id="empty"),
    pytest.param(b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", "Plain", id="no-words"),
    pytest.param(b"HTTP/1.1 599 \xe9 \t\r\ncontent-LENGTH:5\r\nX:\t \r\n\r\nhello", "Plain", id="odd-but-plain"),
    pytest.param(OK + LENGTH + b"Connection: Keep-Alive\r\n\r\nhello", "Plain", id="keep-alive"),
    pytest.param(OK + LENGTH + b"\r\nhel", "Plain", id="closed-in-the-body"),
    pytest.param(PLAIN + b" world", "Plain", id="more-than-announced"),
    pytest.param(PLAIN + PLAIN, "Plain", id="twice"),
    pytest.param(b"", "none", id="nothing"),
    pytest.param(OK + LENGTH, "none", id="closed-in-the-head"),
    pytest.param(OK + LENGTH + b"Connection: close\r\n\r\nhello", "Detoured", id="close"),
    pytest.param(b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\nhello", "Detoured", id="old-version"),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", "Detoured", id="204"),
    pytest.param(b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\n", "Detoured", id="204-with-length"),
    pytest.param(b"HTTP/1.1 304 Not Modified\r\n" + LENGTH + b"\r\n", "Detoured", id="304"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN, "Detoured", id="continued"),
    pytest.param(b"HTTP/1.1 200\r\n" + LENGTH + b"\r\nhello", "Detoured", id="no-space-behind-the-status"),
    pytest.param(OK + b"\r\nhello", "Detoured", id="no-length"),
    pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "Detoured", id="chunks"),
    pytest.param(OK + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Detoured", id="chunks-and-length"),
    pytest.param(OK + LENGTH + LENGTH + b"\r\nhello", "Detoured", id="same-length-twice"),
    pytest.param(OK + LENGTH + b"Set-Cookie: a\r\nset-cookie: b\r\n\r\nhello", "Detoured", id="a-header-twice"),
    pytest.param(OK + b"Content-Length: 5, 5\r\n\r\nhello", "Detoured", id="lengths-in-one"),
    pytest.param(OK + LENGTH + b"X: a\r\n b\r\n\r\nhello", "Detoured", id="folded"),
    pytest.param(OK + LENGTH + b"X: \x01\r\n\r\nhello", "Detoured", id="control-character"),
    pytest.param(OK.replace(b"\r", b"") + LENGTH.replace(b"\r", b"") + b"\nhello", "Detoured", id="bare-newlines"),
    pytest.param(OK + LENGTH + b"X: y\n\r\nhello", "Detoured", id="one-bare-newline"),
    pytest.param(OK + LENGTH + b"Content-Length: 6\r\n\r\nhello", "none", id="two-lengths"),
    pytest.param(OK + b"Content-Length: +5\r\n\r\nhello", "none", id="signed-length"),
    pytest.param(OK + b"Content-Length: " + b"9" * 21 + b"\r\n\r\nhello", "none", id="endless-length"),
    pytest.param(OK + LENGTH + b"X : y\r\n\r\nhello", "none", id="space-before-the-colon"),
    pytest.param(OK + LENGTH + b": y\r\n\r\nhello", "none", id="no-name"),
    pytest.param(OK + LENGTH + b"X\r\n\r\nhello", "none", id="no-colon"),
    pytest.param(OK + LENGTH + b"X: \0\r\n\r\nhello", "none", id="nul"),
    pytest.param(b"HTTP/1.1 2x0 OK\r\n" + LENGTH + b"\r\nhello", "none", id="status-is-no-number"),
    pytest.param(b"ICY 200 OK\r\n\r\n", "none", id="not-http"),
    pytest.param(b"\x15\x03\x01\x00\x02\x02", "none", id="tls"),
    pytest.param(b"\r\n" + PLAIN, "none", id="blank-line-first"),
    pytest.param(OK + b"X: " + b"y" * 200_000, "none", id="endless-head"),
]


@pytest.mark.parametrize(("answer", "way"), TABLE)
def test_an_answer_is_read_as_httpcore_reads_it(answer: bytes, way: str) -> None:
    """In one piece and in several: status, headers, body, failure, and whether the connection may be kept."""
    assert check([answer]) == way
    assert check([answer[:7], answer[7:30], answer[30:]]) == way


def altered(at: int, new: bytes) -> bytes:
    """Return a plain answer with one byte replaced."""
    return PLAIN[:at] + new + PLAIN[at + 1 :]


PARTS: Final = st.sampled_from(
    [
        *(
            OK,
            LENGTH,
            b"\r\n",
            b"\n",
            b"\r",
            b"hello",
            b"HTTP/1.1 ",
            b"HTTP/1.0 200 OK\r\n",
            b"200",
            b"204",
            b" ",
            b":",
        ),
        *(b"Connection: close\r\n", b"Connection: a, keep-alive\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        *(
            b"X: y\r\n",
            b"x:y\r\n",
            b" folded\r\n",
            b"\t",
            b"\0",
            b"\xff",
            b"Content-Length:5",
            b"Content-Length: 05\r\n",
        ),
        *(b"HTTP/1.1 100 Continue\r\n\r\n", b"\r\n\r\n", b"\x0b", b"\x85", b"_-!: 1\r\n", b"\x7f"),
    ]
)
ANSWERS: Final = st.one_of(
    st.lists(PARTS, max_size=8).map(b"".join),
    st.lists(PARTS, max_size=6).map(lambda parts: OK + LENGTH + b"".join(parts) + b"\r\nhello"),
    st.builds(altered, st.integers(0, len(PLAIN)), st.binary(max_size=2)),
)


@given(answer=ANSWERS, cuts=st.lists(st.integers(0, 200), max_size=4))
@example(answer=PLAIN, cuts=[])
def test_whatever_comes_is_read_as_httpcore_reads_it(answer: bytes, cuts: list[int]) -> None:
    pieces = split(answer, cuts)
    expected, found = (read(list(pieces), through_httpcore=each) for each in (True, False))
    assert (found.outcome, found.may_be_kept, found.sent) == (expected.outcome, expected.may_be_kept, expected.sent)


SENDS: Final = [
    pytest.param({}, True, id="ours"),
    pytest.param({"content": b""}, True, id="no-body"),
    pytest.param({"headers": {"X-Amz-Target": "a.B", "authorization": "AWS4 a=b, c=d"}}, True, id="headers"),
    pytest.param({"headers": [("X", "1"), ("x", "2")]}, False, id="a-header-twice"),
    pytest.param({"headers": [("a", "b"), ("Host", "far.test")]}, False, id="host-is-not-first"),
    pytest.param({"headers": {"X": ""}}, False, id="empty-header"),
    pytest.param({"headers": {"X": " y"}}, False, id="leading-space"),
    pytest.param({"headers": {"X": "y\t"}}, False, id="trailing-tab"),
    pytest.param({"headers": {"X": "y\r\nZ: 1"}}, False, id="smuggled-line"),
    pytest.param({"headers": {"X y": "z"}}, False, id="space-in-a-name"),
    pytest.param({"headers": {"": "z"}}, False, id="no-name"),
    pytest.param({"headers": {"Connection": "close"}}, False, id="close"),
    pytest.param({"headers": {"Expect": "100-continue"}}, False, id="expecting"),
    pytest.param({"headers": {"Transfer-Encoding": "chunked"}}, False, id="chunks"),
    pytest.param({"method": "GET", "content": None}, False, id="get"),
    pytest.param({"method": "HEAD", "content": None}, False, id="head"),
]


@pytest.mark.parametrize(("changed", "is_plain"), SENDS)
def test_a_request_is_sent_as_httpcore_sends_it(changed: dict[str, Any], is_plain: bool) -> None:
    """The same bytes, or left to httpcore."""
    answer = OK + b"Content-Length: 0\r\n\r\n"
    way = check([answer], **changed)
    assert (way == "Plain") is is_plain
    assert (call(False, **changed).content is not None) is is_plain


def test_a_target_of_its_own_is_left_to_httpcore() -> None:
    """An extension that it serves: what is asked for there is not what the URL says."""
    url, script = "http://far.test/x", Script([PLAIN])
    asked = Call(in_transit(httpx.Request("POST", url, extensions={"target": b"/other"})), lambda: 0.0)
    wire = ScriptedThreadWire(script)
    found = Connection(LINE, asked.origin, None, wire).send(asked)
    assert (b"".join(found), script.sent.split(b"\r\n")[0]) == (b"hello", b"POST /other HTTP/1.1")
    wire.drop()


def test_a_request_without_headers_is_left_to_httpcore_to_refuse() -> None:
    assert encode("POST", b"/", [], b"") is None


def test_a_length_that_is_wrong_is_left_to_httpcore_to_refuse() -> None:
    assert call(False, headers={"Content-Length": "4"}).content is None


def test_an_answer_to_head_has_no_body() -> None:
    assert check([OK + LENGTH + b"\r\n"], method="HEAD", content=None) == "Detoured"


@pytest.mark.parametrize("target", [b"", b"/a b", b"/\xff", b"/\n"])
def test_a_target_that_cannot_be_sent_is_left_to_httpcore(target: bytes) -> None:
    headers = [(b"Host", b"far.test"), (b"Content-Length", b"0")]
    assert encode("POST", b"/", headers, b"") is not None
    assert encode("POST", target, headers, b"") is None


def test_a_head_without_its_blank_line_says_nothing_yet() -> None:
    assert not is_whole(b"")
    assert not is_whole(OK + LENGTH)
    assert decode(OK + LENGTH) is None


@pytest.fixture(autouse=True)
def nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here is no network: a script answers."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
