"""
Whatever bytes come as a response, a call ends in a typed output or a typed error, soon, and harms no later call.

The bytes come over real sockets. A sync client and an async one on asyncio and on trio read each response, and have
to agree on it. The variable EXAMPLES says how many there are in a longer run than the suite's:

    EXAMPLES=100000 python -m pytest tests/test_any_bytes.py -s
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from codepipeline_client import AttemptReport, GetPipelineExecutionOutput, errors
from tests._http.peer import Peer, Talk
from tests.clients import KINDS, opened
from tests.endpoint import Outcome, outcome_of
from tests.fuzz.seeds import mutations, seeds
from tests.fuzz.target import CREDENTIALS, EXECUTION, GOOD, GOOD_BODY, Target, describe

EXAMPLES: Final = int(os.environ.get("EXAMPLES", "150"))


@frozen(kw_only=True)
class Response:
    """Bytes to send, in so many pieces, and whether the connection is closed after them."""

    pieces: tuple[bytes, ...]
    closes: bool = True


NEXT: Final = Response(pieces=(GOOD,), closes=False)


Read = Callable[[Response], Outcome]
"""Returns what all three clients make of a response."""


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """Have three clients, each with one connection at most, which is kept for as long as the responses allow."""
    response = NEXT
    reports: list[AttemptReport] = []

    def respond(talk: Talk) -> None:
        while True:
            talk.read(b"}")
            talk.peer.heads.clear()  # or a long run would keep them all
            talk.peer.requests.clear()
            now = response
            for piece in now.pieces:
                talk.write(piece)
            if now.closes:
                break

    def read(odd: Response) -> Outcome:
        nonlocal response
        outcomes: list[Outcome] = []
        for client in clients:
            reports.clear()
            response = odd
            outcomes.append(outcome_of(client))
            assert len(reports) == 1
            response = NEXT  # which ends well in any case
            is_read_right(outcome_of(client))
        texts = {describe(outcome) for outcome in outcomes}
        # Which of two faults a client sees first depends on how much it reads at once: 64 or 256 KiB.
        assert len(texts) == 1 or all("no valid and complete response" in text for text in texts), texts
        return outcomes[0]

    with Peer(respond) as peer, ExitStack() as stack:
        options: dict[str, Any] = {
            "region_name": "eu-west-1",
            "endpoint_url": peer.url,
            "credentials": CREDENTIALS,
            "retry_mode": "off",
            "timeout": 10.0,
            "max_connections": 1,
            "on_attempt": reports.append,
        }
        clients = [stack.enter_context(opened(kind, **options)) for kind in KINDS]
        yield read


def is_read_right(outcome: Outcome) -> None:
    assert isinstance(outcome, GetPipelineExecutionOutput), outcome
    assert outcome.raw == {"pipelineExecution": EXECUTION}


def test_any_bytes_end_in_a_typed_outcome(read: Read) -> None:
    """Real responses and odd ones, cut, stretched and altered."""
    for data in mutations(list(seeds()), count=EXAMPLES, seed=2):
        read(Response(pieces=(data[1:],)))
    print(f"{EXAMPLES} responses, each read by three clients")


def test_whatever_comes_over_a_connection_ends_typed() -> None:
    """The short form of the fuzzer: its function on the inputs that it starts from, and on mutations of them."""
    inputs = list(seeds())
    with Target() as target:
        outcomes = Counter(type(target.check(each)) for each in (*inputs, *mutations(inputs, count=600, seed=1)))
    for kind in (
        GetPipelineExecutionOutput,
        errors.ConnectionFailedError,
        errors.ResponseDecodeError,
        errors.ServiceError,
        errors.PipelineNotFoundException,
        errors.ThrottlingException,
    ):
        assert outcomes[kind] > 3, outcomes


# Odd but legal responses


LATIN_1: Final = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f")


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


@settings(max_examples=EXAMPLES, derandomize=True, database=None)
@given(response=odd())
def test_an_odd_but_legal_response_is_read_right(read: Read, response: Response) -> None:
    """Interim responses, other framings, cases and blanks, in pieces, followed by more than one response."""
    is_read_right(read(response))


CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (
    len(GOOD_BODY),
    GOOD_BODY,
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(GOOD.replace(b"\r\n", b"\n"), id="line-feeds"),
        pytest.param(GOOD.replace(b"OK\r\n", b"OK\r\nX: a\r\n b\r\n"), id="folded-header"),
        pytest.param(GOOD.replace(b"OK\r\n", b"OK\r\nContent-Length: %d\r\n" % len(GOOD_BODY)), id="length-twice"),
        pytest.param(CHUNKED.replace(b"OK\r\n", b"OK\r\nContent-Length: 5\r\n"), id="two-framings"),
    ],
)
def test_what_might_be_read_in_two_ways_is_refused(read: Read, content: bytes) -> None:
    """Some servers and proxies would take it, and not all in the same way."""
    assert isinstance(read(Response(pieces=(content,))), errors.ConnectionFailedError)
