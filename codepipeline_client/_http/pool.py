"""
Decide which call gets a connection, in which order, and which connection.

Does no I/O. Threads share a pool, and a signal handler may close it at any statement: order keeps it consistent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from math import inf
from threading import RLock
from typing import Final, Generic, TypeAlias, TypeVar
from weakref import ReferenceType, ref

from .._threads import new_queue
from .network import PooledConnection, TransportOptions

ConnectionT = TypeVar("ConnectionT", bound=PooledConnection)
Key: TypeAlias = tuple[bytes, bytes, bool]
"""What a connection leads to, by scheme and authority, and whether it is one of httpx's."""
_IDLE_SECONDS: Final = 15.0
"""How long an idle connection is kept. Servers close theirs after 20 seconds and more."""
_GONE: Final = suppress(IndexError, ValueError)
"""For what another thread or a signal handler took a moment ago. Made once, since each call comes by here."""


class PoolClosed(ConnectionAbortedError):
    """The pool was closed, or is closed while a request is in flight."""


class Lease(Generic[ConnectionT]):
    """One call's right to a connection, or its place in the queue for one. A lease that is destroyed is given back."""

    __slots__ = ("__weakref__", "connection", "is_closed", "key", "wake", "wake_thread", "woken")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.connection: ConnectionT | None = None
        self.woken = new_queue()
        self.wake_thread = partial(self.woken.put, None)
        self.wake: Callable[[], object] = self.wake_thread
        """Ends what the call waits for: it is granted a connection, or the pool is closed."""
        self.is_closed = False
        """Whether the call must end because the pool was closed."""

    def wake_by(self, wake: Callable[[], object]) -> None:
        """Have *wake* end what the call waits for next. Raises PoolClosed when the pool is closed already."""
        self.wake = wake
        if self.is_closed:
            raise PoolClosed


class ConnectionPool(Generic[ConnectionT]):
    """Serves calls first come, first served. The connection used last is used first, so that the others grow old."""

    def __init__(self, options: TransportOptions) -> None:
        self._max_connections = options.max_connections
        self._monotonic = options.monotonic
        self._lock = RLock()
        self._queue: deque[ReferenceType[Lease[ConnectionT]]] = deque()
        # No WeakSet: an interrupt may end its callback, which is in Python. That of these references is `set.discard`.
        self._granted: set[ReferenceType[Lease[ConnectionT]]] = set()
        self._idle: deque[tuple[float, Key | None, ConnectionT]] = deque()
        self.is_closed = False

    def enter(self, lease: Lease[ConnectionT]) -> bool:
        """Queue *lease*, and return whether it is granted at once. Raises PoolClosed."""
        self._queue.append(ref(lease))
        return self.is_granted(lease)

    def is_granted(self, lease: Lease[ConnectionT]) -> bool:
        """Return whether it is the turn of *lease*. Raises PoolClosed."""
        with self._lock:
            self._grant()
            if self.is_closed:
                raise PoolClosed
            return ref(lease) in self._granted

    def release(self, lease: Lease[ConnectionT]) -> None:
        """End *lease*, whose connection is kept or closed, and grant the next one."""
        with self._lock:
            if ref(lease) in self._granted:
                self._granted.discard(ref(lease))
            else:
                with _GONE:
                    self._queue.remove(ref(lease))
            self._grant()

    def take(self, lease: Lease[ConnectionT]) -> ConnectionT | None:
        """Give *lease* the idle connection that was used last and can be used, and return it, if there is one."""
        with _GONE:
            for _ in range(len(self._idle)):
                since, key, connection = self._idle.pop()
                is_young = self._monotonic() - since < _IDLE_SECONDS
                if is_young and key == lease.key and connection.is_usable:
                    lease.connection = connection
                    return connection
                self._idle.appendleft((-inf, None, connection))
        return None

    def keep(self, lease: Lease[ConnectionT]) -> None:
        """Keep the connection of *lease* for the next call, if it allows that."""
        connection = lease.connection
        if connection is not None and (connection.parser is None or connection.parser.allows_reuse):
            lease.connection = None
            self._idle.append((self._monotonic(), lease.key, connection))

    def expired(self, *, any_idle: bool = False) -> ConnectionT | None:
        """Return a connection to close: unusable, or idle for too long; *any_idle* one, also if the pool is closed."""
        with self._lock, _GONE:
            if any_idle or self.is_closed or self._monotonic() - self._idle[0][0] >= _IDLE_SECONDS:
                return self._idle.popleft()[2]
        return None

    def connections(self) -> list[ConnectionT]:
        """Return all connections. Takes no lock: a thread of the parent may have held it when this process forked."""
        used = [lease.connection for lease in _living(self._granted) if lease.connection is not None]
        return [*used, *(connection for _, _, connection in tuple(self._idle))]

    def close(self) -> None:
        """End all calls, and refuse new ones."""
        self.is_closed = True
        with self._lock:
            for lease in _living([*self._queue, *self._granted]):
                lease.is_closed = True
                lease.wake()

    def _grant(self) -> None:
        with _GONE:
            while self._queue and len(self._granted) < self._max_connections:
                waiting = self._queue[0]  # which leaves the queue last: an interrupt may come at any moment
                if (lease := waiting()) is not None:
                    self._granted.add(ref(lease, self._granted.discard))
                    lease.wake()
                self._queue.remove(waiting)


def _living(leases: Iterable[ReferenceType[Lease[ConnectionT]]]) -> list[Lease[ConnectionT]]:
    return [lease for each in [*leases] if (lease := each()) is not None]
