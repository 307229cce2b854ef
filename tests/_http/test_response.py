"""A response out of bytes: where it ends, what is refused, and what follows it is noticed."""

from __future__ import annotations

import gc
import weakref

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._http.response import MAX_BODY, MAX_OVERHEAD, ResponseParser

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"


def parse(*pieces: bytes) -> ResponseParser:
    parser = ResponseParser()
    for piece in pieces:
        parser.feed(piece)
    return parser


@pytest.mark.parametrize(
    ("data", "body", "allows_reuse"),
    [
        pytest.param(OK, b"ok", True, id="length"),
        pytest.param(CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", b"ok", True, id="chunks"),
        pytest.param(CHUNKED + b"2\r\nok\r\n0\r\nX-Trailer: a\r\n\r\n", b"ok", True, id="trailers"),
        pytest.param(INTERIM * 3 + OK, b"ok", True, id="interim-responses"),
        pytest.param(OK.replace(b"200", b"199") + OK, b"ok", True, id="interim-response-with-a-body"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", True, id="no-content"),
        pytest.param(OK.replace(b"OK", b""), b"ok", True, id="no-reason"),
        pytest.param(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"ok", False, id="close"),
        pytest.param(OK.replace(b"1.1", b"1.0"), b"ok", False, id="http-1.0"),
        pytest.param(OK + OK, b"ok", False, id="a-second-response"),
        pytest.param(OK + b"H", b"ok", False, id="a-byte-too-many"),
        pytest.param(OK + b"\0garbage", b"ok", False, id="garbage-behind"),
        pytest.param(OK + b"x" * 150_000, b"ok", False, id="much-garbage-behind"),
        pytest.param(OK + SWITCH, b"ok", False, id="a-switch-behind"),
        pytest.param(OK + OK + SWITCH, b"ok", False, id="a-switch-after-a-second-response"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n" + OK, b"", False, id="a-response-behind-none"),
    ],
)
@given(cut=st.integers(0, 400))
def test_a_whole_response_is_read_wherever_it_is_cut(data: bytes, body: bytes, allows_reuse: bool, cut: int) -> None:
    pieces = [piece for piece in (data[: cut % len(data)], data[cut % len(data) :]) if piece]
    parser = parse(pieces.pop(0))
    if not parser.is_complete:
        parser.feed(pieces.pop(0))
    assert parser.is_complete
    assert parser.response().read() == body
    assert parser.allows_reuse == allows_reuse or pieces  # what was not read is for the connection to notice


def test_nothing_of_an_interim_response_is_in_the_final_one() -> None:
    response = parse(INTERIM, b"HTTP/1.1 200 Very ", b"Well\r\nA: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n").response()
    assert response.status_code == 200
    assert response.headers.raw == [(b"A", b"1"), (b"a", b"2"), (b"Content-Length", b"0")]


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\n\r\no", b"k")
    assert not parser.is_complete
    parser.feed(b"")
    assert parser.response().read() == b"ok"
    assert not parser.allows_reuse


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        pytest.param([b""], "without sending a response", id="nothing"),
        pytest.param([b"HTTP/1.1 200 O", b""], "before the response headers were complete", id="cut-in-the-head"),
        pytest.param([INTERIM, b""], "before the response headers were complete", id="interim-only"),
        pytest.param([OK[:-1], b""], "after 1 bytes of the body", id="cut-in-the-body"),
        pytest.param([CHUNKED + b"5\r\nok", b""], "after 2 bytes of the body", id="cut-in-a-chunk"),
        pytest.param([CHUNKED + b"0\r\n", b""], "after 0 bytes of the body", id="cut-in-the-trailers"),
        pytest.param([b"\0\xff"], "HTTP", id="garbage"),
        pytest.param([b"<html>"], "HTTP", id="html"),
        pytest.param([OK.replace(b"\r\n", b"\n")], "CR", id="bare-line-feeds"),
        pytest.param([OK.replace(b": 2", b": 2\r\nContent-Length: 2")], "Content-Length", id="two-lengths"),
        pytest.param([CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n")], "Content-Length", id="both"),
        pytest.param([OK.replace(b": 2", b": -2")], "Content-Length", id="negative-length"),
        pytest.param([OK.replace(b": 2", b": " + b"9" * 40)], "Content-Length", id="long-length"),
        pytest.param([CHUNKED + b"no\r\n"], "chunk size", id="chunk-size"),
        pytest.param([b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n"], "header", id="folded"),
        pytest.param([SWITCH], "101", id="upgrade"),
        pytest.param([OK.replace(b"\r\n", b"\r\nA: " + b"a" * 110_000 + b"\r\n", 1)], "100 KiB", id="long-header"),
        pytest.param([b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000], "100 KiB of response headers", id="long-head"),
        pytest.param([INTERIM * 3_000], "100 KiB of response headers", id="flood-of-interim-responses"),
        pytest.param([CHUNKED + b"1\r\na\r\n" * 30_000], "100 KiB around the body", id="flood-of-chunks"),
        pytest.param([CHUNKED + b"0\r\n" + b"A: b\r\n" * 20_000], "100 KiB around the body", id="flood-of-trailers"),
    ],
)
def test_a_response_that_cannot_be_trusted_is_refused(pieces: list[bytes], words: str) -> None:
    parser = parse(*pieces[:-1])
    with pytest.raises(httpx.RemoteProtocolError, match=words):
        parser.feed(pieces[-1])


@pytest.mark.parametrize(("more", "is_refused"), [(0, False), (1, True)])
def test_the_limit_for_what_is_not_body_is_exact(more: int, is_refused: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA: "
    head += b"a" * (MAX_OVERHEAD + more - len(head) - 4) + b"\r\n\r\n"
    parser = ResponseParser()
    if is_refused:
        with pytest.raises(httpx.RemoteProtocolError):
            parser.feed(head)
    else:
        parser.feed(head)
        parser.feed(b"123456789")
        assert parser.is_complete


def test_a_body_is_cut_off_soon_after_the_limit() -> None:
    parser = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n")
    fed = 0
    while not parser.is_complete:
        parser.feed(b"x" * 65536)
        fed += 65536
    assert MAX_BODY < len(parser.response().read()) == fed <= MAX_BODY + 65536
    assert not parser.allows_reuse


def test_chunks_after_the_limit_are_left_out() -> None:
    """They may come in the read that exceeds it."""
    parser = parse(CHUNKED + b"3e8\r\n%b\r\n" % (b" " * 1000) * (MAX_BODY // 1000 + 50))
    assert MAX_BODY < len(parser.response().read()) <= MAX_BODY + 1000
    assert not parser.allows_reuse


def test_an_interrupt_in_the_parser_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ResponseParser, "on_header", interrupt)
    with pytest.raises(KeyboardInterrupt):
        parse(OK)


def test_a_parser_goes_without_the_garbage_collector() -> None:
    parser = ResponseParser()
    gone = weakref.ref(parser)
    gc.disable()
    try:
        parser.feed(OK)
        assert parser.response().status_code == 200
        del parser
        assert gone() is None
    finally:
        gc.enable()
