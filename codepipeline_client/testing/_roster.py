"""
The connections of an endpoint: which are open, and how many there were.

Every socket here is non-blocking, and is closed by the thread that serves it.
"""

from __future__ import annotations

import select
from contextlib import suppress
from socket import MSG_PEEK, SHUT_RDWR, socket
from threading import Lock
from typing import Final

_HANG_UP: Final[int] = getattr(select, "POLLRDHUP", 0)


class Roster:
    """The open connections, shared by the threads of an endpoint and of its tests."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: set[socket] = set()
        self._accepted = 0

    @property
    def accepted(self) -> int:
        """How many were ever accepted."""
        with self._lock:
            return self._accepted

    @property
    def open(self) -> int:
        """How many are open at both ends."""
        with self._lock:
            return sum(map(_is_open, self._open))

    def enter(self, connection: socket) -> int:
        """Return the number of a new *connection*, from 1."""
        with self._lock:
            self._open.add(connection)
            self._accepted += 1
            return self._accepted

    def leave(self, connection: socket) -> None:
        """Take *connection* off. Call it before the socket is closed."""
        with self._lock:
            self._open.discard(connection)

    def close_all(self) -> None:
        """Close every connection for the other side. Its thread finds that out, and ends."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # the other side was faster
                    connection.shutdown(SHUT_RDWR)
            self._open.clear()


def _is_open(connection: socket) -> bool:
    """Look whether the other side has hung up, which the thread that serves it may not have seen yet."""
    try:
        unread = connection.recv(1, MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return unread != b"" and not (_HANG_UP and _tells_hang_up(connection))


def _tells_hang_up(connection: socket) -> bool:
    """Look behind bytes that nobody has read yet, which only some systems can."""
    poll = select.poll()
    poll.register(connection, _HANG_UP)
    return bool(poll.poll(0))
