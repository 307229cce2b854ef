"""
Whatever bytes come as an answer, a call ends in a typed output or a typed error, soon, and harms no later call.

Here are only bytes over real sockets, generated; the sync client and the async one on asyncio and trio read each
answer and have to agree on it. The suite reads some 150 answers of each kind. A long run takes the number from the
environment:

    EXAMPLES=30000 python -m pytest tests/test_any_bytes.py -p no:randomly

reads 120 000 answers, three times each. The same number generates the same answers.
"""

from __future__ import annotations

import json
import os
import pickle
import selectors
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from threading import Thread
from typing import Any, Final, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import frozen
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codepipeline_client import (
    AsyncCodePipelineClient,
    AttemptReport,
    CodePipelineClient,
    CodePipelineError,
    Credentials,
    GetPipelineExecutionOutput,
    RequestTimeoutError,
    ServiceError,
)

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "150"))
SETTINGS: Final = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

TOKEN: Final = "a-token-that-nobody-may-see"
KEYS: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="not-to-be-seen", session_token=TOKEN)
NAME, ID = "web", "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"
EXECUTION: Final = {"pipelineName": NAME, "pipelineExecutionId": ID, "status": "Succeeded", "pipelineVersion": 3}
GOOD_BODY: Final = json.dumps({"pipelineExecution": EXECUTION}).encode()
OK: Final = b"HTTP/1.1 200 OK\r\n"

Outcome = GetPipelineExecutionOutput | CodePipelineError


@frozen(kw_only=True)
class Answer:
    """Bytes to send, in so many pieces, and whether the connection is closed behind them."""

    pieces: tuple[bytes, ...]
    closes: bool = True


GOOD: Final = Answer(pieces=(b"%bContent-Length: %d\r\n\r\n%b" % (OK, len(GOOD_BODY), GOOD_BODY),), closes=False)


class Replay:
    """A server in one thread that answers each request with what it was told, whatever that is."""

    def __init__(self) -> None:
        self.answer = GOOD
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop, self._stopped = socket.socketpair()
        self._thread = Thread(target=self._serve, daemon=True)
        self.url: Final = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.close()
        self._thread.join()

    def _serve(self) -> None:
        asked: dict[socket.socket, bytes] = {}
        with selectors.DefaultSelector() as selector, self._listener, self._stopped:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select()]
                if self._stopped in ready:
                    break
                for each in ready:
                    if each is self._listener:
                        new, _ = self._listener.accept()
                        new.settimeout(10)
                        new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        asked[new] = b""
                        selector.register(new, selectors.EVENT_READ)
                    elif isinstance(each, socket.socket) and not self._converse(each, asked):
                        selector.unregister(each)
                        asked.pop(each)
                        each.close()
            for each in asked:
                each.close()

    def _converse(self, connection: socket.socket, asked: dict[socket.socket, bytes]) -> bool:
        with suppress(OSError):  # the client may hang up, and then has what it wanted
            came = connection.recv(65536)
            asked[connection] += came
            if not came:
                return False
            if not asked[connection].endswith(b"}"):
                return True
            asked[connection] = b""
            answer = self.answer
            for piece in answer.pieces:
                connection.sendall(piece)
            return not answer.closes
        return False


class Readers:
    """The three clients, each with one connection at most, which all the answers come over as far as it lasts."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._server = stack.enter_context(Replay())
            self._reports: list[AttemptReport] = []
            options: dict[str, Any] = {
                "region_name": "eu-west-1",
                "endpoint_url": self._server.url,
                "credentials": KEYS,
                "retry_mode": "off",
                "timeout": 10.0,
                "max_connections": 1,
                "on_attempt": self._reports.append,
            }
            sync = stack.enter_context(CodePipelineClient(**options))
            self._calls: list[Callable[[], Outcome]] = [partial(_called, sync)]
            for library in ("asyncio", "trio"):
                portal = stack.enter_context(start_blocking_portal(library))
                client = AsyncCodePipelineClient(**options)
                stack.callback(portal.call, client.aclose)
                self._calls.append(_through(portal, client))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def read(self, answer: Answer) -> Outcome:
        """Return what all three make of *answer*, once each has shown that its next call goes well all the same."""
        outcomes: list[Outcome] = []
        for call in self._calls:
            self._reports.clear()
            self._server.answer = answer
            outcomes.append(call())
            assert len(self._reports) == 1
            self._server.answer = GOOD
            after = call()
            assert isinstance(after, GetPipelineExecutionOutput), after
            assert after.pipeline_execution.pipeline_version == 3
        words = {_words(outcome) for outcome in outcomes}
        assert len(words) == 1, words
        return outcomes[0]


def _called(client: CodePipelineClient) -> Outcome:
    try:
        return client.get_pipeline_execution(pipeline_name=NAME, pipeline_execution_id=ID)
    except CodePipelineError as error:
        return error


async def _acalled(client: AsyncCodePipelineClient) -> Outcome:
    try:
        return await client.get_pipeline_execution(pipeline_name=NAME, pipeline_execution_id=ID)
    except CodePipelineError as error:
        return error


def _through(portal: BlockingPortal, client: AsyncCodePipelineClient) -> Callable[[], Outcome]:
    return lambda: portal.call(_acalled, client)


def _words(outcome: Outcome) -> str:
    """Return all that an outcome says, less the port. It can be encoded and pickled, and holds no secret."""
    if isinstance(outcome, GetPipelineExecutionOutput):
        assert outcome.response_metadata.attempts == 1
        words = repr(outcome.pipeline_execution)
    else:
        assert not isinstance(outcome, RequestTimeoutError), "all was sent, and the connection closed"
        assert outcome.attempts == 1
        words = f"{type(outcome).__name__}: {outcome}"
        assert TOKEN not in words
        if isinstance(outcome, ServiceError):
            words += f" {outcome.code} {outcome.message} {outcome.request_id}"
    words.encode()
    pickle.loads(pickle.dumps(outcome))
    return words


def check(answers: st.SearchStrategy[Answer], *, claim: Callable[[Outcome], object], first: Answer = GOOD) -> None:
    """Let the clients read all sorts of *answers*: *claim* is asserted of each outcome."""
    count = 0
    with Readers() as readers:

        @SETTINGS
        @example(first)
        @given(answers)
        def holds(answer: Answer) -> None:
            nonlocal count
            count += 1
            claim(readers.read(answer))

        holds()
    assert count >= EXAMPLES
    print(f"{count} answers, three times each")


def typed(outcome: Outcome) -> None:
    """Claim no more than `Readers.read` has seen to."""


# Bytes


TOKENS: Final = st.sampled_from(
    [
        *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"200", b"204", b"100", b"101", b"503", b" ", b"\r\n", b"\n", b"\r", b": ", b":"),
        *(b"\r\n\r\n", b"Content-Length", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"\t"),
        *(b"Connection: close\r\n", b"0\r\n\r\n", b"5\r\n", b"ffffffffffffffff", b"9" * 30, b"1" * 5000, b"-1"),
        *(b"{", b"}", b'"', b"\x00", b"\xff", OK, GOOD_BODY, GOOD.pieces[0], b"%x\r\n" % len(GOOD_BODY)),
    ]
)
NOISE: Final = st.binary(max_size=200)
ANY: Final = st.one_of(
    NOISE,
    NOISE.map(OK.__add__),
    NOISE.map((OK + b"\r\n").__add__),
    st.lists(TOKENS | st.binary(max_size=8), max_size=20).map(b"".join),
    st.lists(TOKENS, max_size=20).map(lambda parts: OK + b"".join(parts)),
)


def test_any_bytes_end_in_a_typed_outcome() -> None:
    """Noise, and pieces of HTTP in any order."""
    check(ANY.map(lambda content: Answer(pieces=(content,))), claim=typed, first=Answer(pieces=()))


# Answers with some damage


@frozen
class Damage:
    """Put *new* in the place of *length* bytes, at a *place* from 0 to 1."""

    place: float
    length: int
    new: bytes

    def done(self, content: bytes) -> bytes:
        """Return what is left of *content*."""
        start = int(self.place * len(content))
        return content[:start] + self.new + content[start + self.length :]


CHUNKED: Final = b"%bTransfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (
    OK,
    len(GOOD_BODY),
    GOOD_BODY,
)
REFUSAL: Final = (
    b"HTTP/1.1 400 Bad Request\r\nx-amzn-RequestId: 1-2-3\r\nDate: Sun, 22 Nov 2026 11:41:27 GMT\r\n"
    b'Content-Length: 64\r\n\r\n{"__type":"com.x#PipelineNotFoundException:http://","message":1}'
)
WHOLE: Final = st.sampled_from([GOOD.pieces[0], CHUNKED, REFUSAL, OK + b"\r\n" + GOOD_BODY])
DAMAGES: Final = st.lists(
    st.builds(
        Damage,
        st.floats(0, 1),
        st.sampled_from([0, 1, 2, 5, 40]),
        st.one_of(st.just(b""), st.binary(max_size=4), TOKENS),
    ),
    min_size=1,
    max_size=6,
)


def damaged(content: bytes, damages: list[Damage]) -> Answer:
    for damage in damages:
        content = damage.done(content)
    return Answer(pieces=(content,))


def test_a_damaged_answer_ends_in_a_typed_outcome() -> None:
    """Good answers and refusals, cut, stretched and altered."""
    check(st.builds(damaged, WHOLE, DAMAGES), claim=typed)


# Answers that are whole, and say anything


ODD_LETTERS: Final = st.sampled_from([TOKEN, "\ud800", "\udfff\ud800", "\x1b[2J", "é" * 300, "\u2028"])
LETTERS: Final = st.text(max_size=12) | ODD_LETTERS
NUMBERS: Final = st.sampled_from(
    ["1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000, "1e308", "253402300800", "-62135596801", "1.5", "-0"]
) | st.integers().map(str)
OTHERS: Final = st.sampled_from(["null", "true", "false", "[" * 100_000, "{", "", "\ufeff"])
LEAVES: Final = LETTERS.map(json.dumps) | NUMBERS | OTHERS
NAMES: Final = st.sampled_from(
    [
        *("pipelineExecution", "pipelineName", "pipelineExecutionId", "status", "pipelineVersion", "statusSummary"),
        *("artifactRevisions", "created", "name", "revisionSummary", "variables", "resolvedValue", "trigger"),
        *("triggerType", "executionMode", "executionType", "rollbackMetadata", "message", "Message", "__type", "code"),
    ]
)


def _list(items: list[str]) -> str:
    return f"[{','.join(items)}]"


def _object(members: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in members) + "}"


def _inside(members: list[tuple[str, str]]) -> str:
    good = [(name, json.dumps(value)) for name, value in EXECUTION.items()]
    return _object([("pipelineExecution", _object([*good, *members]))])


JSON: Final = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3).map(_list) | st.lists(st.tuples(NAMES | LETTERS, inner), max_size=4).map(_object)
    ),
    max_leaves=6,
)
BODIES: Final = st.one_of(
    JSON,
    st.lists(st.tuples(NAMES, JSON), max_size=4).map(_inside),
    st.lists(st.tuples(NAMES, LEAVES), max_size=4).map(_object),
).map(str.encode) | st.binary(max_size=50)
HEADER_NAMES: Final = st.sampled_from(
    [
        *("Date", "Age", "Location", "Content-Encoding", "Content-Type", "Connection", "X-Amzn-ErrorType", "Upgrade"),
        *("x-amzn-RequestId", "x-amz-request-id", "x-amz-retry-after", "Set-Cookie", "Trailer", "X-" + "y" * 500),
    ]
)
VALUES: Final = st.sampled_from(
    [
        *("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2026 00:00:00 +9999999999999"),
        *("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 0:0:0 +2359", "Sun, 22 Nov 2026 11:41:27 GMT"),
        *(
            "0",
            "-1",
            "1" * 5000,
            "1e9",
            "gzip",
            "identity",
            "deflate, br",
            "close",
            "keep-alive",
            "upgrade",
            "http://[",
        ),
        *("ThrottlingException:http://x", "a#b#AccessDeniedException", "ExpiredTokenException"),
        *("InvalidSignatureException", "", TOKEN, "\xe9\xff", "text/html"),
    ]
) | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
LIKELY: Final = st.sampled_from([200, 200, 200, 400, 400, 403, 429, 500, 503, 201, 204, 206, 301, 304, 307])
STATUSES: Final = LIKELY | st.integers(100, 999)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"Content-Length: %d\r\n" % len(body), body


def _chunks(body: bytes) -> tuple[bytes, bytes]:
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return b"Transfer-Encoding: chunked\r\n", chunk + b"0\r\n\r\n"


def _rest(body: bytes) -> tuple[bytes, bytes]:
    return b"", body


def framed(
    status: int, headers: list[tuple[str, str]], body: bytes, frame: Callable[[bytes], tuple[bytes, bytes]]
) -> Answer:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
    told, sent = frame(body)
    return Answer(pieces=(b"HTTP/1.1 %d \r\n%b%b\r\n%b" % (status, lines, told, sent),))


def test_a_whole_answer_that_says_anything_ends_in_a_typed_outcome() -> None:
    """Any status, any headers that there are rules for, any JSON and what is nearly JSON."""
    headers = st.lists(st.tuples(HEADER_NAMES, VALUES), max_size=4)
    frames = st.sampled_from([_length, _chunks, _rest])
    half = framed(400, [], b'{"__type": "A\\ud800", "message": "a\\ud800"}', _length)
    check(st.builds(framed, STATUSES, headers, BODIES, frames), claim=typed, first=half)


# Answers that are odd, and right


@st.composite
def odd(draw: st.DrawFn) -> Answer:
    """A good answer, as HTTP and JSON allow to put it."""
    body = draw(st.sampled_from([GOOD_BODY, json.dumps({"pipelineExecution": EXECUTION}, indent=3).encode()]))
    blanks = st.sampled_from([b"", b"\n\n", b" " * 50, b"\r\n\r\n\r\n", b"\t"])
    body = draw(blanks) + body + draw(blanks)
    unknown = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=9)
    headers = [f"X-{number}:{value}" for number, value in enumerate(draw(st.lists(unknown, max_size=3)))]
    framing = draw(st.sampled_from(["length", "chunks", "rest"]))
    if framing == "length":
        zeros = "0" * draw(st.integers(0, 5))
        name = draw(st.sampled_from(["Content-Length", "content-length", "CONTENT-LENGTH"]))
        pad = draw(st.sampled_from(["", " ", " \t "]))
        headers += [f"{name}:{pad}{zeros}{len(body)}{pad}"] * draw(st.integers(1, 2))
    elif framing == "chunks":
        headers.append(draw(st.sampled_from(["Transfer-Encoding: chunked", "transfer-encoding:CHUNKED"])))
        body = draw(chunked(body))
    headers = draw(st.permutations(headers))
    line = draw(st.sampled_from(["\r\n", "\n"]))
    head = draw(st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 201 \xe9t\xe9", "HTTP/1.1 299 a  b"]))
    interim = draw(
        st.lists(st.sampled_from(["HTTP/1.1 100 \r\n\r\n", "HTTP/1.1 103 Early\r\nLink: <a>; b\r\n\r\n"]), max_size=3)
    )
    content = "".join([*interim, *(text + line for text in (head, *headers)), line]).encode("latin-1") + body
    cuts = sorted(draw(st.lists(st.integers(0, len(content) - 1), max_size=4)))
    pieces = [content[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    closes = framing == "rest" or draw(st.booleans())
    another = GOOD.pieces[0].replace(b'ion": 3', b'ion": 4')
    unasked = b"" if framing == "rest" else draw(st.sampled_from([b"", b"\r\n", b"x", another]))
    return Answer(pieces=(*pieces[:-1], pieces[-1] + unasked), closes=closes)


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """A body in chunks of any size."""
    cuts = sorted(draw(st.sets(st.integers(1, len(body) - 1), max_size=5)))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
    size = draw(st.sampled_from(["%x", "%X", "%08x", "%x;a=b", '%x;"q"=1']))
    lines = [(size % len(chunk)).encode() + b"\r\n" + chunk + b"\r\n" for chunk in chunks]
    return b"".join(lines) + draw(st.sampled_from([b"0\r\n\r\n", b"000\r\n\r\n", b"0\r\nX-End: 1\r\n\r\n"]))


def right(outcome: Outcome) -> None:
    """Claim that the execution was read."""
    assert isinstance(outcome, GetPipelineExecutionOutput), outcome
    assert outcome.pipeline_execution.pipeline_version == 3


def test_an_odd_but_legal_answer_is_read_right() -> None:
    """Interim answers, other framings, cases and blanks, in pieces, with more behind than was asked for."""
    check(odd(), claim=right)


def test_the_long_run_is_long_enough() -> None:
    """The number in the head of this file makes the 100 000 answers that are promised."""
    document = __doc__ or ""
    assert "EXAMPLES=30000 " in document
    assert 4 * 30_000 >= 100_000
