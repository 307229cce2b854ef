"""
What threads and tasks have in common on one connection: where an answer ends, what time is left, how to let go.

Waits for nothing: who waits is in `_network` and `_async_network`.
"""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from math import ceil
from typing import Final

from ._broken import Broken, ConnectError, ConnectTimeout
from ._clock import Deadline
from ._tls import Closed, Tls

MOST_WORK: Final = 8 * 1024 * 1024
"""Bytes that one answer may take, with all that is around its body. A line counts for _LINE_WORK more."""
_LINE_WORK: Final = 128  # a parser gets through lines much more slowly, and a chunk of one byte is two of them
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_MOST_CUTS: Final = 100
_LEAST_SHARE: Final = 2.0
_LONGEST: Final = 2_000_000.0  # poll counts milliseconds, in 32 bits


class Intake:
    """
    Hands what arrived on to the HTTP parser, but nothing from beyond the end of an answer.

    The parser keeps what it is given too much, and takes it for the answer to the next request. An answer ends with
    its length, if it tells one; else with a blank line, as a head does, and a body in chunks.
    """

    __slots__ = ("_before", "_cuts", "_is_headless", "_kept", "_left", "_work", "has_begun")

    def __init__(self) -> None:
        self._kept = b""
        self.restart()

    def restart(self) -> None:
        """Expect the answer to a new request."""
        self._before = b""
        self._left: int | None = None
        self._cuts = self._work = 0
        self._is_headless = True
        self.has_begun = False
        """Whether anything has arrived since the request was sent."""

    def expect(self, length: int | None) -> None:
        """Take note of how long the body is that follows. None if its head does not tell."""
        self._left = length
        self._is_headless = False

    @property
    def is_clean(self) -> bool:
        """Whether nothing came after the answer."""
        return not self._kept and self._cuts < _MOST_CUTS

    @property
    def has_kept(self) -> bool:
        """Whether there is something to take, though nothing more arrives."""
        return bool(self._kept)

    def take(self, arrived: bytes = b"") -> bytes:
        """Return what the parser may have now, of what arrived and of what was kept. OSError if it is too much."""
        ready = self._kept + arrived
        if arrived:
            self.has_begun = True
        end = self._end(ready)
        self._kept = ready[end:]
        taken = ready[:end]
        if self._left is None:  # else the answer ends by itself
            self._work += end + _LINE_WORK * taken.count(b"\n")
            if self._work > MOST_WORK:
                raise ConnectionError("more came than any answer takes")
            if self._is_headless and self._cuts == _MOST_CUTS:
                raise ConnectionError("an answer was announced again and again, and did not begin")
        return taken

    def _end(self, ready: bytes) -> int:
        if self._left is not None:
            end = min(self._left, len(ready))
            self._left -= end
            return end
        if self._cuts == _MOST_CUTS:  # not to be kept busy by a body of blank lines; `is_clean` tells
            return len(ready)
        found = _BLANK_LINE.search(self._before + ready)
        if found is None:
            self._before = (self._before + ready)[-2:]
            return len(ready)
        end = found.end() - len(self._before)
        self._before = b""
        self._cuts += 1
        return end


class Wire:
    """
    One connection's socket, the TLS over it, and how long the call may take that uses it now.

    The socket never blocks: who waits does so before, and a look costs no switching to and fro.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.intake: Final = Intake()
        self._monotonic = monotonic
        self._deadline = Deadline(None, monotonic)
        self._connecting: Deadline | None = None
        self._socket: socket.socket | None = None
        self._layers: list[Tls] = []
        self._unsent = b""
        self._reads = 0
        self._is_aborted = False
        self._wake: Callable[[], object] | None = None

    def begin(self, deadline: Deadline) -> None:
        """Serve a new call."""
        self._deadline = deadline
        self._unsent = b""
        self._reads = 0
        self.intake.restart()

    @property
    def is_made(self) -> bool:
        """Whether there is a connection."""
        return self._socket is not None

    @property
    def is_quiet(self) -> bool:
        """Whether the connection is open, and nothing came over it that no call has asked for."""
        if self._socket is None or self._socket.fileno() == -1 or not self.intake.is_clean:
            return False
        return not any(layer.has_unread for layer in self._layers) and not ready(self._socket, 0)

    def abort(self) -> None:
        """Let the call that uses the connection fail soon. From any thread; for tasks from their own loop's only."""
        self._is_aborted = True
        wake = self._wake
        if wake is not None:
            wake()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def drop(self) -> None:
        """
        Close the socket, at once and from anywhere, without a word to the peer.

        A goodbye from a forked process would end what its parent is still using.
        """
        if self._socket is not None:
            self._socket.close()

    def within(self, seconds: float | None) -> float | None:
        """Return how long a step may take that may take *seconds* of its own. A TimeoutError if the time is over."""
        self.check()
        if self._connecting is not None:
            seconds = self._connecting.within(seconds)
        left = self._deadline.within(seconds)
        if left is not None and left <= 0:
            raise TimeoutError("the time for the call is over")
        return left

    def patience(self, seconds: float | None) -> float | None:
        """Return what `within` does, but None where the wait would be cut off before: a timer less for each answer."""
        left = self.within(seconds)
        return None if self._connecting is None and self._deadline.covers(seconds) else left

    def share(self, among: int) -> float | None:
        """Return how long to try one of so many addresses: a dead one must leave time for the others."""
        left = self.within(None)
        return None if left is None else max(left / among, min(left, _LEAST_SHARE))

    def check(self) -> None:
        """Fail if the call was told to."""
        if self._is_aborted:
            raise Closed

    def broken(self, error: OSError, *, too_late: type[Broken], otherwise: type[Broken]) -> Broken:
        """Return the failure for what ended by the clock, or for what else went wrong; its cause is the reason."""
        reason = Closed() if self._is_aborted else error  # an aborted connection fails in many ways
        failure = (too_late if isinstance(reason, TimeoutError) else otherwise)(str(reason))
        failure.__cause__ = reason
        return failure

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a stream."""
        match info:
            case "ssl_object":
                return self._layers[-1].object if self._layers else None
            case "is_readable":
                return not self.is_quiet
            case "socket":
                return self._socket
            case _:
                return None

    @contextmanager
    def limited(self, seconds: float | None) -> Generator[None]:
        """Give all steps inside so many *seconds* together."""
        self._connecting = Deadline(seconds, self._monotonic)
        try:
            yield
        finally:
            self._connecting = None

    @contextmanager
    def connecting(self, seconds: float | None) -> Generator[None]:
        """Allow so many *seconds* for all of what is inside, and close the socket when it fails."""
        try:
            with self.limited(seconds):
                yield
        except OSError as error:
            self.drop()
            # It has its cause already; a name for it here would be a cycle, which keeps the answer.
            raise self.broken(error, too_late=ConnectTimeout, otherwise=ConnectError)  # noqa: B904

    def _new_socket(self, family: int) -> socket.socket:
        self.drop()
        self._layers.clear()
        self._socket = new = socket.socket(family, socket.SOCK_STREAM)
        new.setblocking(False)
        new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return new

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionError("the connection was not made yet")
        if self._socket.fileno() == -1:  # by somebody who found it in the extensions of an answer, or among all objects
            raise ConnectionError("the socket was closed")
        return self._socket


def ready(opened: socket.socket, seconds: float | None, *, to_write: bool = False) -> bool:
    """Return whether there is something to read, an end too, or room to write, after *seconds* at most."""
    limit = None if seconds is None else min(seconds, _LONGEST)
    if hasattr(select, "poll"):  # Windows has none, and eventlet takes it away: select is as good there
        poll = select.poll()
        poll.register(opened, select.POLLOUT if to_write else select.POLLIN)
        return bool(poll.poll(None if limit is None else ceil(limit * 1000)))
    found = select.select([] if to_write else [opened], [opened] if to_write else [], [opened], limit)
    return any(found)
