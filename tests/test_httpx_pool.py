"""
Why httpx's own pool does not do, shown on the httpx that is installed: three defects.

That this package's pool has none of them is in tests/_http, test_endurance and test_faults.

A test that fails here after an update of httpx or httpcore is good news: a reason for a pool of our own is gone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from threading import Barrier
from typing import Final

import anyio
import httpcore
import httpx
import pytest

from tests._http.peer import OK, Peer, Talk

CONNECTIONS: Final = 10


class Server(Peer):
    """Responds to each request, *delay* seconds late, when all have come, or one byte every *drip* seconds."""

    delay = drip = 0.0
    together = Barrier(1)
    """Where as many requests as it is for wait for each other."""

    def __init__(self) -> None:
        super().__init__(self._respond)

    def _respond(self, talk: Talk) -> None:
        while talk.line.recv(65536):
            time.sleep(self.delay)
            self.together.wait(10)
            for piece in [OK[i : i + 1] for i in range(len(OK))] if self.drip else [OK]:
                talk.write(piece)
                time.sleep(self.drip)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def request(server: Server, seconds: float) -> httpx.Request:
    """Return a request each of whose steps may take so many seconds."""
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
    return httpx.Request("GET", server.url, extensions={"timeout": timeout})


async def get(transport: httpx.AsyncBaseTransport, server: Server, seconds: float = 30.0) -> None:
    response = await transport.handle_async_request(request(server, seconds))
    await response.aread()
    await response.aclose()


async def cancel_many(transport: httpx.AsyncBaseTransport, server: Server) -> None:
    """Make calls over and over, three for each connection, and cancel them while they wait for one or hold one."""

    async def call() -> None:
        for _ in range(20):
            with anyio.move_on_after(0.06):
                await get(transport, server)

    server.delay = 0.05
    async with anyio.create_task_group() as tasks:
        for _ in range(3 * CONNECTIONS):
            tasks.start_soon(call)
    server.delay = 0.0
    await anyio.sleep(0.2)


async def count_usable(transport: httpx.AsyncBaseTransport, server: Server) -> int:
    """Return how many of as many calls as there may be connections get one at the same time."""
    usable = 0

    async def call() -> None:
        nonlocal usable
        with suppress(httpx.PoolTimeout):
            await get(transport, server, seconds=1.0)
            usable += 1

    server.delay = 0.5
    async with anyio.create_task_group() as tasks:
        for _ in range(CONNECTIONS):
            tasks.start_soon(call)
    return usable


@pytest.mark.usefixtures("garbage")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_cancelled_calls_cost_httpx_connections_for_good(server: Server) -> None:
    """https://github.com/encode/httpcore/issues/1093"""

    async def main() -> bool:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        async with httpx.AsyncHTTPTransport(limits=limits) as transport:
            # It takes a cancellation at the wrong moment, which a busy machine may not offer at once.
            for _ in range(10):
                await cancel_many(transport, server)
                if await count_usable(transport, server) < CONNECTIONS:
                    return True
        return False

    assert anyio.run(main)


def test_httpx_looks_at_every_connection_before_each_request(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a request costs the more, the more are in flight. Counted, since time would depend on the machine."""
    calls: Counter[int] = Counter()
    is_idle = httpcore.AsyncHTTPConnection.is_idle

    def counted(connection: httpcore.AsyncHTTPConnection) -> bool:
        calls[id(connection)] += 1
        return is_idle(connection)

    monkeypatch.setattr(httpcore.AsyncHTTPConnection, "is_idle", counted)

    async def main(connections: int) -> int:
        async with httpx.AsyncHTTPTransport() as transport:
            server.together = Barrier(connections)
            async with anyio.create_task_group() as tasks:
                for _ in range(connections):
                    tasks.start_soon(get, transport, server)
            server.together = Barrier(1)
            calls.clear()
            await get(transport, server)
            assert len(calls) == connections
            return calls.total()

    few, many = anyio.run(main, 4), anyio.run(main, 16)
    assert many >= 3 * few


def test_httpx_has_no_limit_for_a_whole_sync_call(server: Server) -> None:
    """Each byte comes in time, so the call takes as long as the server likes."""
    server.drip = 0.05
    began = time.monotonic()
    with httpx.HTTPTransport() as transport:
        transport.handle_request(request(server, 1.5)).read()
    assert time.monotonic() - began > 1.5
