"""
The thread that accepts connections, and the threads that it gives them.

Stops at once: one end of a pair of sockets is closed, and whatever waits here watches the other end as well.
"""

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from socketserver import TCPServer
from threading import Lock, Thread
from typing import Any

from ..errors import ConfigurationError
from ._calls import Answer, Call
from ._connection import Connection
from ._roster import Roster


class Listener:
    """Listens as soon as it is made, until it is stopped."""

    def __init__(
        self, *, host: str, port: int, respond: Callable[[Call], Answer], now: Callable[[], float], roster: Roster
    ) -> None:
        self._stop, self._stopped = socket.socketpair()
        try:
            connection = partial(Connection, respond=respond, now=now, stopped=self._stopped)
            self._server = _Server(host, port, connection, roster)
        except BaseException:
            self._stop.close()
            self._stopped.close()
            raise
        self._lock = Lock()
        self._acceptor: _Acceptor | None = _Acceptor(self._server)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def refuse(self) -> None:
        """Let the system refuse new connections. Those that are open stay, and so does the port."""
        with self._lock:
            if self._acceptor is not None:
                self._acceptor.stop()
                self._acceptor = None
                self._server.stop_listening()

    def accept(self) -> None:
        """Accept connections again."""
        with self._lock:
            if self._acceptor is None:
                self._server.server_activate()
                self._acceptor = _Acceptor(self._server)

    def stop(self) -> None:
        """End every connection, whatever it is doing, and return when no thread and no socket is left."""
        self._stop.close()
        with self._lock:
            if self._acceptor is not None:
                self._acceptor.stop()
                self._acceptor = None
            self._server.server_close()
        self._server.join()
        self._stopped.close()


def loopback(host: str) -> str:
    """Return the address of *host*. Raises ConfigurationError unless it stays on this machine."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ip_address(host).is_loopback:
            return host
    except ValueError:
        pass  # a name, and only one name is known to stay on this machine
    raise ConfigurationError(f"host {host!r} is not a loopback address: give '127.0.0.1', '::1' or 'localhost'")


class _Acceptor:
    """The thread that accepts connections for a server, until it is stopped."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._stop, self._stopped = socket.socketpair()
        self._thread = Thread(target=self._accept, name="LocalCodePipeline", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when the thread is gone."""
        self._stop.close()
        self._thread.join()
        self._stopped.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._stopped, selectors.EVENT_READ)
            selector.register(self._server, selectors.EVENT_READ)
            while all(key.fileobj is not self._stopped for key, _ in selector.select()):
                self._server.handle_request()


class _Server(TCPServer):
    # Not elsewhere: on Windows this would let another process take the port.
    allow_reuse_address = os.name == "posix"
    request_queue_size = 128

    def __init__(self, host: str, port: int, connection: Callable[..., Connection], roster: Roster) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._connection = connection
        self._roster = roster
        self._threads: list[Thread] = []
        super().__init__((host, port), connection)

    def server_bind(self) -> None:
        """Take the port, so that handle_request() takes what is there, and never waits for what went away again."""
        super().server_bind()
        self.socket.setblocking(False)

    def stop_listening(self) -> None:
        """Keep the port with a socket that does not listen, since another process may take one that nobody has."""
        self.server_address = self.socket.getsockname()[:2]
        self.socket.close()
        self.socket = socket.socket(self.address_family)
        self.server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread that does not keep the process alive, unlike one of ThreadingMixIn."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        request.setblocking(False)
        number = self._roster.enter(request)
        thread = Thread(
            target=self._converse,
            args=(request, client_address, number),
            name="LocalCodePipeline connection",
            daemon=True,
        )
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        """Wait for the connections' threads. Call it when no connection is accepted any more."""
        for thread in self._threads:
            thread.join()

    def _converse(self, request: socket.socket, client_address: object, number: int) -> None:
        try:
            # The other side may go at any moment, and so may the endpoint. That ends a connection, and is no failure.
            with suppress(OSError):
                self._connection(request, client_address, self, number=number)
        finally:
            self._roster.leave(request)
            self.close_request(request)
