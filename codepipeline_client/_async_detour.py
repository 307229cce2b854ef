"""
The way through httpcore, for tasks: the twin of `_detour`.

Loaded when it is first needed.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable, MutableMapping
from typing import Any

import httpcore

from ._async_network import TaskWire
from ._call import Origin
from ._detour import FAILURES, asked, expect, named, place
from ._line import Line
from ._transit import TransitRequest


class _Stream(httpcore.AsyncNetworkBackend, httpcore.AsyncNetworkStream):
    """The wire, as httpcore sees it: at the beginning, though the request may have been sent already."""

    def __init__(self, wire: TaskWire) -> None:
        self._wire = wire
        self.again: list[bytes] | None = None
        """What has arrived, if the request was sent: what httpcore writes goes nowhere then."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect."""
        if self.again is None:
            await self._wire.connect(host, port, timeout)
        return self

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Speak TLS from here on."""
        if self.again is None:
            await self._wire.start_tls(ssl_context, server_hostname, timeout)
        return self

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came."""
        return self.again.pop(0) if self.again else await self._wire.read(timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer*."""
        if self.again is None:
            await self._wire.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the socket."""
        self._wire.drop()

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a stream."""
        return self._wire.get_extra_info(info)


class AsyncDetour:
    """One connection of httpcore's, over a wire of ours."""

    def __init__(self, line: Line, origin: Origin, context: ssl.SSLContext | None, wire: TaskWire) -> None:
        self._wire = wire
        self._stream = _Stream(wire)
        self._http: httpcore.AsyncHTTPConnection | httpcore.AsyncHTTPProxy
        if line.proxy_url is None:
            self._http = httpcore.AsyncHTTPConnection(httpcore.Origin(*origin), context, network_backend=self._stream)
        else:
            import httpx  # here, since only a proxy needs it

            proxy = httpx.Proxy(line.proxy_url)
            self._http = httpcore.AsyncHTTPProxy(
                place(proxy.url),
                proxy_auth=proxy.raw_auth,
                ssl_context=context,
                proxy_ssl_context=context if proxy.url.scheme == "https" else None,
                max_connections=1,
                network_backend=self._stream,
            )

    @property
    def is_idle(self) -> bool:
        """Whether the last answer was read to its end, and both sides want to go on."""
        http = self._http
        if isinstance(http, httpcore.AsyncHTTPProxy):
            return bool(http.connections) and http.connections[0].is_idle()
        return http.is_idle()

    async def send(self, request: TransitRequest, again: list[bytes] | None) -> AsyncDetoured:
        """Return the answer's head. If the request was sent already, *again* is what has arrived."""
        self._stream.again = again
        try:
            found = await self._http.handle_async_request(asked(request))
        except FAILURES as error:
            raise named(error) from error
        expect(self._wire, found)
        return AsyncDetoured(found)


class AsyncDetoured:
    """An answer that httpcore reads."""

    def __init__(self, found: httpcore.Response) -> None:
        self._found = found
        self._pieces = found.aiter_stream()
        self.status = found.status
        self.headers = found.headers
        self.extensions: MutableMapping[str, Any] = dict(found.extensions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - half typed

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return what yields the body, as it comes."""
        return self

    async def __anext__(self) -> bytes:
        """Return what comes next."""
        try:
            return await anext(self._pieces)
        except FAILURES as error:
            raise named(error) from error

    async def aclose(self) -> None:
        """Read no more."""
        await self._found.aclose()
