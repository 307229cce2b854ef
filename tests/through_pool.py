"""Pools as httpx transports, so that tests can ask and read as httpx does. Failures stay as the pools have them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx

from codepipeline_client._answers import Answer, AsyncAnswer
from codepipeline_client._async_connections import AsyncConnectionPool
from codepipeline_client._connections import ConnectionPool
from codepipeline_client._transit import RawHeaders, TransitRequest, TransitResponse


class Through(httpx.BaseTransport):
    """A pool for threads."""

    def __init__(self, pool: ConnectionPool) -> None:
        self.pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, whose body has been read."""
        answer = self.pool.handle_request(in_transit(request))
        return _answer(answer, _Body(answer.stream))

    def close(self) -> None:
        """Close the pool."""
        self.pool.close()


class AsyncThrough(httpx.AsyncBaseTransport):
    """A pool for tasks."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self.pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send *request*, whose body has been read."""
        answer = await self.pool.handle_async_request(in_transit(request))
        return _answer(answer, _AsyncBody(answer.stream))

    async def aclose(self) -> None:
        """Close the pool."""
        await self.pool.aclose()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Answer) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, stream: AsyncAnswer) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._stream)

    async def aclose(self) -> None:
        await self._stream.aclose()


def in_transit(request: httpx.Request) -> TransitRequest:
    """Return what a pool takes for *request*."""
    return TransitRequest(
        method=request.method,
        url=request.url,
        headers=RawHeaders(request.headers.raw),
        content=request.content,
        extensions=request.extensions,
    )


def _answer(
    answer: TransitResponse[Answer] | TransitResponse[AsyncAnswer], body: httpx.SyncByteStream | httpx.AsyncByteStream
) -> httpx.Response:
    return httpx.Response(
        answer.status_code, headers=answer.headers.raw, stream=body, extensions=dict(answer.extensions)
    )
