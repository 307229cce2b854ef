"""
One connection: what it depends on, how it is made, one request and one answer over it.

Whose turn it is to use it is decided in `_pool`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Final, Generic, TypeVar

import httpcore
import httpx
from attrs import field, frozen

from ._async_network import TaskWire
from ._clock import DEADLINE, Deadline
from ._network import ThreadWire
from ._wire import Wire
from .errors import ConfigurationError

WireT = TypeVar("WireT", bound=Wire)


def is_parsable(url: str) -> bool:
    """Return whether httpx can send to *url*: it refuses some hosts only when it is asked for them."""
    try:
        return bool(httpx.URL(url).host)
    except (httpx.InvalidURL, ValueError):
        return False


@frozen(kw_only=True)
class Line:
    """Everything that a connection depends on, beside the address."""

    verify: bool | str | ssl.SSLContext
    """True for the CA files that come with httpx, the path of another, or a context to use as it is."""
    proxy_url: str | None = field(default=None, repr=False)
    """The proxy to go through. None for none."""
    max_connections: int
    """How many connections may be open at once."""
    idle_seconds: float = 15.0
    """How long a connection may rest. Services close theirs after 20 s and more; to be first is safer."""
    monotonic: Callable[[], float] = monotonic
    """What tells how long that is."""

    def __attrs_post_init__(self) -> None:
        """Refuse a proxy that httpx would refuse, in words that do not show it."""
        if self.proxy_url is not None and not is_parsable(self.proxy_url):
            raise ConfigurationError("the URL of the proxy cannot be used: its host is not valid (it is not shown)")

    def needs_tls(self, origin: httpcore.Origin) -> bool:
        """Return whether TLS is spoken, to the origin or to the proxy."""
        return origin.scheme == b"https" or (self.proxy_url or "").lower().startswith("https:")

    def context(self) -> ssl.SSLContext:
        """Return the TLS context. It takes some 20 ms to build."""
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        if isinstance(self.verify, bool):
            return httpx.create_ssl_context(trust_env=False)
        place = Path(self.verify)
        try:
            if place.is_dir():
                return ssl.create_default_context(capath=self.verify)
            return ssl.create_default_context(cafile=self.verify)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"the CA file {self.verify!r} cannot be used: {error}") from error

    def connection(self, origin: httpcore.Origin, context: ssl.SSLContext | None, wire: ThreadWire) -> Connection:
        """Return a connection that is made when the first request goes out."""
        if self.proxy_url is None:
            return Connection(origin, wire, httpcore.HTTPConnection(origin, context, network_backend=wire))
        proxy = httpx.Proxy(self.proxy_url)
        return Connection(
            origin,
            wire,
            httpcore.HTTPProxy(
                _url(proxy.url),
                proxy_auth=proxy.raw_auth,
                ssl_context=context,
                proxy_ssl_context=context if proxy.url.scheme == "https" else None,
                max_connections=1,
                network_backend=wire,
            ),
        )

    def async_connection(
        self, origin: httpcore.Origin, context: ssl.SSLContext | None, wire: TaskWire
    ) -> AsyncConnection:
        """Return a connection that is made when the first request goes out."""
        if self.proxy_url is None:
            return AsyncConnection(origin, wire, httpcore.AsyncHTTPConnection(origin, context, network_backend=wire))
        proxy = httpx.Proxy(self.proxy_url)
        return AsyncConnection(
            origin,
            wire,
            httpcore.AsyncHTTPProxy(
                _url(proxy.url),
                proxy_auth=proxy.raw_auth,
                ssl_context=context,
                proxy_ssl_context=context if proxy.url.scheme == "https" else None,
                max_connections=1,
                network_backend=wire,
            ),
        )


class Call:
    """A request as httpcore wants it, and how long it may take."""

    __slots__ = ("_limits", "deadline", "origin", "request")

    def __init__(self, request: httpx.Request, monotonic: Callable[[], float]) -> None:
        deadline = request.extensions.get(DEADLINE)
        self.deadline: Final = deadline if isinstance(deadline, Deadline) else Deadline(None, monotonic)
        self._limits: Final[Mapping[str, float | None]] = request.extensions.get("timeout", {})
        self.request: Final = httpcore.Request(
            request.method,
            _url(request.url),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        self.origin: Final = self.request.url.origin

    def within(self, step: str) -> float | None:
        """Return how long the *step* may take: "pool", "connect"."""
        return self.deadline.within(self._limits.get(step))


Client = httpcore.HTTPConnection | httpcore.HTTPProxy
AsyncClient = httpcore.AsyncHTTPConnection | httpcore.AsyncHTTPProxy
ClientT = TypeVar("ClientT", bound=Client | AsyncClient)


class _Open(Generic[WireT, ClientT]):
    """What both kinds of connection are without waiting."""

    def __init__(self, origin: httpcore.Origin, wire: WireT, http: ClientT) -> None:
        self.origin = origin
        self.wire = wire
        self._http = http

    @property
    def is_free(self) -> bool:
        """Whether the last answer was read to its end, and both sides want to go on."""
        http = self._http
        if isinstance(http, httpcore.HTTPProxy | httpcore.AsyncHTTPProxy):
            return bool(http.connections) and http.connections[0].is_idle() and self.wire.intake.is_clean
        return http.is_idle() and self.wire.intake.is_clean

    @property
    def is_fit(self) -> bool:
        """Whether it is still as the last answer left it: open, and nothing came unasked."""
        return self.wire.is_quiet

    def abort(self) -> None:
        """Let the call that uses it fail soon."""
        self.wire.abort()

    def drop(self) -> None:
        """Close it at once."""
        self.wire.drop()

    def _expect(self, response: httpcore.Response) -> httpcore.Response:
        intake = self.wire.intake
        if intake.has_begun:  # a mock's answer came from nowhere
            intake.expect(_length(response))
        return response


class Connection(_Open[ThreadWire, Client]):
    """A connection for threads, one after the other."""

    def send(self, call: Call) -> httpcore.Response:
        """Return the answer's head. Its body is still to be read."""
        self.wire.begin(call.deadline)
        return self._expect(self._http.handle_request(call.request))


class AsyncConnection(_Open[TaskWire, AsyncClient]):
    """A connection for the tasks of an event loop, one after the other."""

    async def send(self, call: Call) -> httpcore.Response:
        """Return the answer's head. Its body is still to be read."""
        self.wire.begin(call.deadline)
        return self._expect(await self._http.handle_async_request(call.request))


def _length(response: httpcore.Response) -> int | None:
    length = None
    for name, value in response.headers:
        match name.lower():
            case b"transfer-encoding":
                return None
            case b"content-length":
                length = int(value)
            case _:
                pass
    return length


def _url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
