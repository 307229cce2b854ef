"""
Sockets for threads: what httpcore connects, writes and reads with.

Each single operation gets what is left of its call's time and no more, so that no peer can stretch a call.
Knows bytes and addresses; requests and answers are httpcore's business.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event
from typing import Final

import httpcore

from ._names import Addresses, Names
from ._tls import RECORD, Steps, T, Tls
from ._wire import Wire

FLUSH_AT: Final = 64 * 1024
"""Bytes that are written are sent when so many are together, or when an answer is read."""


_TLS: Final = (b"", b"\x15", b"\x16")
"""What a peer that speaks TLS begins with, if it begins: an alert, a handshake."""


class ThreadWire(Wire, httpcore.NetworkBackend, httpcore.NetworkStream):
    """The wire of a connection that threads use, one after the other."""

    def __init__(self, names: Names, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._names = names

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that can be reached."""
        with connecting(self, timeout):
            self._connect(self._found(host, port))
        return self

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Speak TLS from here on, inside whatever is spoken already."""
        layer = Tls(ssl_context, server_hostname)
        with connecting(self, timeout):
            # In the clear, before TLS: it would be read as if it had come inside, and anybody could have sent it.
            if not self.intake.is_clean:
                raise ConnectionError("bytes that nobody asked for came before TLS began")
            self._through(greeted(layer.handshake()), len(self._layers), None)
        self._layers.append(layer)
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came, but nothing beyond the end of the answer. What was written is sent first."""
        try:
            kept = self.intake.take()
            if kept:
                return kept
            self._flush(timeout)
            return self.intake.take(self._receive(len(self._layers), timeout))
        except OSError as error:
            reason = self.reason(error)
            raise name_of(reason, httpcore.ReadTimeout, httpcore.ReadError)(str(reason)) from reason

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer* with what is still to be written: head and body in one piece cost half of two."""
        self._unsent += buffer
        if len(self._unsent) > FLUSH_AT:
            self._flush(timeout)

    def close(self) -> None:
        """Close the socket."""
        self.drop()

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
                new = self._new_socket(family)  # fails for a family that this machine has switched off
                new.settimeout(self.share(among))
                return new.connect(address)
            except OSError:
                among -= 1
                if not among:
                    raise

    def _flush(self, seconds: float | None) -> None:
        unsent, self._unsent = self._unsent, b""
        if unsent:
            try:
                self._send(unsent, len(self._layers), seconds)
            except TimeoutError as error:
                raise httpcore.WriteTimeout(str(error)) from error
            except OSError:
                pass  # the peer may have answered before it hung up: reading tells

    def _send(self, content: bytes, depth: int, seconds: float | None) -> None:
        if depth:
            self._through(self._layers[depth - 1].sending(content), depth - 1, seconds)
            return
        rest = memoryview(content)
        while rest:
            self._open().settimeout(self.within(seconds))
            rest = rest[self._open().send(rest) :]

    def _receive(self, depth: int, seconds: float | None) -> bytes:
        if depth:
            return self._through(self._layers[depth - 1].receiving(), depth - 1, seconds)
        self._open().settimeout(self.within(seconds))
        arrived = self._open().recv(RECORD)
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


@contextmanager
def connecting(wire: Wire, seconds: float | None) -> Generator[None]:
    """Allow so many *seconds* for all of what is inside, and give its failure the name that httpcore has for it."""
    try:
        with wire.limited(seconds):
            yield
    except OSError as error:
        wire.drop()
        reason = wire.reason(error)
        raise name_of(reason, httpcore.ConnectTimeout, httpcore.ConnectError)(str(reason)) from reason


def greeted(handshake: Steps[None]) -> Steps[None]:
    """Tell a peer that speaks no TLS by its first byte: OpenSSL wants five, and calls less a connection that broke."""
    heard = b""
    try:
        content = next(handshake)
        while True:
            arrived = yield content
            heard = heard or arrived or b""
            content = handshake.send(arrived)
    except StopIteration:
        return
    except ssl.SSLEOFError as error:
        if heard[:1] not in _TLS:
            error.reason = "WRONG_VERSION_NUMBER"
        raise


def name_of(reason: OSError, too_late: type[Exception], broken: type[Exception]) -> type[Exception]:
    """Return *too_late* for what ended by the clock, and *broken* for what else went wrong."""
    return too_late if isinstance(reason, TimeoutError) else broken
