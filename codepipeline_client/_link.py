"""
One connection for threads: one request and one answer over it at a time, and then the next.

Plain HTTP/1.1 takes the short way, through `_http1`, and all that is not takes the one through httpcore, in `_detour`.
Whose turn it is to use it is decided in `_pool`.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator, MutableMapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from ._broken import Broken, ReadTimeout, RemoteProtocolError
from ._call import Call, Origin
from ._http1 import Head, decode, is_whole
from ._line import Line
from ._network import ThreadWire
from ._wire import Wire

if TYPE_CHECKING:
    from ._detour import Detour  # noqa: F401 - named in a text below

ALPN: Final = ["http/1.1"]


class Found(Protocol):
    """An answer's head, and its body still to come."""

    status: int
    headers: list[tuple[bytes, bytes]]
    extensions: MutableMapping[str, Any]

    def __iter__(self) -> Iterator[bytes]:
        """Return what yields the body, as it comes."""
        ...

    def close(self) -> None:
        """Read no more."""
        ...


class Unread(Protocol):
    """A plain answer, as far as it was read."""

    left: int
    """Bytes of the body that are still to come."""


class Idle(Protocol):
    """A way through httpcore, as far as it was used."""

    @property
    def is_idle(self) -> bool:
        """Whether the last answer was read to its end, and both sides want to go on."""
        ...


WireT = TypeVar("WireT", bound=Wire)
UnreadT = TypeVar("UnreadT", bound=Unread)
IdleT = TypeVar("IdleT", bound=Idle)


class Link(Generic[WireT, UnreadT, IdleT]):
    """What a connection is without waiting, for threads and for tasks."""

    __slots__ = ("_context", "_detour", "_found", "_line", "origin", "wire")

    def __init__(self, line: Line, origin: Origin, context: ssl.SSLContext | None, wire: WireT) -> None:
        self._line = line
        self._context = context
        self._detour: IdleT | None = None
        self._found: UnreadT | None = None
        self.origin: Final = origin
        self.wire: Final = wire

    @property
    def is_free(self) -> bool:
        """Whether the last answer was read to its end, and both sides want to go on."""
        if not self.wire.intake.is_clean:
            return False
        if self._found is not None:
            return not self._found.left
        return self._detour is not None and self._detour.is_idle

    @property
    def is_fit(self) -> bool:
        """Whether it is still as the last answer left it: open, and nothing came unasked."""
        return self.wire.is_quiet

    def abort(self) -> None:
        """Let the call that uses it fail soon."""
        self.wire.abort()

    def drop(self) -> None:
        """Close it at once."""
        self.wire.drop()


class Connection(Link[ThreadWire, "Plain", "Detour"]):
    """A connection to one origin, made when the first request goes out."""

    __slots__ = ()

    def send(self, call: Call) -> Found:
        """Return the answer's head. Its body is still to be read. Raises Broken."""
        wire, read_limit = self.wire, call.limit("read")
        self._found = None
        wire.begin(call.deadline)
        content = call.content if goes_plainly(self._line, "HTTPConnection", "handle_request") else None
        if content is None:
            return self._around(call, None)
        if not wire.is_made:
            self._connect(call.limit("connect"))
        wire.write(content, call.limit("write"))
        arrived = piece = wire.read(read_limit)
        while piece and not is_whole(arrived):
            piece = wire.read(read_limit)
            arrived += piece
        head = decode(arrived)
        if head is None:
            return self._around(call, [arrived] if piece else rewound(wire, arrived))
        self._found = found = Plain(head, wire, read_limit)
        return found

    def _connect(self, seconds: float | None) -> None:
        wire, host = self.wire, self.origin.host.decode("ascii")
        wire.connect(host, self.origin.port, seconds)
        if self._context is not None:
            self._context.set_alpn_protocols(ALPN)
            wire.start_tls(self._context, host, seconds)

    def _around(self, call: Call, again: list[bytes] | None) -> Found:
        detour = self._detour
        if detour is None:
            from ._detour import Detour  # takes as long to load as all the rest, and few ever need it

            detour = self._detour = Detour(self._line, self.origin, self._context, self.wire)
        return detour.send(call.request, again)


class Plain:
    """A plain answer, straight from the wire."""

    __slots__ = ("_length", "_limit", "_wire", "extensions", "headers", "left", "status")

    def __init__(self, head: Head, wire: ThreadWire, limit: float | None) -> None:
        self.status = head.status
        self.headers = head.headers
        self.extensions = extensions_of(head, wire)
        self._length = self.left = head.length
        self._wire = wire
        self._limit = limit
        wire.intake.expect(head.length)

    def __iter__(self) -> Iterator[bytes]:
        """Return what yields the body, as it comes."""
        while self.left:
            piece = self._wire.read(self._limit)
            if not piece:
                raise cut_off(self._wire, self._length - self.left, self._length)
            self.left -= len(piece)
            yield piece

    def close(self) -> None:
        """Do nothing: `left` tells what is left."""


def extensions_of(head: Head, wire: Wire) -> MutableMapping[str, Any]:
    """Return what is told of an answer beside its headers, by the names that httpx has for it."""
    return {"http_version": b"HTTP/1.1", "reason_phrase": head.reason, "network_stream": wire}


def rewound(wire: Wire, arrived: bytes) -> list[bytes]:
    """Return what arrived, and that no more will. A failure if it was nothing."""
    if not arrived:
        reason = ConnectionError("Server disconnected without sending a response.")
        raise wire.broken(reason, too_late=ReadTimeout, otherwise=RemoteProtocolError)
    return [arrived, b""]


def cut_off(wire: Wire, received: int, expected: int) -> Broken:
    """Return the failure of an answer that ended before its end."""
    reason = ConnectionError(
        f"peer closed connection without sending complete message body (received {received} bytes, expected {expected})"
    )
    return wire.broken(reason, too_late=ReadTimeout, otherwise=RemoteProtocolError)


def goes_plainly(line: Line, kind: str, method: str) -> bool:
    """Return whether a request may go past httpcore: not by a proxy, nor where a mock or a tracer took its place."""
    if line.proxy_url is not None:
        return False
    whole = getattr(sys.modules.get("httpcore"), kind, None)
    found = getattr(whole, method, None)
    if found is None:  # not loaded, or another thread is at it: what is not there yet cannot be patched
        return True
    # Not compared with what it was when this module loaded: that may have been the patch. And by type, not with
    # isinstance: mocks and proxies pass themselves off as what they stand for.
    return (
        type(whole) is type
        and whole.__module__.partition(".")[0] == "httpcore"
        and type(found) is FunctionType
        and found.__globals__.get("__name__", "").startswith("httpcore.")
    )
