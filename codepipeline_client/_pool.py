"""
Who may have a connection, in which order, and which one; and that nothing is shared with a forked process.

Opens none and waits for none: `_connections` does. Threads may use what is here at once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from ._tls import Closed


class Pooled(Protocol):
    """What a place is for: an open connection."""

    @property
    def origin(self) -> object:
        """Whom it is connected to."""
        ...

    @property
    def is_fit(self) -> bool:
        """Whether it can serve another call."""
        ...

    def abort(self) -> None:
        """Let the call that uses it fail soon."""
        ...

    def drop(self) -> None:
        """Close it at once."""
        ...


class Settable(Protocol):
    """What wakes who waits for it."""

    def set(self) -> object:
        """Wake him."""
        ...


class Terms(Protocol):
    """How many connections there may be, and for how long."""

    @property
    def max_connections(self) -> int:
        """Return how many may be open at once."""
        ...

    @property
    def idle_seconds(self) -> float:
        """Return how long one may rest."""
        ...

    @property
    def monotonic(self) -> Callable[[], float]:
        """Return what tells how long that is."""
        ...


ConnectionT = TypeVar("ConnectionT", bound=Pooled)
EventT = TypeVar("EventT", bound=Settable)


class Turn(Generic[ConnectionT]):
    """One call's claim to a place, and the connection that it uses there."""

    __slots__ = ("connection",)

    def __init__(self) -> None:
        self.connection: ConnectionT | None = None


class Places(Generic[ConnectionT, EventT]):
    """
    As many places as there may be connections. Calls come in first, first served; connections rest in a stack.

    A stack, so that the fewest are kept busy and the others grow old.
    """

    def __init__(self, terms: Terms, new_event: Callable[[], EventT]) -> None:
        self._free = terms.max_connections
        self._idle_seconds = terms.idle_seconds
        self._monotonic = terms.monotonic
        self._new_event = new_event
        self._lock = Lock()
        self._waiting: OrderedDict[Turn[ConnectionT], EventT] = OrderedDict()
        self._served: set[Turn[ConnectionT]] = set()
        self._resting: deque[tuple[float, ConnectionT]] = deque()
        self._is_closed = False

    def enter(self, turn: Turn[ConnectionT]) -> EventT | None:
        """Give *turn* a place. When there is none, return what to wait for; then ask `has_place`."""
        with self._lock:
            self._check()
            if self._free:
                self._free -= 1
                self._served.add(turn)
                return None
            event = self._waiting[turn] = self._new_event()
            return event

    def has_place(self, turn: Turn[ConnectionT]) -> bool:
        """Return whether *turn* has come."""
        with self._lock:
            self._check()
            return turn in self._served

    def take(self, turn: Turn[ConnectionT], origin: object) -> ConnectionT | None:
        """Return the connection to *origin* that was used last, if one is fit to be used again."""
        while True:
            with self._lock:
                if not self._resting:
                    return None
                since, connection = self._resting.pop()
                turn.connection = connection
            is_young = self._monotonic() - since < self._idle_seconds
            if is_young and connection.origin == origin and connection.is_fit:
                return connection
            connection.drop()

    def hold(self, turn: Turn[ConnectionT], connection: ConnectionT) -> None:
        """Take note of the new connection that *turn* is about to make."""
        with self._lock:
            self._check()
            turn.connection = connection

    def leave(self, turn: Turn[ConnectionT], *, rests: bool = False) -> None:
        """Give the place of *turn* to the next, and put its connection to rest or close it. May be repeated."""
        with self._lock:
            connection, turn.connection = turn.connection, None
            now = self._monotonic()
            if connection is not None and rests and not self._is_closed:
                self._resting.append((now, connection))
            elif connection is not None:
                connection.drop()
            while self._resting and now - self._resting[0][0] >= self._idle_seconds:
                self._resting.popleft()[1].drop()
            if turn in self._served:
                self._served.remove(turn)
                self._serve_next()
            else:
                self._waiting.pop(turn, None)

    def close(self) -> None:
        """Close what rests, let calls under way fail, and send away who waits and who will come."""
        with self._lock:
            self._is_closed = True
            for event in self._waiting.values():
                event.set()
            self._waiting.clear()
            for turn in self._served:
                if turn.connection is not None:
                    turn.connection.abort()
            for _, connection in self._resting:
                connection.drop()
            self._resting.clear()

    def drop(self) -> None:
        """Close all connections, those in use too: nobody is left who could use them, nor whoever holds the lock."""
        for turn in tuple(self._served):
            if turn.connection is not None:
                turn.connection.drop()
        for _, connection in tuple(self._resting):
            connection.drop()
        self._resting.clear()

    def _serve_next(self) -> None:
        if self._waiting:
            turn, event = self._waiting.popitem(last=False)
            self._served.add(turn)
            event.set()
        else:
            self._free += 1

    def _check(self) -> None:
        if self._is_closed:
            raise Closed


class Droppable(Protocol):
    """What closes all connections at once."""

    def drop(self) -> None:
        """Do so."""
        ...


KeyT = TypeVar("KeyT")
RoomT = TypeVar("RoomT", bound=Droppable)


class Rooms(Generic[KeyT, RoomT]):
    """
    One room for each that must not share: each process, each event loop.

    What is left in the room of one that has ended is closed when the next comes. After a fork that is the parent's,
    of which the child has all sockets and no thread.
    """

    def __init__(self, new_room: Callable[[], RoomT], has_ended: Callable[[KeyT], bool]) -> None:
        self._new_room = new_room
        self._has_ended = has_ended
        self._rooms: dict[KeyT, RoomT] = {}

    def of(self, key: KeyT) -> RoomT:
        """Return the room of who asks."""
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms.setdefault(key, self._new_room())
            for other, _ in self.all():
                left = self._rooms.pop(other, None) if other != key and self._has_ended(other) else None
                if left is not None:
                    left.drop()
        return room

    def all(self) -> tuple[tuple[KeyT, RoomT], ...]:
        """Return all rooms, with whose they are."""
        return tuple(self._rooms.items())

    def drop(self) -> None:
        """Close all connections at once."""
        for _, room in self.all():
            room.drop()
