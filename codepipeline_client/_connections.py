"""
The pools: each call goes out over a connection that is its own meanwhile, and is kept for the next.

Signs nothing and reads no answer. Who may have a connection is decided in `_pool`, how one is made in `_line`.
"""

from __future__ import annotations

import os
import ssl
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Final, Generic, TypeAlias

import anyio
import httpcore
import httpx

from ._answers import FAILURES, Answer, AsyncAnswer, named, response
from ._async_network import TaskWire
from ._futures import Once, settled
from ._line import AsyncConnection, Call, Connection, Line
from ._loops import Loop, current_loop, has_ended, run_in
from ._names import Names
from ._network import ThreadWire
from ._pool import KeyT, Places, Rooms, RoomT, Turn
from ._tls import Closed

_STALE: Final = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
"""How a connection fails that the server closed while it rested."""

_Threads: TypeAlias = Places[Connection, threading.Event]
_Tasks: TypeAlias = Places[AsyncConnection, anyio.Event]


class _House(Generic[KeyT, RoomT]):
    """What a pool has in one process."""

    def __init__(self, line: Line, new_room: Callable[[], RoomT], has_ended: Callable[[KeyT], bool]) -> None:
        self.names: Final = Names()
        self.context: Final = Once(line.context)
        self.rooms: Final = Rooms(new_room, has_ended)

    def drop(self) -> None:
        """Close all connections at once."""
        self.rooms.drop()


class ConnectionPool(httpx.BaseTransport):
    """Sends from threads. A call waits for its turn while all connections are in use."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._is_closed = False
        self._houses = Rooms[int, _House[None, _Threads]](
            lambda: _House(line, lambda: _Threads(line, threading.Event), lambda _: False), lambda _: True
        )
        weakref.finalize(self, self._houses.drop)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request* and return the answer, its body still to be read.

        Takes no longer than the request's timeouts, and its `Deadline` if it has one. Raises httpx.TransportError.
        """
        request.read()
        call = Call(request, self._line.monotonic)
        house = self._houses.of(os.getpid())
        places = house.rooms.of(None)
        turn = Turn[Connection]()
        try:
            if self._is_closed:
                raise Closed
            event = places.enter(turn)
            if event is not None:
                event.wait(call.within("pool"))
                if not places.has_place(turn):
                    raise httpcore.PoolTimeout("no connection became free in time")
            found = self._sent(call, house, places, turn)
        except BaseException as error:
            places.leave(turn)
            if isinstance(error, FAILURES):
                raise named(error) from error
            raise
        return response(found, Answer(found, places, turn))

    def close(self) -> None:
        """Close all connections. Calls that are under way fail, and so do later ones."""
        self._is_closed = True
        house = self._houses.of(os.getpid())
        house.context.close()
        for _, places in house.rooms.all():
            places.close()

    def _sent(
        self, call: Call, house: _House[None, _Threads], places: _Threads, turn: Turn[Connection]
    ) -> httpcore.Response:
        used = places.take(turn, call.origin)
        if used is not None:
            try:
                return used.send(call)
            except _STALE:
                if used.wire.intake.has_begun:  # the server has seen the request: no race, but a failure
                    raise
                used.drop()
        context = self._context(call, house.context) if self._line.needs_tls(call.origin) else None
        new = self._line.connection(call.origin, context, ThreadWire(house.names, self._line.monotonic))
        places.hold(turn, new)
        return new.send(call)

    def _context(self, call: Call, built: Once[ssl.SSLContext]) -> ssl.SSLContext:
        try:
            return built.value or built.started().result(call.within("connect"))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the CA files were not read in time") from error
        except CancelledError:
            raise Closed from None


class AsyncConnectionPool(httpx.AsyncBaseTransport):
    """Sends from tasks, on asyncio or trio. A call waits for its turn while all connections are in use."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._is_closed = False
        self._houses = Rooms[int, _House[Loop, _Tasks]](
            lambda: _House(line, lambda: _Tasks(line, anyio.Event), has_ended), lambda _: True
        )
        weakref.finalize(self, self._houses.drop)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """
        Send *request* and return the answer, its body still to be read.

        Takes no longer than the request's timeouts, and its `Deadline` if it has one. Raises httpx.TransportError.
        """
        await request.aread()
        call = Call(request, self._line.monotonic)
        house = self._houses.of(os.getpid())
        places = house.rooms.of(current_loop())
        turn = Turn[AsyncConnection]()
        try:
            if self._is_closed:
                raise Closed
            event = places.enter(turn)
            if event is not None:
                with anyio.move_on_after(call.within("pool")):
                    await event.wait()
                if not places.has_place(turn):
                    raise httpcore.PoolTimeout("no connection became free in time")
            found = await self._sent(call, house, places, turn)
        except BaseException as error:
            places.leave(turn)
            if isinstance(error, FAILURES):
                raise named(error) from error
            raise
        return response(found, AsyncAnswer(found, places, turn))

    async def aclose(self) -> None:
        """Close all connections. Calls that are under way fail, and so do later ones."""
        self._is_closed = True
        here = current_loop()
        house = self._houses.of(os.getpid())
        house.context.close()
        for loop, places in house.rooms.all():
            if loop is here:
                places.close()
            elif has_ended(loop):
                places.drop()
            else:
                run_in(loop, places.close)

    async def _sent(
        self, call: Call, house: _House[Loop, _Tasks], places: _Tasks, turn: Turn[AsyncConnection]
    ) -> httpcore.Response:
        used = places.take(turn, call.origin)
        if used is not None:
            try:
                return await used.send(call)
            except _STALE:
                if used.wire.intake.has_begun:  # the server has seen the request: no race, but a failure
                    raise
                used.drop()
        context = await self._context(call, house.context) if self._line.needs_tls(call.origin) else None
        new = self._line.async_connection(call.origin, context, TaskWire(house.names, self._line.monotonic))
        places.hold(turn, new)
        return await new.send(call)

    async def _context(self, call: Call, built: Once[ssl.SSLContext]) -> ssl.SSLContext:
        if built.value is not None:
            return built.value
        try:
            with anyio.fail_after(call.within("connect")):
                return await settled(built.started())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the CA files were not read in time") from error
        except CancelledError:
            raise Closed from None
