"""
Transports of the user's own, which are httpx's: what is in transit becomes httpx's, and back.

Loaded when a client has one.
"""

from __future__ import annotations

from functools import lru_cache

import httpx

from ._pairs import Pairs
from ._transit import RawHeaders, StreamT, TransitRequest, TransitResponse


class Foreign:
    """Sends through an httpx transport, for threads."""

    __slots__ = ("_transport",)

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: TransitRequest) -> TransitResponse[httpx.SyncByteStream]:
        """Send *request* and return the answer, its body still to be read."""
        response = self._transport.handle_request(dressed(request))
        stream = response.stream
        if not isinstance(stream, httpx.SyncByteStream):
            raise httpx.StreamError("the transport gave an async answer to a sync client")
        return _undressed(response, stream)

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()


class AsyncForeign:
    """Sends through an httpx transport, for tasks."""

    __slots__ = ("_transport",)

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: TransitRequest) -> TransitResponse[httpx.AsyncByteStream]:
        """Send *request* and return the answer, its body still to be read."""
        response = await self._transport.handle_async_request(dressed(request))
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise httpx.StreamError("the transport gave a sync answer to an async client")
        return _undressed(response, stream)

    async def aclose(self) -> None:
        """Close the transport."""
        await self._transport.aclose()


def dressed(request: TransitRequest) -> httpx.Request:
    """Return httpx's form of a request."""
    # As a stream, since httpx looks through all headers again and again to prepare a request for its content.
    made = httpx.Request(
        request.method,
        _url(str(request.url)),
        stream=httpx.ByteStream(request.content),
        extensions=request.extensions,
    )
    made.headers = Pairs(request.headers.raw)
    made.read()
    return made


def _undressed(response: httpx.Response, stream: StreamT) -> TransitResponse[StreamT]:
    # The body as it comes: httpx's own iterators would decode it, and refuse one that a mock has read.
    return TransitResponse(
        status_code=response.status_code,
        headers=RawHeaders(response.headers.raw),
        stream=stream,
        extensions=response.extensions,
    )


@lru_cache(maxsize=64)
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)
