"""
Read a response out of bytes, by httptools.

The parser does no I/O. A response is read to its end and kept as one piece; whatever cannot be trusted is refused.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import closing
from typing import Final

import anyio
import httptools
import httpx

from ..clock import DEADLINE, Deadline

MAX_BODY: Final = 2 * 1024 * 1024
"""Bytes of a body at most. A longer one is cut after the first byte too many."""
MAX_OVERHEAD: Final = 100 * 1024
"""Bytes of a response that are not its body: heads, interim responses, chunk sizes, trailers."""

_FRAMED: Final = frozenset({b"content-length", b"transfer-encoding"})


def read_body(response: httpx.Response, request: httpx.Request) -> bytes:
    """
    Return the body of another transport's *response* as it was sent, or the beginning of one that exceeds MAX_BODY.

    Raises ReadTimeout when the time for the whole call is over, and StreamError for the response of an async transport.
    """
    stream, deadline, body = response.stream, request.extensions.get(DEADLINE), bytearray()
    if isinstance(stream, httpx.ByteStream):
        return b"".join(stream)
    if not isinstance(stream, httpx.SyncByteStream):
        raise httpx.StreamError("the transport returned an async response to a sync client")
    with closing(stream):
        for number, piece in enumerate(stream):
            if number and isinstance(deadline, Deadline) and deadline.left() <= 0:
                raise httpx.ReadTimeout("")
            body += piece
            if len(body) > MAX_BODY:
                break
    return bytes(body)


async def read_body_async(response: httpx.Response) -> bytes:
    """Return the same in a task, whose cancel scope limits the time."""
    stream, body = response.stream, bytearray()
    if isinstance(stream, httpx.ByteStream):
        return b"".join(stream)
    if not isinstance(stream, httpx.AsyncByteStream):
        raise httpx.StreamError("the transport returned a sync response to an async client")
    iterator = aiter(stream)
    try:
        async for piece in iterator:
            body += piece
            if len(body) > MAX_BODY:
                break
    finally:
        with anyio.CancelScope(shield=True):
            if isinstance(iterator, AsyncGenerator):
                await iterator.aclose()  # unread to its end, it would be left to the garbage collector
            await stream.aclose()
    return bytes(body)


class ResponseParser:
    """Reads one response, and notices whatever follows it."""

    def __init__(self) -> None:
        self.is_complete = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self.received = 0
        self.has_head = False
        self.has_extra = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def allows_reuse(self) -> bool:
        """Whether the connection may serve another request: the response is whole, and nothing came after it."""
        return self.is_complete and self._keeps_alive and not self.has_extra

    def feed(self, data: bytes) -> None:
        """Read *data*; nothing is the end of the connection. Raises RemoteProtocolError for what cannot be trusted."""
        try:
            self._feed(data)
        except BaseException:
            del self._parser  # as in `response`
            raise

    def _feed(self, data: bytes) -> None:
        if not data:
            self._end()
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None  # an interrupt, say
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as error:
            if not self.is_complete:
                is_switch = isinstance(error, httptools.HttpParserUpgrade)  # has no words
                reason = "the server switched protocols (HTTP 101)" if is_switch else str(error)
                raise httpx.RemoteProtocolError(reason) from None
            self.has_extra = True
        if len(self._body) > MAX_BODY:
            self.is_complete, self._keeps_alive = True, False
        elif self.received - len(self._body) > MAX_OVERHEAD and not self.has_extra:
            what = "of response headers" if not self.has_head else "around the body"
            raise httpx.RemoteProtocolError(f"more than {MAX_OVERHEAD // 1024} KiB {what}")

    def response(self) -> httpx.Response:
        """Return the response, with its body in one piece. Nothing can be read after it."""
        del self._parser  # it refers to this object, and both should go without the garbage collector
        body, headers = httpx.ByteStream(bytes(self._body)), self._headers
        self._body, self._headers = bytearray(), []  # an idle connection keeps its last parser
        return httpx.Response(self._status_code, headers=headers, stream=body)

    def _end(self) -> None:
        self._keeps_alive = False
        if not self.received:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        if not self.has_head:
            raise httpx.RemoteProtocolError("the connection was closed before the response headers were complete")
        if any(name.lower() in _FRAMED for name, _ in self._headers):
            raise httpx.RemoteProtocolError(f"the connection was closed after {len(self._body)} bytes of the body")
        self.is_complete = True

    # What follows is called by httptools.

    def on_message_begin(self) -> None:
        """Begin a response, or notice that another one follows."""
        self.has_extra = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers, and what comes after the response, are left out."""
        if not self.has_head:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Keep the status and the headers of the final response; forget those of interim ones."""
        if not self.has_head:
            self._status_code = self._parser.get_status_code()
            if self._status_code < 200:
                self._headers = []
            else:
                self.has_head, self._keeps_alive = True, self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        if self.has_head and not self.is_complete and len(self._body) <= MAX_BODY:
            self._body += piece

    def on_message_complete(self) -> None:
        self.is_complete = self.has_head
