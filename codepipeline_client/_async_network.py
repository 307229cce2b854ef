"""
Sockets for tasks, on asyncio and trio: what connects, writes and reads in an async client.

The twin of `_network`. The sockets are plain ones, which can be closed from anywhere: after their event loop has
ended, and in a forked process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import anyio

from ._broken import ReadError, ReadTimeout, WriteTimeout
from ._futures import settled
from ._loops import is_trios
from ._names import Address, Addresses, Names
from ._network import FLUSH_AT
from ._tls import Steps, T, Tls
from ._wire import Wire

_PIECE: Final = 16 * 1024
"""Bytes to read at once. In chunks of one byte, they keep the parser busy, and the loop with it, for 50 ms."""
_AT_ONCE: Final = 4
"""Reads for one call that may find their bytes there: such a read lets nobody else have a turn, on asyncio."""
_WAITS: Final = 15
"""
Answers to wait for without a look, after one that was not there when all other tasks had had their turn.

In a busy event loop most are there by then, and a look takes a fifth of what waiting takes.
"""


class TaskWire(Wire):
    """The wire of a connection that tasks of one event loop use, one after the other."""

    def __init__(self, names: Names, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._names = names
        self._has_just_sent = False
        self._waits = 0
        self._loop = None if is_trios() else asyncio.get_running_loop()

    async def connect(self, host: str, port: int, seconds: float | None) -> None:
        """Connect to the first of the host's addresses that can be reached. Raises Broken, as all do."""
        with self.connecting(seconds):
            with anyio.CancelScope() as scope:
                self._wake = scope.cancel
                await self._connect(await self._found(host, port))
            self._wake = None
            self.check()

    async def start_tls(self, context: ssl.SSLContext, name: str | None, seconds: float | None) -> None:
        """Speak TLS from here on, inside whatever is spoken already."""
        layer = Tls(context, name)
        with self.connecting(seconds):
            # In the clear, before TLS: it would be read as if it had come inside, and anybody could have sent it.
            if not self.intake.is_clean:
                raise ConnectionError("bytes that nobody asked for came before TLS began")
            await self._through(layer.handshake(), len(self._layers), None)
        self._layers.append(layer)

    async def read(self, seconds: float | None) -> bytes:
        """Return what came, but nothing beyond the end of the answer. What was written is sent first."""
        intake = self.intake
        try:
            if intake.has_kept:
                return intake.take()
            if self._unsent:
                await self._flush(seconds)
            return intake.take(await self._receive(len(self._layers), seconds))
        except OSError as error:
            # It has its cause already; a name for it here would be a cycle, which keeps the answer.
            raise self.broken(error, too_late=ReadTimeout, otherwise=ReadError)  # noqa: B904

    async def write(self, content: bytes, seconds: float | None) -> None:
        """Send *content* with what is still to be written: head and body in one piece cost half of two."""
        self._unsent += content
        if len(self._unsent) > FLUSH_AT:
            await self._flush(seconds)

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
                with anyio.fail_after(self.share(among)):
                    return await _reach(new, address)
            except OSError:
                among -= 1
                if not among:
                    raise

    async def _flush(self, seconds: float | None) -> None:
        unsent, self._unsent = self._unsent, b""
        self._has_just_sent = True
        try:
            await self._send(unsent, len(self._layers), seconds)
        except TimeoutError as error:
            raise WriteTimeout(str(error)) from error
        except OSError:
            pass  # the peer may have answered before it hung up: reading tells

    async def _send(self, content: bytes, depth: int, seconds: float | None) -> None:
        if depth:
            await self._through(self._layers[depth - 1].sending(content), depth - 1, seconds)
            return
        opened, sent = self._open(), 0
        while sent < len(content):
            left = self.within(seconds)
            try:
                sent += opened.send(memoryview(content)[sent:] if sent else content)
            except BlockingIOError:
                with anyio.fail_after(left):
                    await anyio.wait_writable(self._open())

    async def _receive(self, depth: int, seconds: float | None) -> bytes:
        if depth:
            return await self._through(self._layers[depth - 1].receiving(), depth - 1, seconds)
        self._reads += 1
        looks = self._loop is not None and self._reads <= _AT_ONCE
        is_first, self._has_just_sent = self._has_just_sent, False
        if looks and is_first:
            looks = not self._waits
            if looks:
                await asyncio.sleep(0)
            else:
                self._waits -= 1
        while True:
            opened, left = self._open(), self.patience(seconds)
            if not looks:
                await (_until_readable(opened, left) if self._loop is None else _woken(self._loop, opened, left))
            try:
                arrived = opened.recv(_PIECE)
            except BlockingIOError:
                if looks and is_first:
                    self._waits = _WAITS
                looks = False
                continue
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


async def _until_readable(opened: socket.socket, seconds: float | None) -> None:
    with anyio.fail_after(seconds):
        await anyio.wait_readable(opened)


async def _woken(loop: AbstractEventLoop, opened: socket.socket, seconds: float | None) -> None:
    """Do what `_until_readable` does, on asyncio, for a third of what anyio takes for the same."""
    waiting, number = loop.create_future(), opened.fileno()
    try:
        loop.add_reader(number, wake, waiting)
    except NotImplementedError:  # on Windows, for which anyio has a way of its own
        return await _until_readable(opened, seconds)
    timer = None if seconds is None else loop.call_later(seconds, expire, waiting)
    try:
        await waiting
    finally:
        loop.remove_reader(number)
        if timer is not None:
            timer.cancel()


def wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def expire(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_exception(TimeoutError("timed out"))


async def _reach(new: socket.socket, address: Address) -> None:
    try:
        new.connect(address)
    except BlockingIOError:
        await anyio.wait_writable(new)
        code = new.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code)) from None
