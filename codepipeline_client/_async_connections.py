"""
The pool for tasks: the twin of `_connections`.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import weakref
from concurrent.futures import CancelledError
from typing import TypeAlias

import anyio

from ._answers import AsyncAnswer, response
from ._async_link import AsyncConnection, AsyncFound
from ._async_network import TaskWire
from ._broken import ConnectTimeout, PoolTimeout, ReadError
from ._call import Call
from ._connections import STALE, House
from ._futures import Once, settled
from ._line import Line
from ._loops import Loop, current_loop, has_ended, is_trios, run_in
from ._pool import Places, Rooms, Turn
from ._tls import Closed
from ._transit import TransitRequest, TransitResponse

_Tasks: TypeAlias = Places[AsyncConnection, "asyncio.Event | anyio.Event"]


class AsyncConnectionPool:
    """Sends from tasks, on asyncio or trio. A call waits for its turn while all connections are in use."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._is_closed = False
        self._houses = Rooms[int, House[Loop, _Tasks]](
            lambda: House(line, lambda: _Tasks(line, anyio.Event if is_trios() else asyncio.Event), has_ended),
            lambda _: True,
        )
        weakref.finalize(self, self._houses.drop)

    async def handle_async_request(self, request: TransitRequest) -> TransitResponse[AsyncAnswer]:
        """
        Send *request* and return the answer, its body still to be read.

        Takes no longer than the request's timeouts, and its `Deadline` if it has one. Raises Broken.
        """
        call = Call(request, self._line.monotonic)
        house = self._houses.of(os.getpid())
        places = house.rooms.of(current_loop())
        turn: Turn[AsyncConnection] = Turn()
        try:
            if self._is_closed:
                raise Closed
            event = places.enter(turn)
            if event is not None:
                seconds = call.within("pool")
                if call.deadline.covers(seconds):  # a cancel scope costs more than all the rest of waiting for a place
                    await event.wait()
                else:
                    with anyio.move_on_after(seconds):
                        await event.wait()
                if not places.has_place(turn):
                    raise PoolTimeout("no connection became free in time")
            found = await self._sent(call, house, places, turn)
        except BaseException as error:
            places.leave(turn)
            if isinstance(error, Closed):
                raise ReadError(str(error)) from error
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
        self, call: Call, house: House[Loop, _Tasks], places: _Tasks, turn: Turn[AsyncConnection]
    ) -> AsyncFound:
        used = places.take(turn, call.origin)
        if used is not None:
            try:
                return await used.send(call)
            except STALE:
                if used.wire.intake.has_begun:  # the server has seen the request: no race, but a failure
                    raise
                used.drop()
        context = await self._context(call, house.context) if self._line.needs_tls(call.origin.scheme) else None
        new = AsyncConnection(self._line, call.origin, context, TaskWire(house.names, self._line.monotonic))
        places.hold(turn, new)
        return await new.send(call)

    async def _context(self, call: Call, built: Once[ssl.SSLContext]) -> ssl.SSLContext:
        if built.value is not None:
            return built.value
        try:
            with anyio.fail_after(call.within("connect")):
                return await settled(built.started())
        except TimeoutError as error:
            raise ConnectTimeout("the CA files were not read in time") from error
        except CancelledError:
            raise Closed from None
