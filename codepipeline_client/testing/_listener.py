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
from socketserver import TCPServer
from threading import Thread
from typing import Any

from ._calls import Answer, Call
from ._connection import Connection


class Listener:
    """Listens as soon as it is made, until it is stopped."""

    def __init__(self, *, host: str, port: int, respond: Callable[[Call], Answer], now: Callable[[], float]) -> None:
        self._stop, self._stopped = socket.socketpair()
        try:
            self._server = _Server(host, port, partial(Connection, respond=respond, now=now, stopped=self._stopped))
        except BaseException:
            self._stop.close()
            self._stopped.close()
            raise
        self._thread = Thread(target=self._accept, name="LocalCodePipeline", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def stop(self) -> None:
        """End every connection, whatever it is doing, and return when no thread and no socket is left."""
        self._stop.close()
        self._thread.join()
        self._server.join()
        self._server.server_close()
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

    def __init__(self, host: str, port: int, connection: Callable[..., Connection]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._threads: list[Thread] = []
        super().__init__((host, port), connection)
        # So that handle_request() takes what is there, and never waits for a connection that went away again.
        self.socket.setblocking(False)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> None:
        """Give the connection a thread that does not keep the process alive, unlike one of ThreadingMixIn."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = Thread(
            target=self._converse, args=(request, client_address), name="LocalCodePipeline connection", daemon=True
        )
        thread.start()
        self._threads.append(thread)

    def join(self) -> None:
        """Wait for the connections' threads. Call it when no connection is accepted any more."""
        for thread in self._threads:
            thread.join()

    def _converse(self, request: socket.socket, client_address: object) -> None:
        try:
            # The other side may go at any moment, and so may the endpoint. That ends a connection, and is no failure.
            with suppress(OSError):
                self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)
