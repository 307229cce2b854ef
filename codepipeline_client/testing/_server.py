"""
The HTTP/1.1 server on loopback: a thread that accepts connections, and a thread for each of them.

Knows framing and bytes. What a request means, and which response it gets, is the request handler's.
"""

from __future__ import annotations

import os
import re
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from socketserver import BaseServer
from struct import pack
from threading import Lock, Thread
from typing import Final, Self, TypeAlias, cast

from attrs import evolve

from .._protocol.strict_json import read_object
from .._threads import monotonic
from ..errors import ConfigurationError
from .messages import IncomingRequest, ServiceResponse, error_response, render_head, send_steps

RequestHandler: TypeAlias = Callable[[IncomingRequest], ServiceResponse]

_MAX_BODY: Final = 1 << 20
_RESET_ON_CLOSE: Final = pack("hh" if os.name == "nt" else "ii", 1, 0)
_LONGEST_WAIT: Final = 1e6
"""Seconds, 11 days. With any timeout the system's socket does not block, and the tracker needs one that does not."""


def check_loopback(host: str) -> str:
    """Return the address of *host*. Raises ConfigurationError unless it is a loopback address."""
    address = "127.0.0.1" if host == "localhost" else host
    with suppress(ValueError):  # a name: localhost is the only one that certainly is this machine
        if ip_address(address).is_loopback:
            return address
    raise ConfigurationError(f"host {host!r} is not a loopback address: give '127.0.0.1', '::1' or 'localhost'")


class LoopbackServer:
    """Listens while it is used as a context manager, and counts its connections. Safe for threads."""

    def __init__(self, host: str, port: int, respond: RequestHandler, now: Callable[[], float]) -> None:
        self._respond: Final = respond
        self._now: Final = now
        self._address = check_loopback(host), port
        self._listener: socket.socket | None = None
        self._acceptor: Thread | None = None
        self._acceptor_lock = Lock()
        self._threads: list[Thread] = []
        self._accepted = 0
        self._connections: dict[socket.socket, socket.socket] = {}
        """Each with a duplicate that does not block, to see the other side's end and to shut the connection down."""
        self._connections_lock = Lock()

    def __enter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        if self._listener is not None:
            raise ConfigurationError("this LocalCodePipeline is already running: create another one")
        self._listener = _bind(self._address)
        self.accept_connections()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, and return when no thread and no socket is left. Executions and requests are kept."""
        with self._acceptor_lock:
            self._stop_acceptor()
            if self._listener is not None:
                self._listener.close()
            self._listener = None
        self.close_connections()
        for thread in self._threads:
            thread.join()

    @property
    def endpoint_url(self) -> str:
        """The URL that it listens on. Raises ConfigurationError while it is not used as a context manager."""
        host, port = self._running().getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def refuse_connections(self) -> None:
        """Refuse new connections until `accept_connections`: nothing listens on the port. Open ones stay open."""
        with self._acceptor_lock:
            listener = self._running()
            self._stop_acceptor()
            # A socket that does not listen keeps other processes off the port.
            address = listener.getsockname()[:2]
            listener.close()
            self._listener = _bind(address)

    def accept_connections(self) -> None:
        """Accept connections again, on the same port."""
        with self._acceptor_lock:
            listener = self._running()
            if self._acceptor is None:
                listener.listen(128)
                self._stop, stopped = socket.socketpair()
                self._acceptor = _start_thread("LocalCodePipeline", self._accept, listener, stopped)

    def close_connections(self) -> None:
        """Close every open connection (FIN), even mid-response. On return, clients can detect the close."""
        with self._connections_lock:  # a shutdown also wakes up the connection's thread, whatever it waits for
            for duplicate in self._connections.values():
                with duplicate, suppress(OSError):  # the other side was faster
                    duplicate.shutdown(socket.SHUT_RDWR)
            self._connections.clear()

    @property
    def open_connections(self) -> int:
        """How many connections are open. One counts from its first request, or earlier, until either side closes it."""
        with self._connections_lock:
            return sum(map(_is_open, self._connections.values()))

    @property
    def accepted_connections(self) -> int:
        """How many connections were accepted since this object was created."""
        return self._accepted

    def _running(self) -> socket.socket:
        if self._listener is None:
            raise ConfigurationError("this LocalCodePipeline is not running: use it in a with statement")
        return self._listener

    def _stop_acceptor(self) -> None:
        if self._acceptor is not None:
            self._stop.close()
            self._acceptor.join()
            self._acceptor = None

    def _accept(self, listener: socket.socket, stopped: socket.socket) -> None:
        with stopped, selectors.DefaultSelector() as selector:
            selector.register(stopped, selectors.EVENT_READ)
            selector.register(listener, selectors.EVENT_READ)
            while all(key.fileobj is not stopped for key, _ in selector.select()):
                with suppress(OSError):  # the client is gone already
                    connection, _ = listener.accept()
                    duplicate = connection.dup()
                    duplicate.setblocking(False)
                    with self._connections_lock:
                        self._connections[connection] = duplicate
                        self._accepted += 1
                    thread = _start_thread("LocalCodePipeline connection", self._serve, connection, self._accepted)
                    self._threads = [*filter(Thread.is_alive, self._threads), thread]

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with suppress(OSError):  # the other side may go at any moment, which is no failure
                ServerConnection(connection, number, self._respond, self._now)
        finally:
            with self._connections_lock:  # before the socket is closed, which has an effect only after this
                duplicate = self._connections.pop(connection, connection)
            with connection, duplicate, suppress(OSError):
                connection.shutdown(socket.SHUT_WR)  # sends the end also when a forked process has the socket


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def _bind(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    try:
        # Windows would let another process take the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, os.name == "posix")
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)  # a client may be gone again before it is accepted
    return listener


def _start_thread(name: str, target: Callable[..., None], *args: object) -> Thread:
    thread = Thread(name=name, target=target, args=args, daemon=True)
    thread.start()
    return thread


class ServerConnection(BaseHTTPRequestHandler):
    """Reads requests from a socket and sends the responses, until either side ends the connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _LONGEST_WAIT

    def __init__(
        self, connection: socket.socket, number: int, respond: RequestHandler, now: Callable[[], float]
    ) -> None:
        self._number = number
        self._respond = respond
        self._now = now
        super().__init__(connection, None, cast("BaseServer", None))  # it is not used

    def do_POST(self) -> None:
        """Respond to a request of any method: the service checks which one is right."""
        lengths = set(self.headers.get_all("content-length", ["0"]))
        length = lengths.pop()
        if lengths or "transfer-encoding" in self.headers or not re.fullmatch("[0-9]{1,19}", length):
            return self.send_error(400, "The body's length must come from one Content-Length, and it must be a number")
        if int(length) > _MAX_BODY:
            return self.send_error(413, f"The body has more than {_MAX_BODY} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return None  # the other side has ended the connection
        document = read_object(body)
        request = IncomingRequest(
            number=0,  # the request handler counts
            connection_number=self._number,
            method=self.command,
            path=self.path,
            headers={name.lower(): ",".join(self.headers.get_all(name, [])) for name in self.headers},
            body=body,
            input=None if isinstance(document, str) else document,
        )
        return self._send(self._respond(request))

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 - http.server finds them by these names

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not HTTP in the form of the service, and close: where the next request starts is unknown."""
        name = "RequestEntityTooLargeException" if code == 413 else "MalformedHttpRequestException"
        self.close_connection = True
        response = error_response(name, message or HTTPStatus(code).phrase, code)
        self._send(evolve(response, date=self._now()))

    def _send(self, response: ServiceResponse) -> None:
        self.close_connection = self.close_connection or response.closes_connection
        head = render_head(response, closes_connection=self.close_connection)
        body = b"" if self.command == "HEAD" else response.body
        for step in send_steps(response.fault, head, body):
            if isinstance(step, bytes):
                self.connection.sendall(step)
            elif not isinstance(step, str):
                self._pause(step)
            else:
                self.close_connection = True
                if step == "RST":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    self.connection.close()

    def _pause(self, seconds: float) -> None:
        """Wait, and raise ConnectionAbortedError as soon as the other side closes the connection."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            self.connection.settimeout(min(left, _LONGEST_WAIT))
            with suppress(TimeoutError):
                if not self.connection.recv(1 << 16):
                    raise ConnectionAbortedError("the other side closed the connection")
                self.close_connection = True  # what was sent is not kept: clients wait for the response
        self.connection.settimeout(_LONGEST_WAIT)
