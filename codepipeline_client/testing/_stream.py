"""
The bytes of one connection, in and out, and the ways to end it.

Whatever waits here is let go when the endpoint stops, and a pause also when the other side hangs up.
"""

from __future__ import annotations

import io
import os
import selectors
import time
from contextlib import suppress
from socket import SHUT_WR, SO_LINGER, SOL_SOCKET, socket
from struct import pack
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_LINGER: Final = "hh" if os.name == "nt" else "ii"
_LONGEST: Final = 3600.0
"""Seconds of one wait: more does not fit into every system's timeout."""


class Stream:
    """The bytes of a connection that does not block, until the other end of *stopped* is closed."""

    def __init__(self, connection: socket, stopped: socket) -> None:
        self._connection = connection
        self._stopped = stopped
        self._early = bytearray()
        self._is_reset = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(stopped, selectors.EVENT_READ)
        self._selector.register(connection, selectors.EVENT_READ)

    def reader(self) -> io.BufferedReader:
        """Return what comes in as a file."""
        return io.BufferedReader(_Incoming(self))

    def writer(self) -> io.BufferedIOBase:
        """Return what goes out as a file without a buffer."""
        return _Outgoing(self)

    def receive_into(self, room: WriteableBuffer) -> int:
        """Wait for bytes, and return how many came. 0 when no more will."""
        if self._early:
            with memoryview(room) as view:
                count = min(view.nbytes, len(self._early))
                view[:count] = self._early[:count]
            del self._early[:count]
            return count
        self._wait(selectors.EVENT_READ)
        return self._connection.recv_into(room)

    def send(self, content: memoryview) -> None:
        """Return when all is sent."""
        while content:
            try:
                content = content[self._connection.send(content) :]
            except BlockingIOError:
                self._wait(selectors.EVENT_WRITE)

    def pause(self, seconds: float) -> None:
        """Wait, and raise ConnectionAbortedError as soon as the other side hangs up. 0 only looks whether it did."""
        until = time.monotonic() + seconds
        left = seconds
        while True:
            if self._wait(selectors.EVENT_READ, min(left, _LONGEST)):
                # Read, since a hang-up that comes behind it is not seen otherwise.
                early = self._connection.recv(1 << 16)
                if not early:
                    raise ConnectionAbortedError("the other side hung up")
                self._early += early
            left = until - time.monotonic()
            if left <= 0:
                return

    def reset(self) -> None:
        """Let the connection end with RST, and not in order."""
        self._connection.setsockopt(SOL_SOCKET, SO_LINGER, pack(_LINGER, 1, 0))
        self._is_reset = True

    def close(self) -> None:
        """Say that no more is sent, unless the connection is reset. The socket itself stays open."""
        self._selector.close()
        if not self._is_reset:
            with suppress(OSError):  # the other side may be gone
                self._connection.shutdown(SHUT_WR)

    def _wait(self, event: int, seconds: float | None = None) -> bool:
        """Return True when *event* is there, and False when it was not in time."""
        self._selector.modify(self._connection, event)
        ready = self._selector.select(seconds)
        if any(key.fileobj is self._stopped for key, _ in ready):
            raise ConnectionAbortedError("the endpoint stopped")
        return bool(ready)


class _Incoming(io.RawIOBase):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, room: WriteableBuffer, /) -> int:
        return self._stream.receive_into(room)


class _Outgoing(io.BufferedIOBase):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def write(self, content: ReadableBuffer, /) -> int:
        with memoryview(content) as view:
            self._stream.send(view)
            return view.nbytes
