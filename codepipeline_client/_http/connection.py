"""
Connections, for threads and for tasks: one request and its whole response at a time.

Each step is given the time that it may take, and no server can stretch it. What fails here fails as sockets, TLS and
anyio have it; the transport makes httpx's errors of it.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import anyio
import httpx
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from .._threads import SharedFuture, outcome, wait
from .lookup import Lookups
from .options import Route
from .pool import AnyLease
from .request import StepScope, StepTimer
from .response import ResponseParser

T = TypeVar("T")

_READ_SIZE: Final = 64 * 1024
"""Bytes that a thread reads at once."""
_ASYNC_READ_SIZE: Final = 256 * 1024
"""Bytes that a task reads at once, as event loops do. anyio keeps what exceeds it in a queue that nothing shows."""
_LEAST_SHARE: Final = 2.0
"""Seconds that each address of a host gets to accept a connection, as far as there is time."""
_LONGEST_WAIT: Final = 1.0
"""Seconds that a thread waits at once: a signal that arrives just before a wait is handled only after it."""


class _BaseConnection:
    """An open connection, without what waits."""

    def __init__(self, key: object, route: Route) -> None:
        self.key: Final = key
        self._route: Final = route
        self.has_received = False
        """Whether anything came of the response to the last request."""
        self.allows_reuse = False
        """Whether the last response was whole and nothing came after it."""

    def _new_parser(self, request: httpx.Request) -> ResponseParser:
        self.has_received = self.allows_reuse = False
        return ResponseParser(is_head_only=request.method == "HEAD")

    def _feed(self, parser: ResponseParser, data: bytes) -> None:
        self.has_received = self.has_received or bool(data)
        parser.feed(data)
        self.allows_reuse = parser.allows_reuse


class Connection(_BaseConnection):
    """A connection that threads use, one after the other."""

    def __init__(self, key: object, route: Route, sock: socket.socket) -> None:
        super().__init__(key, route)
        self._socket = sock

    @property
    def is_usable(self) -> bool:
        """Whether it is open and nothing has come over it unasked."""
        sock = self._socket
        return not (isinstance(sock, ssl.SSLSocket) and sock.pending()) and not _is_readable(sock.fileno())

    def send(self, request: httpx.Request, timer: StepTimer, lease: AnyLease) -> httpx.Response:
        """Return the whole response. Raises OSError or RemoteProtocolError."""
        sock, parser = self._socket, self._new_parser(request)
        lease.wake_by(partial(_shut_down, sock))
        timer.begin("write")
        sock.settimeout(timer.timeout())
        try:
            sock.sendall(self._route.encode(request))
        except TimeoutError:
            raise
        except OSError:
            pass  # the server may have responded before it hung up: reading tells
        while not parser.is_complete:
            timer.begin("read")
            sock.settimeout(timer.timeout())
            self._feed(parser, sock.recv(_READ_SIZE))
        return parser.response()

    def close(self) -> None:
        """Close the socket, without a word to the server."""
        self._socket.close()


class AsyncConnection(_BaseConnection):
    """A connection that tasks use, one after the other. A `StepScope` around it limits the time."""

    def __init__(self, key: object, route: Route, stream: ByteStream, raw: WholeReads) -> None:
        super().__init__(key, route)
        self._stream = stream
        self._raw = raw
        self._socket = raw.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        self._tls: ssl.SSLObject | None = stream.extra(TLSAttribute.ssl_object, None)  # noqa: S610

    @property
    def is_usable(self) -> bool:
        """Whether it is open and nothing has come over it unasked."""
        if self._raw.has_more or (self._tls is not None and has_unread(self._tls)):
            return False
        return not _is_readable(self._socket.fileno())

    async def send(self, request: httpx.Request, steps: StepScope) -> httpx.Response:
        """Return the whole response. Raises OSError, BrokenResourceError or RemoteProtocolError."""
        parser = self._new_parser(request)
        with suppress(OSError, anyio.BrokenResourceError):  # as in the twin
            await self._stream.send(self._route.encode(request))
        while True:
            self._feed(parser, await _receive(self._stream))
            if parser.is_complete:
                return parser.response()
            steps.begin_step("read")

    async def aclose(self) -> None:
        """Close the stream, without a word to the server."""
        await _aclose(self._stream)

    def drop(self) -> None:
        """Close the socket of a stream whose event loop is gone, or is another process's: nobody can close that."""
        fileno = self._socket.fileno()
        if fileno != -1 and hasattr(os, "fork"):
            # The number stays in use until the stream is destroyed, which closes it.
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, fileno)
            os.close(nothing)


class WholeReads(ByteStream):
    """Reads 256 KiB at once whatever TLS asks for: anyio hides what exceeds the size that it is asked for."""

    def __init__(self, inner: ByteStream) -> None:
        self._inner = inner
        self.has_more = False
        """Whether more may have come than was read."""

    async def receive(self, max_bytes: int = _ASYNC_READ_SIZE) -> bytes:
        """Return what came, of any size."""
        data = await self._inner.receive(_ASYNC_READ_SIZE)
        self.has_more = self.has_more or len(data) == _ASYNC_READ_SIZE
        return data

    async def send(self, item: bytes) -> None:
        """Send all."""
        await self._inner.send(item)

    async def send_eof(self) -> None:
        """Send no more."""
        await self._inner.send_eof()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._inner.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """Return what is known of the connection."""
        return self._inner.extra_attributes  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - half typed


def connect(
    key: object, route: Route, context: ssl.SSLContext | None, lookups: Lookups, timer: StepTimer, lease: AnyLease
) -> Connection:
    """Return an open connection. Raises OSError or ProxyError."""
    sock = _connect(route, lookups, timer, lease)
    try:
        if route.is_tunnel:
            sock.settimeout(timer.timeout())
            sock.sendall(route.encode_connect())
            reply = _TunnelReply()
            while not reply.opens(sock.recv(_READ_SIZE)):
                sock.settimeout(timer.timeout())
        if context is not None:
            sock.settimeout(timer.timeout())
            sock = context.wrap_socket(sock, server_hostname=route.origin.host, do_handshake_on_connect=False)
            lease.wake_by(partial(_shut_down, sock))
            sock.do_handshake()
    except BaseException:
        sock.close()
        raise
    return Connection(key, route, sock)


async def connect_async(
    key: object, route: Route, context: ssl.SSLContext | None, lookups: Lookups, steps: StepScope
) -> AsyncConnection:
    """Return an open connection. Raises OSError, BrokenResourceError, EndOfStream or ProxyError."""
    raw = WholeReads(await _connect_async(route, lookups, steps))
    stream: ByteStream = raw
    try:
        if route.is_tunnel:
            await stream.send(route.encode_connect())
            reply = _TunnelReply()
            while not reply.opens(await _receive(stream)):
                pass
        if context is not None:
            stream = await TLSStream.wrap(
                raw, hostname=route.origin.host, ssl_context=context, standard_compatible=False
            )
    except BaseException:
        await _aclose(raw)
        raise
    return AsyncConnection(key, route, stream, raw)


def wait_in_thread(future: SharedFuture[T], timer: StepTimer, lease: AnyLease) -> T:
    """Return the result of *future*. Raises TimeoutError, and PoolClosed when the pool is closed meanwhile."""
    woken = SimpleQueue[None]()
    lease.wake_by(partial(woken.put, None))
    future.add_done_callback(lambda _: woken.put(None))
    while not future.done():
        wait_for_wake(woken, timer)
        lease.wake_by(lease.wake)  # raises when the pool was closed
    return outcome(future)


def wait_for_wake(woken: SimpleQueue[None], timer: StepTimer) -> None:
    """Wait until something is put, or for a moment. Raises TimeoutError when the time of the step is over."""
    timeout = timer.timeout()
    with suppress(Empty):
        woken.get(timeout=_LONGEST_WAIT if timeout is None else min(timeout, _LONGEST_WAIT))


def _connect(route: Route, lookups: Lookups, timer: StepTimer, lease: AnyLease) -> socket.socket:
    found = lookups.find(*route.peer)
    if isinstance(found, SharedFuture):
        found = wait_in_thread(found, timer, lease)
    among = len(found)
    while True:
        family, address = found[-among]
        try:
            return _connect_to(family, address, _share(timer.timeout(), among), lease)
        except OSError:
            among -= 1
            if not among or lease.is_closed:
                raise


def _connect_to(family: int, address: tuple[str, int], timeout: float | None, lease: AnyLease) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)  # fails for a family that this machine has switched off
    try:
        lease.wake_by(partial(_shut_down, sock))
        sock.settimeout(timeout)
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect_async(route: Route, lookups: Lookups, timer: StepTimer) -> ByteStream:
    found = lookups.find(*route.peer)
    if isinstance(found, SharedFuture):
        found = await wait(found)
    among = len(found)
    while True:
        _, (host, port) = found[-among]
        try:
            with anyio.fail_after(_share(timer.timeout(), among)):
                return await anyio.connect_tcp(host, port)
        except OSError:
            among -= 1
            if not among:
                raise


class _TunnelReply:
    """The response of a proxy to CONNECT."""

    def __init__(self) -> None:
        self._parser = ResponseParser(is_head_only=True)

    def opens(self, data: bytes) -> bool:
        """Return whether the tunnel is open now. Raises ProxyError when it will not be; never quotes the proxy."""
        try:
            self._parser.feed(data)
        except httpx.RemoteProtocolError as error:
            raise httpx.ProxyError(f"its response to CONNECT cannot be used: {error}") from None
        if not self._parser.is_complete:
            return False
        status = self._parser.status_code
        if not 200 <= status < 300:
            phrases = {each.value: each.phrase for each in HTTPStatus}
            raise httpx.ProxyError(f"{status} {phrases.get(status, 'unknown status')}")
        if self._parser.has_extra:
            # In the clear, before TLS: it would be read as if it had come inside, and anybody could have sent it.
            raise httpx.ProxyError("bytes that nobody asked for came before TLS began")
        return True


async def _receive(stream: ByteStream) -> bytes:
    """Return what came, nothing at the end."""
    try:
        return await stream.receive(_ASYNC_READ_SIZE)
    except anyio.EndOfStream:
        return b""


async def _aclose(stream: ByteStream) -> None:
    with anyio.CancelScope(shield=True):
        await stream.aclose()


def _share(timeout: float | None, among: int) -> float | None:
    """Return how long to try one of so many addresses: one that is dead must leave time for the others."""
    return None if timeout is None else max(timeout / among, min(timeout, _LEAST_SHARE))


def _shut_down(sock: socket.socket) -> None:
    """End what another thread waits for on *sock*."""
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket's own would have the thread go on in the clear


def _is_readable(fileno: int) -> bool:
    """Return whether something can be read, the end of the connection included. True for a closed socket."""
    if fileno == -1:
        return True
    if hasattr(select, "poll"):  # not on Windows
        poll = select.poll()
        poll.register(fileno, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([fileno], [], [], 0)[0])


def has_unread(tls: ssl.SSLObject) -> bool:
    """Return whether anything was received that was not read, the end of TLS included."""
    try:
        tls.read(1)
    except ssl.SSLError as error:
        return not isinstance(error, ssl.SSLWantReadError)
    return True
