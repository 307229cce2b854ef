"""
How bytes reach the endpoint: TLS, proxy, connections.

Signs nothing and reads no answer.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
from attrs import field, frozen

from .errors import ConfigurationError

_IDLE_SECONDS = 15.0


def is_parsable(url: str) -> bool:
    """Return whether httpx can send to *url*: it refuses some hosts only when it is asked for them."""
    try:
        return bool(httpx.URL(url).host)
    except (httpx.InvalidURL, ValueError):
        return False


@frozen(kw_only=True)
class Line:
    """Everything that a connection depends on, beside the address."""

    secure: bool
    """Whether TLS is spoken, to the endpoint or to a proxy."""
    verify: bool | str | ssl.SSLContext
    """True for the CA files that come with httpx, the path of another, or a context to use as it is."""
    proxy_url: str | None = field(repr=False)
    """The proxy to go through. None for none."""
    max_connections: int
    """How many connections may be open at once."""

    def open(self) -> httpx.HTTPTransport:
        """Return a transport. Builds the TLS context, which takes some 20 ms, but connects to nothing yet."""
        context = self._context()
        return httpx.HTTPTransport(verify=context, proxy=self._proxy(context), limits=self._limits)

    def open_async(self) -> httpx.AsyncHTTPTransport:
        """Return a transport. Builds the TLS context, which takes some 20 ms, but connects to nothing yet."""
        context = self._context()
        return httpx.AsyncHTTPTransport(verify=context, proxy=self._proxy(context), limits=self._limits)

    @property
    def _limits(self) -> httpx.Limits:
        return httpx.Limits(
            max_connections=self.max_connections,
            max_keepalive_connections=self.max_connections,
            keepalive_expiry=_IDLE_SECONDS,
        )

    def _context(self) -> ssl.SSLContext:
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        if not self.secure:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; it trusts nobody
        if isinstance(self.verify, bool):
            return httpx.create_ssl_context(trust_env=False)
        place = Path(self.verify)
        try:
            if place.is_dir():
                return ssl.create_default_context(capath=self.verify)
            return ssl.create_default_context(cafile=self.verify)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"the CA file {self.verify!r} cannot be used: {error}") from error

    def _proxy(self, context: ssl.SSLContext) -> httpx.Proxy | None:
        if self.proxy_url is None:
            return None
        if not is_parsable(self.proxy_url):
            raise ConfigurationError("the URL of the proxy cannot be used: its host is not valid (it is not shown)")
        return httpx.Proxy(self.proxy_url, ssl_context=context if self.proxy_url.lower().startswith("https:") else None)
