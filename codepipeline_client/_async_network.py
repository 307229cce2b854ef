"""
Sockets for tasks, on asyncio and trio: what httpcore connects, writes and reads with in an async client.

The twin of `_network`. The sockets are plain ones, which can be closed from anywhere: after their event loop has
ended, and in a forked process.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

import anyio
import httpcore
from sniffio import current_async_library

from ._futures import settled
from ._names import Address, Addresses, Names
from ._network import FLUSH_AT, connecting, greeted, name_of
from ._tls import Steps, T, Tls
from ._wire import Wire

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_PIECE: Final = 16 * 1024
"""Bytes to read at once. In chunks of one byte, they keep the parser busy, and the loop with it, for 50 ms."""
_AT_ONCE: Final = 4
"""Reads for one call that may find their bytes there: on asyncio such a read lets nobody else have a turn."""


class TaskWire(Wire, httpcore.AsyncNetworkBackend, httpcore.AsyncNetworkStream):
    """The wire of a connection that tasks of one event loop use, one after the other."""

    def __init__(self, names: Names, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._names = names
        self._loop = _asyncio_loop()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that can be reached."""
        with connecting(self, timeout):
            with anyio.CancelScope() as scope:
                self._wake = scope.cancel
                await self._connect(await self._found(host, port))
            self._wake = None
            self.check()
        return self

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS from here on, inside whatever is spoken already."""
        layer = Tls(ssl_context, server_hostname)
        with connecting(self, timeout):
            # In the clear, before TLS: it would be read as if it had come inside, and anybody could have sent it.
            if not self.intake.is_clean:
                raise ConnectionError("bytes that nobody asked for came before TLS began")
            await self._through(greeted(layer.handshake()), len(self._layers), None)
        self._layers.append(layer)
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came, but nothing beyond the end of the answer. What was written is sent first."""
        try:
            kept = self.intake.take()
            if kept:
                return kept
            await self._flush(timeout)
            return self.intake.take(await self._receive(len(self._layers), timeout))
        except OSError as error:
            reason = self.reason(error)
            raise name_of(reason, httpcore.ReadTimeout, httpcore.ReadError)(str(reason)) from reason

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer* with what is still to be written: head and body in one piece cost half of two."""
        self._unsent += buffer
        if len(self._unsent) > FLUSH_AT:
            await self._flush(timeout)

    async def aclose(self) -> None:
        """Close the socket."""
        self.drop()

    async def _found(self, host: str, port: int) -> Addresses:
        found = self._names.look_up(host, port)
        if isinstance(found, Future):
            with anyio.fail_after(self.within(None)):
                return await settled(found)
        return found

    async def _connect(self, addresses: Addresses) -> None:
        among = len(addresses)
        while True:
            family, address = addresses[-among]
            try:
                new = self._new_socket(family)  # fails for a family that this machine has switched off
                new.setblocking(False)
                with anyio.fail_after(self.share(among)):
                    return await _connected(new, address)
            except OSError:
                among -= 1
                if not among:
                    raise

    async def _flush(self, seconds: float | None) -> None:
        unsent, self._unsent = self._unsent, b""
        if unsent:
            try:
                await self._send(unsent, len(self._layers), seconds)
            except TimeoutError as error:
                raise httpcore.WriteTimeout(str(error)) from error
            except OSError:
                pass  # the peer may have answered before it hung up: reading tells

    async def _send(self, content: bytes, depth: int, seconds: float | None) -> None:
        if depth:
            await self._through(self._layers[depth - 1].sending(content), depth - 1, seconds)
            return
        rest = memoryview(content)
        while rest:
            left = self.within(seconds)
            try:
                rest = rest[self._open().send(rest) :]
            except BlockingIOError:
                with anyio.fail_after(left):
                    await anyio.wait_writable(self._open())

    async def _receive(self, depth: int, seconds: float | None) -> bytes:
        if depth:
            return await self._through(self._layers[depth - 1].receiving(), depth - 1, seconds)
        left = self.within(seconds)
        if self._loop is None:
            with anyio.fail_after(left):
                await anyio.wait_readable(self._open())
            arrived = self._open().recv(_PIECE)
        else:  # for much less than what anyio takes for the same
            import asyncio  # a sync client does without, and saves the time that it takes to load

            async with asyncio.timeout(left):
                self._reads += 1
                if self._reads > _AT_ONCE:
                    await asyncio.sleep(0)
                arrived = await self._loop.sock_recv(self._open(), _PIECE)
        self.check()
        return arrived

    async def _through(self, steps: Steps[T], depth: int, seconds: float | None) -> T:
        try:
            content = next(steps)
            while True:
                if content:
                    await self._send(content, depth, seconds)
                    content = next(steps)
                else:
                    content = steps.send(await self._receive(depth, seconds))
        except StopIteration as end:
            result: T = end.value
            return result


def _asyncio_loop() -> AbstractEventLoop | None:
    if current_async_library() == "trio":
        return None
    from asyncio import get_running_loop

    return get_running_loop()


async def _connected(new: socket.socket, address: Address) -> None:
    try:
        new.connect(address)
    except BlockingIOError:
        await anyio.wait_writable(new)
        code = new.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code)) from None
