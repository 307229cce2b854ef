"""
Sockets for threads: what connects, writes and reads.

Each single operation gets what is left of its call's time and no more, so that no peer can stretch a call.
Knows bytes and addresses, and neither requests nor answers.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event
from typing import Final

from ._broken import ReadError, ReadTimeout, WriteTimeout
from ._names import Address, Addresses, Names
from ._tls import RECORD, Steps, T, Tls
from ._wire import Wire, ready

FLUSH_AT: Final = 64 * 1024
"""Bytes that are written are sent when so many are together, or when an answer is read."""


class ThreadWire(Wire):
    """The wire of a connection that threads use, one after the other."""

    def __init__(self, names: Names, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._names = names

    def connect(self, host: str, port: int, seconds: float | None) -> None:
        """Connect to the first of the host's addresses that can be reached. Raises Broken, as all do."""
        with self.connecting(seconds):
            self._connect(self._found(host, port))

    def start_tls(self, context: ssl.SSLContext, name: str | None, seconds: float | None) -> None:
        """Speak TLS from here on, inside whatever is spoken already."""
        layer = Tls(context, name)
        with self.connecting(seconds):
            # In the clear, before TLS: it would be read as if it had come inside, and anybody could have sent it.
            if not self.intake.is_clean:
                raise ConnectionError("bytes that nobody asked for came before TLS began")
            self._through(layer.handshake(), len(self._layers), None)
        self._layers.append(layer)

    def read(self, seconds: float | None) -> bytes:
        """Return what came, but nothing beyond the end of the answer. What was written is sent first."""
        intake = self.intake
        try:
            if intake.has_kept:
                return intake.take()
            if self._unsent:
                self._flush(seconds)
            return intake.take(self._receive(len(self._layers), seconds))
        except OSError as error:
            # It has its cause already; a name for it here would be a cycle, which keeps the answer.
            raise self.broken(error, too_late=ReadTimeout, otherwise=ReadError)  # noqa: B904

    def write(self, content: bytes, seconds: float | None) -> None:
        """Send *content* with what is still to be written: head and body in one piece cost half of two."""
        self._unsent += content
        if len(self._unsent) > FLUSH_AT:
            self._flush(seconds)

    def _found(self, host: str, port: int) -> Addresses:
        found = self._names.look_up(host, port)
        if isinstance(found, Future):
            woken = Event()
            self._wake = woken.set
            found.add_done_callback(lambda _: woken.set())
            if not woken.wait(self.within(None)):
                raise TimeoutError(f"the address of {host} was not found in time")
            self.check()
            return found.result()
        return found

    def _connect(self, addresses: Addresses) -> None:
        among = len(addresses)
        while True:
            family, address = addresses[-among]
            try:
                # Fails for a family that this machine has switched off.
                return self._reach(self._new_socket(family), address, self.share(among))
            except OSError:
                among -= 1
                if not among:
                    raise

    def _reach(self, new: socket.socket, address: Address, seconds: float | None) -> None:
        try:
            new.connect(address)
        except BlockingIOError:
            if not ready(new, seconds, to_write=True):
                raise TimeoutError("timed out") from None
            code = new.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, os.strerror(code)) from None

    def _flush(self, seconds: float | None) -> None:
        unsent, self._unsent = self._unsent, b""
        try:
            self._send(unsent, len(self._layers), seconds)
        except TimeoutError as error:
            raise WriteTimeout(str(error)) from error
        except OSError:
            pass  # the peer may have answered before it hung up: reading tells

    def _send(self, content: bytes, depth: int, seconds: float | None) -> None:
        if depth:
            self._through(self._layers[depth - 1].sending(content), depth - 1, seconds)
            return
        opened, sent = self._open(), 0
        while sent < len(content):
            left = self.within(seconds)
            try:
                sent += opened.send(memoryview(content)[sent:] if sent else content)
            except BlockingIOError:
                if not ready(self._open(), left, to_write=True):
                    raise TimeoutError("timed out") from None

    def _receive(self, depth: int, seconds: float | None) -> bytes:
        if depth:
            return self._through(self._layers[depth - 1].receiving(), depth - 1, seconds)
        while True:
            opened = self._open()
            if not ready(opened, self.within(seconds)):
                raise TimeoutError("timed out")
            try:
                arrived = opened.recv(RECORD)
            except BlockingIOError:  # what was there was no good, the kernel found
                continue
            self.check()
            return arrived

    def _through(self, steps: Steps[T], depth: int, seconds: float | None) -> T:
        try:
            content = next(steps)
            while True:
                if content:
                    self._send(content, depth, seconds)
                    content = next(steps)
                else:
                    content = steps.send(self._receive(depth, seconds))
        except StopIteration as end:
            result: T = end.value
            return result
