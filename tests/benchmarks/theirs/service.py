"""
The service that all contestants ask, in a process of its own: one answer, as fast as Python can give it.

Prints its URL, then serves until its stdin ends. Checks no signature, and says nothing wrong: time is measured here.
"""

from __future__ import annotations

import asyncio
import sys
import time
from email.utils import formatdate
from uuid import uuid4

from contestants._material import ANSWER


class Connection(asyncio.Protocol):
    """Answers one request after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._arrived = b""

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        while True:
            head, blank, rest = self._arrived.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
            if not blank or len(rest) < length:
                return
            self._arrived = rest[length:]
            self._transport.write(_answer())


def _answer() -> bytes:
    now = int(time.time())
    if now not in _DATES:
        _DATES.clear()
        _DATES[now] = formatdate(now, usegmt=True)
    head = (
        f"HTTP/1.1 200 OK\r\nx-amzn-RequestId: {uuid4()}\r\nDate: {_DATES[now]}\r\n"
        f"Content-Type: application/x-amz-json-1.1\r\nContent-Length: {len(ANSWER)}\r\n\r\n"
    )
    return head.encode() + ANSWER


_DATES: dict[int, str] = {}


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    host, port = server.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
