"""
The way to a server: options shared by all connections of a transport, proxy and tunnel, TLS context, and addresses.

Opens no connection. Lookups and CA files may hang, so they are read in daemon threads, which can be abandoned.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import httpx
from attrs import field, frozen
from attrs.converters import optional

from .._threads import SharedFuture, run_in_thread
from ..errors import ConfigurationError
from .response import ResponseParser

T = TypeVar("T")
Addresses: TypeAlias = list[tuple[int, tuple[str, int]]]

_STUCK_AFTER: Final = 5.0
"""Seconds after which another lookup of the same host is begun: resolvers ask the next server after five."""


def _proxy(url: str) -> httpx.Proxy:
    proxy = None
    with suppress(httpx.InvalidURL, ValueError):
        proxy = httpx.Proxy(url)
    if proxy is None or not proxy.url.host:
        raise ConfigurationError("the URL of the proxy cannot be used: its host is not valid (the value is not shown)")
    if proxy.url.scheme.startswith("socks") and find_spec("socksio") is None:
        words = "a SOCKS proxy needs a package that is not installed; run python -m pip install 'httpx[socks]'"
        raise ConfigurationError(words)
    return proxy


@frozen(kw_only=True, repr=False, eq=False)
class TransportOptions:
    """What all connections of a transport have in common."""

    verify: bool | str | ssl.SSLContext = True
    """True for certifi's CA files, the path of a CA file, of directories, or a context, which is used as it is."""
    proxy: httpx.Proxy | None = field(default=None, converter=optional(_proxy))
    """From its URL, ``http://``, ``https://``, ``socks5://`` or ``socks5h://``. Errors do not show a password in it."""
    max_connections: int = 64
    monotonic: Callable[[], float] = time.monotonic

    def tls_context(self) -> ssl.SSLContext:
        """Return a TLS context: this reads CA files, and takes 20 ms or more. Raises ConfigurationError."""
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        try:
            if isinstance(self.verify, bool):
                return httpx.create_ssl_context(trust_env=False)
            if not Path(self.verify).is_file() and any(map(os.path.isdir, self.verify.split(os.pathsep))):
                return ssl.create_default_context(capath=self.verify)
            return ssl.create_default_context(cafile=self.verify)
        except OSError as error:
            path = os.environ.get("SSLKEYLOGFILE")  # which Python's contexts write
            named = f"SSLKEYLOGFILE {path!r}" if path and error.filename == path else f"the CA file {self.verify!r}"
            raise ConfigurationError(f"{named} cannot be used: {error}") from error


class PooledConnection:
    """A connection for one request at a time."""

    parser: ResponseParser | None = None
    """That of the last response. None for connections of httpx's, which replaces those that are broken."""

    @property
    def is_usable(self) -> bool:
        """Whether it is open and nothing has come over it that was not requested."""
        return True


class BaseConnection(PooledConnection):
    """The way to the server of a URL: directly, or through an ``http://`` proxy."""

    def __init__(self, url: httpx.URL, proxy: httpx.Proxy | None) -> None:
        self._host: Final = url.raw_host.decode("ascii")
        self._peer = self._host, url.port or (443 if url.scheme == "https" else 80)
        self._tunnel: RequestBytes | None = None
        """What asks the proxy for a tunnel, if the way leads through one."""
        self._origin = b""
        self._proxy_headers: list[tuple[bytes, bytes]] = []
        if proxy is not None:
            auth = proxy.raw_auth
            headers = [] if auth is None else [(b"Proxy-Authorization", b"Basic " + b64encode(b":".join(auth)))]
            if url.scheme == "https":
                authority = url.netloc if url.port else b"%b:443" % url.netloc
                self._tunnel = encode("CONNECT", authority, [(b"Host", authority), *headers])
            else:
                self._origin, self._proxy_headers = b"%b://%b" % (url.raw_scheme, url.netloc), headers
            self._peer = proxy.url.raw_host.decode("ascii"), proxy.url.port or 80

    def _encode(self, request: httpx.Request) -> RequestBytes:
        """Return the bytes of *request* for the peer. Raises LocalProtocolError."""
        headers = request.headers.raw
        headers += self._proxy_headers
        return encode(request.method, self._origin + request.url.raw_path, headers, request.content)


class RequestBytes(bytes):
    """A request as it is sent. Its repr hides it, since a traceback may show local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<RequestBytes: {len(self)} bytes>"


def encode(method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> RequestBytes:
    """Return a request as bytes. Raises LocalProtocolError when a header would end the line that it is on."""
    line = b"%b %b HTTP/1.1" % (method.encode("ascii"), target)
    head, breaks = RequestBytes(b"\r\n".join([line, *map(b": ".join, headers), b"\r\n"])), len(headers) + 2
    if head.count(b"\r") != breaks or head.count(b"\n") != breaks or head.count(b"\0"):
        raise httpx.LocalProtocolError("a header of the request contains a line break or a NUL")
    return RequestBytes(head + body)


class Resolver:
    """The lookups and the TLS context, shared by all calls of a process that need them at the same time."""

    def __init__(self, options: TransportOptions) -> None:
        self._options = options
        self._shared: dict[object, tuple[SharedFuture[Any], float, float]] = {}

    def find(self, host: str, port: int) -> SharedFuture[Addresses]:
        """Return the addresses, at once for a host that is an address. Raises OSError when no thread can be started."""
        found = SharedFuture[Addresses]()
        with suppress(OSError):
            found.settle(look_up(host, port, socket.AI_NUMERICHOST))
        return found if found.done() else self._share((host, port), partial(look_up, host, port), is_kept=False)

    def context(self, url: httpx.URL) -> SharedFuture[ssl.SSLContext | None]:
        """Return the TLS context for a server: None without TLS. If making it fails, the next call makes it again."""
        proxy = self._options.proxy
        if "https" in (url.scheme, None if proxy is None else proxy.url.scheme):
            return self._share("tls", self._options.tls_context, is_kept=True)
        no_context = SharedFuture[ssl.SSLContext | None]()
        no_context.settle(None)
        return no_context

    def _share(self, key: object, work: Callable[[], T], *, is_kept: bool) -> SharedFuture[T]:
        """Do *work* in a thread, once for all that need it. If stuck, it is replaced, each time after twice as long."""
        now, key = self._options.monotonic(), (os.getpid(), key)  # a forked process has no threads of its parent's
        future, began, patience = self._shared.get(key, (None, now, _STUCK_AFTER))
        if future is not None:
            is_good = is_kept and not future.has_failed if future.done() else now - began < patience
            if is_good:
                return future
            patience = _STUCK_AFTER if future.done() else 2 * patience
        try:
            future = run_in_thread(work, name="codepipeline_client")
        except RuntimeError as error:
            raise OSError(f"no thread could be started: {error}") from error
        self._shared[key] = future, now, patience  # two threads at once only mean that the work is done twice
        return future


def look_up(host: str, port: int, flags: int = 0) -> Addresses:
    """Ask the system's resolver. Raises gaierror."""
    # As bytes, since Python loads its tables of international names for a text; ours are in ASCII already.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=flags)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
    return [(family, (str(address[0]), port)) for family, _, _, _, address in found]
