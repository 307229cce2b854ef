"""
The pool for threads: each call goes out over a connection that is its own meanwhile, and is kept for the next.

Signs nothing and reads no answer. Who may have a connection is decided in `_pool`, how one is made in `_link`.
"""

from __future__ import annotations

import os
import ssl
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Final, Generic, TypeAlias

from ._answers import Answer, response
from ._broken import ConnectTimeout, PoolTimeout, ReadError, RemoteProtocolError
from ._call import Call
from ._futures import Once
from ._line import Line
from ._link import Connection, Found
from ._names import Names
from ._network import ThreadWire
from ._pool import KeyT, Places, Rooms, RoomT, Turn
from ._tls import Closed
from ._transit import TransitRequest, TransitResponse

STALE: Final = (ReadError, RemoteProtocolError)
"""How a connection fails that the server closed while it rested."""

_Threads: TypeAlias = Places[Connection, threading.Event]


class House(Generic[KeyT, RoomT]):
    """What a pool has in one process."""

    def __init__(self, line: Line, new_room: Callable[[], RoomT], has_ended: Callable[[KeyT], bool]) -> None:
        self.names: Final = Names()
        self.context: Final = Once(line.context)
        self.rooms: Final = Rooms(new_room, has_ended)

    def drop(self) -> None:
        """Close all connections at once."""
        self.rooms.drop()


class ConnectionPool:
    """Sends from threads. A call waits for its turn while all connections are in use."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._is_closed = False
        self._houses = Rooms[int, House[None, _Threads]](
            lambda: House(line, lambda: _Threads(line, threading.Event), lambda _: False), lambda _: True
        )
        weakref.finalize(self, self._houses.drop)

    def handle_request(self, request: TransitRequest) -> TransitResponse[Answer]:
        """
        Send *request* and return the answer, its body still to be read.

        Takes no longer than the request's timeouts, and its `Deadline` if it has one. Raises Broken.
        """
        call = Call(request, self._line.monotonic)
        house = self._houses.of(os.getpid())
        places = house.rooms.of(None)
        turn: Turn[Connection] = Turn()
        try:
            if self._is_closed:
                raise Closed
            event = places.enter(turn)
            if event is not None:
                event.wait(call.within("pool"))
                if not places.has_place(turn):
                    raise PoolTimeout("no connection became free in time")
            found = self._sent(call, house, places, turn)
        except BaseException as error:
            places.leave(turn)
            if isinstance(error, Closed):
                raise ReadError(str(error)) from error
            raise
        return response(found, Answer(found, places, turn))

    def close(self) -> None:
        """Close all connections. Calls that are under way fail, and so do later ones."""
        self._is_closed = True
        house = self._houses.of(os.getpid())
        house.context.close()
        for _, places in house.rooms.all():
            places.close()

    def _sent(self, call: Call, house: House[None, _Threads], places: _Threads, turn: Turn[Connection]) -> Found:
        used = places.take(turn, call.origin)
        if used is not None:
            try:
                return used.send(call)
            except STALE:
                if used.wire.intake.has_begun:  # the server has seen the request: no race, but a failure
                    raise
                used.drop()
        context = self._context(call, house.context) if self._line.needs_tls(call.origin.scheme) else None
        new = Connection(self._line, call.origin, context, ThreadWire(house.names, self._line.monotonic))
        places.hold(turn, new)
        return new.send(call)

    def _context(self, call: Call, built: Once[ssl.SSLContext]) -> ssl.SSLContext:
        try:
            return built.value or built.started().result(call.within("connect"))
        except TimeoutError as error:
            raise ConnectTimeout("the CA files were not read in time") from error
        except CancelledError:
            raise Closed from None
