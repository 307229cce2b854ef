"""The other side of the engine: a server that does what a script says, and a sender of either kind."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from threading import Condition, Event, Thread
from typing import Any, Final, Self

import httpx
import trustme
from anyio.from_thread import BlockingPortal

from codepipeline_client._http import AsyncPooledTransport, PooledTransport, TransportOptions
from codepipeline_client.clock import DEADLINE, Deadline

OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
AUTHORITY: Final[Any] = trustme.CA()
"""Its methods take pyOpenSSL's contexts too, which has no types here."""


def server_context(name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


class End(Exception):
    """The client has hung up."""


class Talk:
    """One connection, as the server sees it."""

    def __init__(self, peer: Peer, number: int, line: socket.socket) -> None:
        self.peer = peer
        self.number = number
        self.line = line

    def read(self, ending: bytes = b"\r\n\r\nask") -> bytes:
        """Wait for a request."""
        request = b""
        while not request.endswith(ending):
            piece = self.line.recv(65536)
            if not piece:
                raise End
            request += piece
        with self.peer.changed:
            self.peer.requests.append(self.number)
            self.peer.heads.append(request)
            self.peer.changed.notify_all()
        return request

    def write(self, response: bytes) -> None:
        self.line.sendall(response)


Script = Callable[[Talk], object]


class Peer:
    """A server that does to each connection what a script says, in a thread of its own."""

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.context = context
        self.requests: list[int] = []
        """For each request the number of the connection that it came over, from 0."""
        self.heads: list[bytes] = []
        """The requests."""
        self.connections = 0
        self.closed = 0
        self.changed = Condition()
        self.end = Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._lines: set[socket.socket] = set()
        self._thread = Thread(target=self._accept)
        self.port: Final[int] = self._listener.getsockname()[1]
        self.url: Final = f"{'http' if context is None else 'https'}://localhost:{self.port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.end.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for line in [*self._lines]:
            with suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)
        assert self.wait_closed(self.connections)

    def wait_closed(self, count: int) -> bool:
        """Wait until so many connections are over."""
        with self.changed:
            return self.changed.wait_for(lambda: self.closed >= count, 10)

    def wait_requests(self, count: int) -> bool:
        """Wait until so many requests have come."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.requests) >= count, 10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self._lines.add(line)
                thread = Thread(target=self._serve, args=(line, self.connections))
                self.connections += 1
                thread.start()

    def _serve(self, line: socket.socket, number: int) -> None:
        with suppress(End, OSError), ExitStack() as stack:
            stack.callback(self._lines.discard, line)
            stack.enter_context(line)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context is not None:
                line = stack.enter_context(self.context.wrap_socket(line, server_side=True))
                stack.callback(self._lines.discard, line)
                self._lines.add(line)
            self.script(Talk(self, number, line))
        with self.changed:
            self.closed += 1
            self.changed.notify_all()


def polite(talk: Talk) -> None:
    """Respond to each request."""
    while True:
        talk.read()
        talk.write(OK)


def breaks_on_the_second(talk: Talk) -> None:
    """The keep-alive race: the connection ends when the request is on its way already."""
    talk.read()
    talk.write(OK)
    talk.read()


def silent(talk: Talk) -> None:
    talk.read()
    talk.read()


@contextmanager
def full_listener(host: str = "127.0.0.1", port: int = 0) -> Generator[int]:
    """Listen with a queue that is full, at the port that is yielded: the system takes part in no more handshakes."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((host, port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def tunnels(talk: Talk) -> None:
    """Be an HTTP proxy: open a tunnel."""
    host, _, port = talk.read(b"\r\n\r\n").split(b" ")[1].decode().partition(":")
    relay(talk, (host, int(port)), b"HTTP/1.1 200 OK\r\n\r\n")


def relay(talk: Talk, address: tuple[str, int], reply: bytes) -> None:
    """Connect to *address*, say so by the *reply*, and pass on what either side sends."""
    with socket.create_connection(address) as far:
        talk.write(reply)
        pairs = {talk.line: far, far: talk.line}
        while True:
            for near in select.select(list(pairs), [], [])[0]:
                piece = near.recv(65536)
                if not piece:
                    raise End
                pairs[near].sendall(piece)


class Sender:
    """A pool of either kind, as a thread sees it."""

    def __init__(self, options: TransportOptions, portal: BlockingPortal | None) -> None:
        self._portal = portal
        self.pool: Any = PooledTransport(options) if portal is None else AsyncPooledTransport(options)

    def send(self, url: str, deadline: float | None = None, content: bytes = b"ask", **limits: float) -> httpx.Response:
        """Send a request. Returns the response."""
        limits = {"connect": 5, "read": 5, "write": 5, "pool": 5, **limits}
        extensions = {"timeout": limits, DEADLINE: Deadline(deadline, time.monotonic)}
        request = httpx.Request("POST", url, content=content, extensions=extensions)
        handle = self.pool.handle_request if self._portal is None else self.pool.handle_async_request
        response: httpx.Response = self._run(partial(handle, request))
        assert isinstance(response.stream, httpx.ByteStream), "the connection may be in use again, so all was read"
        return response

    def ask(self, url: str, deadline: float | None = None, **limits: float) -> bytes:
        """Send a request. Returns the body of the response."""
        return self.send(url, deadline, b"ask", **limits).read()

    def close(self) -> None:
        self._run(self.pool.close if self._portal is None else self.pool.aclose)

    def _run(self, step: Callable[[], Any]) -> Any:
        return step() if self._portal is None else self._portal.call(step)


Make = Callable[..., Sender]
