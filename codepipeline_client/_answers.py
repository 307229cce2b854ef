"""
Answers whose bodies are still to come.

An answer knows its place among the calls, and leaves it when it is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ._broken import Broken
from ._link import Connection, Found
from ._pool import Places, Turn
from ._transit import RawHeaders, StreamT, TransitResponse

if TYPE_CHECKING:  # a sync client does without
    from ._async_link import AsyncConnection, AsyncFound


def response(found: Found | AsyncFound, body: StreamT) -> TransitResponse[StreamT]:
    """Return what the call gets of an answer."""
    return TransitResponse(
        status_code=found.status, headers=RawHeaders(found.headers), stream=body, extensions=found.extensions
    )


def _may_rest(found: Found | AsyncFound) -> bool:
    """Return whether its connection may be used again: a server that fails and hangs up would be asked twice."""
    return found.status < 500


class Answer:
    """The body of an answer, in pieces as they come."""

    __slots__ = ("_found", "_places", "_turn")

    def __init__(self, found: Found, places: Places[Connection, Any], turn: Turn[Connection]) -> None:
        self._found = found
        self._places = places
        self._turn = turn

    def __iter__(self) -> Iterator[bytes]:
        """Return what yields the body, as it comes."""
        return iter(self._found)

    def close(self) -> None:
        """Give the connection back. If there is more to come, it is closed."""
        connection = self._turn.connection
        try:
            self._found.close()
        finally:
            self._places.leave(
                self._turn, rests=connection is not None and connection.is_free and _may_rest(self._found)
            )


class AsyncAnswer:
    """The body of an answer, in pieces as they come."""

    __slots__ = ("_found", "_has_begun", "_is_over", "_pieces", "_places", "_turn")

    def __init__(self, found: AsyncFound, places: Places[AsyncConnection, Any], turn: Turn[AsyncConnection]) -> None:
        self._found = found
        self._places = places
        self._turn = turn
        self._pieces = aiter(found)
        self._has_begun = self._is_over = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return what yields the body, as it comes."""
        return self

    async def __anext__(self) -> bytes:
        """Return what comes next."""
        self._has_begun = True
        try:
            return await anext(self._pieces)
        except BaseException:
            self._is_over = True
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
        with suppress(Broken):
            async for _ in self._pieces:
                pass
