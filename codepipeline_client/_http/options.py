"""
What all connections of a transport have in common: TLS, proxy, how many and for how long.

Opens none.
"""

from __future__ import annotations

import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from ..errors import ConfigurationError
from .request import RequestBytes, encode

_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """The server that a connection is for."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx.URL) -> Origin:
        """Return the server of a URL. Raises UnsupportedProtocol unless it is of http or https, with a host."""
        scheme, host = url.scheme, url.raw_host.decode("ascii")
        if scheme not in _PORTS or not host:
            raise httpx.UnsupportedProtocol("the URL of a request must begin with http:// or https:// and have a host")
        return cls(scheme, host, url.port or _PORTS[scheme])


class TransportOptions:
    """
    What all connections of a transport have in common.

    Args:
        verify: True for certifi's CA files, the path of a CA file or directory, or a context, which is used as it is.
        proxy: The URL of a proxy: ``http://``, ``https://``, ``socks5://`` or ``socks5h://``. None for none.
        max_connections: How many connections may be open at once.
        idle_seconds: How long an idle connection is kept. Servers close theirs after 20 seconds and more.
        monotonic: What tells how long that is, in seconds.

    Raises ConfigurationError for a proxy that cannot be used, without showing its URL, which may hold a password.
    """

    def __init__(
        self,
        *,
        verify: bool | str | ssl.SSLContext = True,
        proxy: str | None = None,
        max_connections: int = 64,
        idle_seconds: float = 15.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._verify = verify
        self.proxy: Final = None if proxy is None else _proxy(proxy)
        self.max_connections: Final = max_connections
        self.idle_seconds: Final = idle_seconds
        self.monotonic: Final = monotonic

    @property
    def needs_httpx(self) -> bool:
        """Whether the proxy is of a kind that only httpx's own transports speak to."""
        return self.proxy is not None and self.proxy.url.scheme != "http"

    def needs_tls(self, origin: Origin) -> bool:
        """Return whether a TLS context is needed, for the server or for the proxy."""
        return origin.scheme == "https" or (self.proxy is not None and self.proxy.url.scheme == "https")

    def tls_context(self) -> ssl.SSLContext:
        """
        Return a TLS context. Building one reads CA files and takes 20 ms or more.

        Raises ConfigurationError when the CA files cannot be read.
        """
        if isinstance(self._verify, ssl.SSLContext):
            return self._verify
        if isinstance(self._verify, bool):
            return httpx.create_ssl_context(trust_env=False)
        try:
            if Path(self._verify).is_dir():
                return ssl.create_default_context(capath=self._verify)
            return ssl.create_default_context(cafile=self._verify)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"the CA file {self._verify!r} cannot be used: {error}") from error

    def httpx_arguments(self, context: ssl.SSLContext | None) -> tuple[ssl.SSLContext, httpx.Proxy | None]:
        """Return what httpx's own transport takes as *verify* and *proxy*."""
        # Without TLS httpx still wants a context. This one trusts no certificate.
        tls = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.proxy is None or self.proxy.url.scheme != "https":
            return tls, self.proxy
        return tls, httpx.Proxy(self.proxy.url, auth=self.proxy.auth, ssl_context=tls)


def _proxy(url: str) -> httpx.Proxy:
    proxy = None
    with suppress(httpx.InvalidURL, ValueError):
        proxy = httpx.Proxy(url)
    if proxy is None or not proxy.url.host:
        raise ConfigurationError("the URL of the proxy cannot be used: its host is not valid (it is not shown)")
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        raise ConfigurationError(
            "a SOCKS proxy needs a package that is not installed: python -m pip install 'httpx[socks]'"
        )
    return proxy


class Route:
    """The way to one server: directly, or through an ``http://`` proxy."""

    def __init__(self, origin: Origin, proxy: httpx.Proxy | None) -> None:
        self._proxy = proxy
        self.origin: Final = origin
        self.is_tunnel: Final = proxy is not None and origin.scheme == "https"
        """Whether the proxy is asked for a tunnel, rather than to pass each request on."""

    @property
    def peer(self) -> tuple[str, int]:
        """The host and port to connect to."""
        if self._proxy is None:
            return self.origin.host, self.origin.port
        return self._proxy.url.raw_host.decode("ascii"), self._proxy.url.port or 80

    def encode(self, request: httpx.Request) -> RequestBytes:
        """Return the bytes of *request* for the peer. Raises LocalProtocolError."""
        url, headers = request.url, request.headers.raw
        if self._proxy is None or self.is_tunnel:
            return encode(request.method, url.raw_path, headers, request.content)
        target = b"%b://%b%b" % (url.raw_scheme, url.netloc, url.raw_path)
        return encode(request.method, target, [*headers, *self._proxy_headers], request.content)

    def encode_connect(self) -> RequestBytes:
        """Return the bytes that ask the proxy for a tunnel."""
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        authority = f"{host}:{self.origin.port}".encode("ascii")
        return encode("CONNECT", authority, [(b"Host", authority), *self._proxy_headers])

    @property
    def _proxy_headers(self) -> list[tuple[bytes, bytes]]:
        auth = None if self._proxy is None else self._proxy.raw_auth
        return [] if auth is None else [(b"Proxy-Authorization", b"Basic " + b64encode(b":".join(auth)))]
