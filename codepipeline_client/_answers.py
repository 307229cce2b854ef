"""
From httpcore to httpx: answers whose bodies are still to come, and the names of failures.

An answer knows its place among the calls, and leaves it when it is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import httpcore
import httpx

from ._line import AsyncConnection, Connection
from ._pool import Places, Turn
from ._tls import Closed

_NAMES: Final[Mapping[type[BaseException], type[httpx.TransportError]]] = {
    Closed: httpx.ReadError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.TimeoutException: httpx.TimeoutException,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.NetworkError: httpx.NetworkError,
    httpcore.ProxyError: httpx.ProxyError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.ProtocolError: httpx.ProtocolError,
}
FAILURES: Final = tuple(_NAMES)
"""What `named` has a name for."""


def named(error: BaseException) -> httpx.TransportError:
    """Return httpx's name for one of FAILURES."""
    return next(_NAMES[kind] for kind in type(error).__mro__ if kind in _NAMES)(str(error))


def response(found: httpcore.Response, body: httpx.SyncByteStream | httpx.AsyncByteStream) -> httpx.Response:
    """Return httpx's form of an answer."""
    return httpx.Response(
        found.status,
        headers=found.headers,
        stream=body,
        extensions=found.extensions,  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - half typed
    )


def _may_rest(found: httpcore.Response) -> bool:
    """Return whether its connection may be used again: a server that fails and hangs up would be asked twice."""
    return found.status < 500


class Answer(httpx.SyncByteStream):
    """The body of an answer, in pieces as they come."""

    def __init__(self, found: httpcore.Response, places: Places[Connection, Any], turn: Turn[Connection]) -> None:
        self._found = found
        self._places = places
        self._turn = turn

    def __iter__(self) -> Iterator[bytes]:
        """Yield what comes, as it comes."""
        try:
            yield from self._found.iter_stream()
        except FAILURES as error:
            raise named(error) from error

    def close(self) -> None:
        """Give the connection back. If there is more to come, it is closed."""
        connection = self._turn.connection
        try:
            self._found.close()
        finally:
            self._places.leave(
                self._turn, rests=connection is not None and connection.is_free and _may_rest(self._found)
            )


class AsyncAnswer(httpx.AsyncByteStream):
    """The body of an answer, in pieces as they come."""

    def __init__(
        self, found: httpcore.Response, places: Places[AsyncConnection, Any], turn: Turn[AsyncConnection]
    ) -> None:
        self._found = found
        self._places = places
        self._turn = turn
        self._pieces = found.aiter_stream()
        self._has_begun = self._is_over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return what yields what comes, as it comes."""
        return self

    async def __anext__(self) -> bytes:
        """Return what comes next."""
        self._has_begun = True
        try:
            return await anext(self._pieces)
        except BaseException as error:
            self._is_over = True
            if isinstance(error, FAILURES):
                raise named(error) from error
            raise

    async def aclose(self) -> None:
        """Give the connection back. If there is more to come, it is closed."""
        connection, was_over = self._turn.connection, self._is_over
        try:
            if connection is not None and self._has_begun and not was_over:
                await self._exhaust(connection)
            await self._found.aclose()
        finally:
            rests = connection is not None and was_over and connection.is_free and _may_rest(self._found)
            self._places.leave(self._turn, rests=rests)

    async def _exhaust(self, connection: AsyncConnection) -> None:
        """Let httpcore's generators end by themselves: left to the garbage collector, they make trio complain."""
        connection.abort()
        with suppress(*FAILURES):
            async for _ in self._pieces:
                pass
