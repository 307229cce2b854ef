"""
One connection for tasks: the twin of `_link`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, MutableMapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio

from ._async_network import TaskWire
from ._broken import ConnectTimeout, ReadTimeout
from ._call import Call
from ._futures import Once, settled
from ._http1 import Head, decode, is_whole
from ._link import ALPN, Link, cut_off, extensions_of, goes_plainly, rewound

if TYPE_CHECKING:
    from ._async_detour import AsyncDetour


class AsyncFound(Protocol):
    """An answer's head, and its body still to come."""

    status: int
    headers: list[tuple[bytes, bytes]]
    extensions: MutableMapping[str, Any]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return what yields the body, as it comes."""
        ...

    def aclose(self) -> Awaitable[None]:
        """Read no more."""
        ...


class AsyncConnection(Link[TaskWire, "AsyncPlain", "AsyncDetour"]):
    """A connection to one origin, made when the first request goes out."""

    __slots__ = ()

    async def send(self, call: Call) -> AsyncFound:
        """Return the answer's head. Its body is still to be read. Raises Broken."""
        wire, read_limit = self.wire, call.limit("read")
        self._found = None
        wire.begin(call.deadline)
        content = call.content if goes_plainly(self._line, "AsyncHTTPConnection", "handle_async_request") else None
        if content is None:
            return await self._around(call, None)
        if not wire.is_made:
            await self._connect(call.limit("connect"))
        await wire.write(content, call.limit("write"))
        arrived = piece = await wire.read(read_limit)
        while piece and not is_whole(arrived):
            piece = await wire.read(read_limit)
            arrived += piece
        head = decode(arrived)
        if head is None:
            return await self._around(call, [arrived] if piece else rewound(wire, arrived))
        self._found = found = AsyncPlain(head, wire, read_limit)
        return found

    async def _connect(self, seconds: float | None) -> None:
        wire, host = self.wire, self.origin.host.decode("ascii")
        await wire.connect(host, self.origin.port, seconds)
        if self._context is not None:
            self._context.set_alpn_protocols(ALPN)
            await wire.start_tls(self._context, host, seconds)

    async def _around(self, call: Call, again: list[bytes] | None) -> AsyncFound:
        detour = self._detour
        if detour is None:
            kind = DETOUR.value or await _loaded(call, has_asked=again is not None)
            detour = self._detour = kind(self._line, self.origin, self._context, self.wire)
        return await detour.send(call.request, again)


class AsyncPlain:
    """A plain answer, straight from the wire."""

    __slots__ = ("_length", "_limit", "_wire", "extensions", "headers", "left", "status")

    def __init__(self, head: Head, wire: TaskWire, limit: float | None) -> None:
        self.status = head.status
        self.headers = head.headers
        self.extensions = extensions_of(head, wire)
        self._length = self.left = head.length
        self._wire = wire
        self._limit = limit
        wire.intake.expect(head.length)

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return what yields the body, as it comes."""
        return self

    async def __anext__(self) -> bytes:
        """Return what comes next."""
        if not self.left:
            raise StopAsyncIteration
        piece = await self._wire.read(self._limit)
        if not piece:
            raise cut_off(self._wire, self._length - self.left, self._length)
        self.left -= len(piece)
        return piece

    async def aclose(self) -> None:
        """Do nothing: `left` tells what is left."""


def _load() -> type[AsyncDetour]:
    from ._async_detour import AsyncDetour

    return AsyncDetour


DETOUR: Final = Once(_load)
"""The way through httpcore: few ever need it. It loads for 100 ms, in which a thread does not hold up the loop."""


async def _loaded(call: Call, *, has_asked: bool) -> type[AsyncDetour]:
    step, too_late = ("read", ReadTimeout) if has_asked else ("connect", ConnectTimeout)
    try:
        with anyio.fail_after(call.within(step)):
            return await settled(DETOUR.started())
    except TimeoutError as error:
        raise too_late("httpcore was not loaded in time") from error
