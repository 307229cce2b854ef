"""
Connections, for threads and for tasks: one request and its whole response at a time.

Each step has a time limit that no server can stretch. What fails here fails as sockets, TLS and anyio have it.
"""

from __future__ import annotations

import queue
import re
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx

from .._threads import LONGEST_WAIT, SharedFuture, monotonic, wait
from ..clock import DEADLINE, Deadline
from .network import BaseConnection, Resolver, T
from .pool import Lease
from .response import MAX_OVERHEAD, ResponseParser

if TYPE_CHECKING:
    from anyio.abc import ByteStream

_READ_SIZE: Final = 64 * 1024
_ASYNC_READ_SIZE: Final = 256 * 1024
"""Bytes that a task reads at once, as event loops do. anyio keeps what exceeds it in a queue that nothing shows."""


class StepTimer:
    """The time limits of one request, which goes from step to step: "pool", "connect", "write", "read"."""

    __slots__ = ("_call_ends", "_ends", "_scope", "_timeouts", "step")

    def __init__(self, request: httpx.Request, scope: anyio.CancelScope | None = None) -> None:
        """For a task, *scope* is the one cancel scope of the request: its deadline is moved from step to step."""
        deadline = request.extensions.get(DEADLINE)
        self._timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        self._call_ends = monotonic() + deadline.left() if isinstance(deadline, Deadline) else inf
        self._scope = scope
        self.begin("read")

    def begin(self, step: str) -> None:
        """Give *step* its time from now. The step "call" has no limit but the whole call's."""
        limit = self._timeouts.get(step)
        self.step = step
        self._ends = self._call_ends if limit is None else min(self._call_ends, monotonic() + limit)
        if self._scope is not None:
            self._scope.deadline = inf if self._ends == inf else anyio.current_time() + self._ends - monotonic()

    def timeout(self, among: int = 1) -> float | None:
        """Return the seconds that are left for each of so many: None without a limit. Raises TimeoutError."""
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        return None if left == inf else left / among


class Connection(BaseConnection):
    """A connection that threads use, one after the other. It is to be closed also when it could not be opened."""

    _socket: socket.socket

    @property
    def is_usable(self) -> bool:
        sock = self._socket
        return not (isinstance(sock, ssl.SSLSocket) and sock.pending()) and not _is_readable(sock.fileno())

    def open(self, context: ssl.SSLContext | None, resolver: Resolver, timer: StepTimer, lease: Lease[Any]) -> None:
        """Connect. Raises OSError or ProxyError."""
        remaining = [*wait_in_thread(resolver.find(*self._peer), timer, lease)]
        while True:
            family, address = remaining.pop(0)
            try:
                self._socket = socket.socket(family, socket.SOCK_STREAM)  # fails for a family that is switched off
                lease.wake_by(self._shut_down)
                self._socket.settimeout(timer.timeout(1 + len(remaining)))
                self._socket.connect(address)
                break
            except OSError:
                self.close()
                if not remaining:
                    raise
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(timer.timeout())
        if self._tunnel is not None:
            self._socket.sendall(self._tunnel)
            reply = bytearray()
            while not _opens_tunnel(reply, self._socket.recv(_READ_SIZE)):
                self._socket.settimeout(timer.timeout())
        if context is not None:
            host = self._host
            self._socket = sock = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
            lease.wake_by(self._shut_down)
            sock.settimeout(timer.timeout())  # what is left after the wait for the proxy
            sock.do_handshake()

    def send(self, request: httpx.Request, timer: StepTimer, lease: Lease[Any]) -> httpx.Response:
        """Return the whole response. Raises OSError or RemoteProtocolError."""
        self.parser = parser = ResponseParser()
        lease.wake_by(self._shut_down)
        timer.begin("write")
        self._socket.settimeout(timer.timeout())
        try:
            self._socket.sendall(self._encode(request))
        except TimeoutError:
            raise
        except OSError:
            pass  # the server may have responded before it hung up: reading tells
        while not parser.is_complete:
            timer.begin("read")
            self._socket.settimeout(timer.timeout())
            parser.feed(self._socket.recv(_READ_SIZE))
        lease.wake_by(lease.wake_thread)  # raises when the pool was closed: that ends a body without a length, too
        return parser.response()

    def close(self) -> None:
        if hasattr(self, "_socket"):
            self._socket.close()

    def _shut_down(self) -> None:
        with suppress(OSError):  # SSLSocket's own method would have the thread of the call go on in the clear
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class AsyncConnection(BaseConnection):
    """The same for tasks. The cancel scope of a `StepTimer` limits the time."""

    _stream: ByteStream

    @property
    def is_usable(self) -> bool:
        return not (self._tls is not None and _has_unread(self._tls)) and not _is_readable(self._socket.fileno())

    async def open(self, context: ssl.SSLContext | None, resolver: Resolver, timer: StepTimer) -> None:
        """Connect. Raises OSError, BrokenResourceError, EndOfStream or ProxyError."""
        from anyio.abc import SocketAttribute  # here, since the start of a program without tasks should not wait
        from anyio.streams.tls import TLSAttribute, TLSStream

        remaining = [*await wait(resolver.find(*self._peer))]
        while True:
            _, (host, port) = remaining.pop(0)
            try:
                with anyio.fail_after(timer.timeout(1 + len(remaining))):
                    self._stream = await anyio.connect_tcp(host, port)
                break
            except OSError:
                if not remaining:
                    raise
        stream = self._stream
        # TLS reads less at once than event loops do, and what exceeds it would not be seen.
        setattr(stream, "receive", partial(stream.receive, _ASYNC_READ_SIZE))  # noqa: B010 - a method, to type checkers
        if self._tunnel is not None:
            await stream.send(self._tunnel)
            reply = bytearray()
            while not _opens_tunnel(reply, await self._receive()):
                pass
        if context is not None:
            host = self._host
            self._stream = await TLSStream.wrap(stream, hostname=host, ssl_context=context, standard_compatible=False)
        try:
            self._socket = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
            self._tls: ssl.SSLObject | None = self._stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610
        except AttributeError:  # on uvloop, when the connection was reset at once
            raise ConnectionResetError from None

    async def send(self, request: httpx.Request, timer: StepTimer) -> httpx.Response:
        """Return the whole response. Raises OSError, BrokenResourceError or RemoteProtocolError."""
        self.parser = parser = ResponseParser()
        with suppress(OSError, anyio.BrokenResourceError):  # as in the twin
            await self._stream.send(self._encode(request))
        while True:  # each change of the scope's deadline costs a timer of the event loop
            parser.feed(await self._receive())
            if parser.is_complete:
                return parser.response()
            timer.begin("read")

    async def aclose(self) -> None:
        if hasattr(self, "_stream"):
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()

    async def _receive(self) -> bytes:
        try:
            return await self._stream.receive()
        except anyio.EndOfStream:
            return b""


def wait_in_thread(future: SharedFuture[T], timer: StepTimer, lease: Lease[Any]) -> T:
    """Return the result of *future*. Raises TimeoutError, and PoolClosed when the pool is closed."""
    future.wakers.add(lease.wake_thread)
    try:
        wait_until(future.done, timer, lease)
    finally:
        future.wakers.discard(lease.wake_thread)
    return future.outcome()


def wait_until(is_over: Callable[[], bool], timer: StepTimer, lease: Lease[Any]) -> None:
    """Wait in this thread. *is_over* is asked each time that *lease* is woken. Raises TimeoutError and PoolClosed."""
    lease.wake_by(lease.wake_thread)
    while not is_over():
        with suppress(queue.Empty):
            lease.woken.get(timeout=min(timer.timeout() or LONGEST_WAIT, LONGEST_WAIT))
        lease.wake_by(lease.wake_thread)


def _opens_tunnel(reply: bytearray, data: bytes) -> bool:
    """Add *data* to a *reply* to CONNECT; return whether the tunnel is open. Raises ProxyError, never quotes it."""
    # Not by the parser: the headers of a reply to CONNECT do not count, and some proxies send odd ones.
    reply += data
    head, end, extra = reply.partition(b"\r\n\r\n")
    if b"HTTP/1.".startswith(reply[:7]) and data and not end and len(reply) <= MAX_OVERHEAD:
        return False
    status_line = re.match(rb"HTTP/1\.[01] ([1-9]\d\d)[ \r]", head + b"\r")
    if not end or status_line is None:
        raise httpx.ProxyError("its response to CONNECT is not HTTP, or was cut short")
    if not 200 <= int(status_line[1]) < 300:
        raise httpx.ProxyError(status_line[1].decode())
    if extra:  # in the clear, before TLS: anybody could have sent them
        raise httpx.ProxyError("bytes that were not requested came before TLS began")
    return True


def _is_readable(fileno: int) -> bool:
    """Return whether something can be read, the end of the connection included. True for a closed socket."""
    if fileno == -1:
        return True
    if hasattr(select, "poll"):  # not on Windows
        poll = select.poll()
        poll.register(fileno, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([fileno], [], [], 0)[0])


def _has_unread(tls: ssl.SSLObject) -> bool:
    """Return whether anything was received that was not read, the end of TLS included."""
    try:
        tls.read(1)
    except ssl.SSLError as error:
        return not isinstance(error, ssl.SSLWantReadError)
    return True
