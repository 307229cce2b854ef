"""
The way through httpcore, for threads: proxies, answers that are not plain, and mocks in its place.

Loaded when it is first needed.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Final

import httpcore

from ._broken import (
    Broken,
    ConnectError,
    ConnectTimeout,
    LocalProtocolError,
    NetworkError,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TimeoutException,
    UnsupportedProtocol,
    WriteError,
    WriteTimeout,
)
from ._call import Origin
from ._line import Line
from ._network import ThreadWire
from ._transit import TransitRequest
from ._wire import Wire

if TYPE_CHECKING:
    from ._transit import AnyUrl

_NAMES: Final[dict[type[Exception], type[Broken]]] = {
    httpcore.ConnectTimeout: ConnectTimeout,
    httpcore.ReadTimeout: ReadTimeout,
    httpcore.WriteTimeout: WriteTimeout,
    httpcore.PoolTimeout: PoolTimeout,
    httpcore.TimeoutException: TimeoutException,
    httpcore.ConnectError: ConnectError,
    httpcore.ReadError: ReadError,
    httpcore.WriteError: WriteError,
    httpcore.NetworkError: NetworkError,
    httpcore.ProxyError: ProxyError,
    httpcore.UnsupportedProtocol: UnsupportedProtocol,
    httpcore.LocalProtocolError: LocalProtocolError,
    httpcore.RemoteProtocolError: RemoteProtocolError,
    httpcore.ProtocolError: ProtocolError,
}
FAILURES: Final = tuple(_NAMES)
"""What `named` has a name for. The failures of the wire have theirs already, and httpcore lets them pass."""


def named(error: Exception) -> Broken:
    """Return our name for one of FAILURES."""
    return next(_NAMES[kind] for kind in type(error).__mro__ if kind in _NAMES)(str(error))


class _Stream(httpcore.NetworkBackend, httpcore.NetworkStream):
    """The wire, as httpcore sees it: at the beginning, though the request may have been sent already."""

    def __init__(self, wire: ThreadWire) -> None:
        self._wire = wire
        self.again: list[bytes] | None = None
        """What has arrived, if the request was sent: what httpcore writes goes nowhere then."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect."""
        if self.again is None:
            self._wire.connect(host, port, timeout)
        return self

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Speak TLS from here on."""
        if self.again is None:
            self._wire.start_tls(ssl_context, server_hostname, timeout)
        return self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what came."""
        return self.again.pop(0) if self.again else self._wire.read(timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer*."""
        if self.again is None:
            self._wire.write(buffer, timeout)

    def close(self) -> None:
        """Close the socket."""
        self._wire.drop()

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks of a stream."""
        return self._wire.get_extra_info(info)


class Detour:
    """One connection of httpcore's, over a wire of ours."""

    def __init__(self, line: Line, origin: Origin, context: ssl.SSLContext | None, wire: ThreadWire) -> None:
        self._wire = wire
        self._stream = _Stream(wire)
        self._http: httpcore.HTTPConnection | httpcore.HTTPProxy
        if line.proxy_url is None:
            self._http = httpcore.HTTPConnection(httpcore.Origin(*origin), context, network_backend=self._stream)
        else:
            import httpx  # here, since only a proxy needs it

            proxy = httpx.Proxy(line.proxy_url)
            self._http = httpcore.HTTPProxy(
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
        if isinstance(http, httpcore.HTTPProxy):
            return bool(http.connections) and http.connections[0].is_idle()
        return http.is_idle()

    def send(self, request: TransitRequest, again: list[bytes] | None) -> Detoured:
        """Return the answer's head. If the request was sent already, *again* is what has arrived."""
        self._stream.again = again
        try:
            found = self._http.handle_request(asked(request))
        except FAILURES as error:
            raise named(error) from error
        expect(self._wire, found)
        return Detoured(found)


class Detoured:
    """An answer that httpcore reads."""

    def __init__(self, found: httpcore.Response) -> None:
        self._found = found
        self.status = found.status
        self.headers = found.headers
        self.extensions: MutableMapping[str, Any] = dict(found.extensions)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - half typed

    def __iter__(self) -> Iterator[bytes]:
        """Return what yields the body, as it comes."""
        try:
            yield from self._found.iter_stream()
        except FAILURES as error:
            raise named(error) from error

    def close(self) -> None:
        """Read no more."""
        self._found.close()


def asked(request: TransitRequest) -> httpcore.Request:
    """Return httpcore's form of a request."""
    return httpcore.Request(
        request.method,
        place(request.url),
        headers=request.headers.raw,
        content=request.content,
        extensions=request.extensions,
    )


def place(url: AnyUrl) -> httpcore.URL:
    """Return httpcore's form of an address."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def expect(wire: Wire, found: httpcore.Response) -> None:
    """Let the wire know how long the body is, if the head tells."""
    if not wire.intake.has_begun:  # a mock's answer came from nowhere
        return
    by_name = {name.lower(): value for name, value in found.headers}
    length = None if b"transfer-encoding" in by_name else by_name.get(b"content-length")
    wire.intake.expect(None if length is None else int(length))
