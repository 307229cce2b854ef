"""
What a client sends through unless it has a transport of the user's own: signs, and sends over its own connections.

Does what `transport` does, without httpx.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._answers import Answer, AsyncAnswer
from ._connections import ConnectionPool
from ._futures import settled
from ._message import Credentials
from ._roundtrip import SIGNED_WITH
from ._stamp import Stamp, time_left
from ._transit import RawHeaders, TransitRequest, TransitResponse

if TYPE_CHECKING:
    from ._async_connections import AsyncConnectionPool


class Signer:
    """Signs each request and sends it, for threads."""

    __slots__ = ("_pool", "_stamp")

    def __init__(self, pool: ConnectionPool, stamp: Stamp) -> None:
        self._pool = pool
        self._stamp = stamp

    def handle_request(self, request: TransitRequest) -> TransitResponse[Answer]:
        """Sign *request* in place, and send it."""
        found = self._stamp.find(request)
        credentials = found if isinstance(found, Credentials) else found.result(time_left(request))
        request.headers = RawHeaders(self._stamp.signed(request, credentials))
        response = self._pool.handle_request(request)
        response.extensions[SIGNED_WITH] = credentials
        return response

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class AsyncSigner:
    """Signs each request and sends it, for tasks."""

    __slots__ = ("_pool", "_stamp")

    def __init__(self, pool: AsyncConnectionPool, stamp: Stamp) -> None:
        self._pool = pool
        self._stamp = stamp

    async def handle_async_request(self, request: TransitRequest) -> TransitResponse[AsyncAnswer]:
        """Sign *request* in place, and send it."""
        found = self._stamp.find(request)
        credentials = found if isinstance(found, Credentials) else await settled(found)
        request.headers = RawHeaders(self._stamp.signed(request, credentials))
        response = await self._pool.handle_async_request(request)
        response.extensions[SIGNED_WITH] = credentials
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()
