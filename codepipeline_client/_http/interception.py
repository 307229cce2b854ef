"""
Find out whether a mock or a tracer stands in for httpx's transports, and connect through these where it matters.

The only place that knows of such tools. They replace methods of httpx or of httpcore, and a client that sends past
these would make a real, signed call in somebody's test. So while any of them is not its library's own, requests go
through httpx's transports, where the tool sees them. This is a guess, if a good one: what patches anything else is
not noticed.

The same connections serve proxies that the others do not speak to: ``https://`` and ``socks5://``.
"""

from __future__ import annotations

import ssl
import sys
from types import FunctionType
from typing import Final

import anyio
import httpx

from .options import TransportOptions
from .pool import AnyLease
from .request import StepScope, StepTimer
from .response import MAX_BODY, read_body, read_body_async

_SENDERS: Final = (
    ("httpx", "HTTPTransport", "handle_request"),
    ("httpcore", "ConnectionPool", "handle_request"),
    ("httpcore", "HTTPConnection", "handle_request"),
    ("httpcore", "HTTPProxy", "handle_request"),
)
_ASYNC_SENDERS: Final = (
    ("httpx", "AsyncHTTPTransport", "handle_async_request"),
    ("httpcore", "AsyncConnectionPool", "handle_async_request"),
    ("httpcore", "AsyncHTTPConnection", "handle_async_request"),
    ("httpcore", "AsyncHTTPProxy", "handle_async_request"),
)
_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)


def is_intercepted(*, is_async: bool) -> bool:
    """Return whether a method that sends was replaced. Takes about a microsecond."""
    for module, class_name, method_name in _ASYNC_SENDERS if is_async else _SENDERS:
        kind = getattr(sys.modules.get(module), class_name, None)
        if kind is None:  # httpx loads httpcore late, and nobody has patched what is not loaded
            continue
        method = getattr(kind, method_name)
        # By type and by the module of its globals: wrappers copy names, and mocks pretend to be of the class.
        if type(kind) is not type or type(method) is not FunctionType:
            return True
        # Mocks with a specification are functions, whose globals have no name.
        if not method.__globals__.get("__name__", "").startswith(("httpx.", "httpcore.")):
            return True
    return False


class HttpxConnection:
    """A transport of httpx's that has one connection, for threads."""

    has_received = True
    """httpx replaces an idle connection that the server has closed by itself."""
    allows_reuse = False
    is_usable = True

    def __init__(self, key: object, options: TransportOptions, context: ssl.SSLContext | None) -> None:
        tls, proxy = options.httpx_arguments(context)
        self.key: Final = key
        self._socks_errors: Final = _socks_errors(proxy)
        self._transport = httpx.HTTPTransport(verify=tls, proxy=proxy, trust_env=False, limits=_ONE)

    def send(self, request: httpx.Request, timer: StepTimer, lease: AnyLease) -> httpx.Response:
        """Return the whole response. Raises what httpx and its stand-ins raise. Not ended by a close of the pool."""
        self.allows_reuse = False
        lease.wake_by(None)
        # The call may have waited since the request was made, and there is less left of its time.
        request.extensions = {**request.extensions, "timeout": timer.timeouts()}
        try:
            response = self._transport.handle_request(request)
        except TimeoutError as error:  # a mock's
            raise httpx.ReadTimeout(str(error)) from None
        except self._socks_errors as error:
            raise httpx.ProxyError(f"it does not speak SOCKS5: {error}") from None
        body = read_body(response, request)
        self.allows_reuse = len(body) <= MAX_BODY
        return _whole(response, body)

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()


class AsyncHttpxConnection:
    """A transport of httpx's that has one connection, for tasks."""

    has_received = True
    """As in the twin."""
    allows_reuse = False
    is_usable = True

    def __init__(self, key: object, options: TransportOptions, context: ssl.SSLContext | None) -> None:
        tls, proxy = options.httpx_arguments(context)
        self.key: Final = key
        self._socks_errors: Final = _socks_errors(proxy)
        self._transport = httpx.AsyncHTTPTransport(verify=tls, proxy=proxy, trust_env=False, limits=_ONE)

    async def send(self, request: httpx.Request, steps: StepScope) -> httpx.Response:
        """Return the whole response. Raises what httpx and its stand-ins raise."""
        self.allows_reuse = False
        steps.begin_step("call")  # httpx has the limits of the steps
        try:
            response = await self._transport.handle_async_request(request)
        except TimeoutError as error:  # a mock's
            raise httpx.ReadTimeout(str(error)) from None
        except self._socks_errors as error:
            raise httpx.ProxyError(f"it does not speak SOCKS5: {error}") from None
        body = await read_body_async(response)
        self.allows_reuse = len(body) <= MAX_BODY
        return _whole(response, body)

    def drop(self) -> None:
        """Leave what cannot be closed any more to the garbage collector."""

    async def aclose(self) -> None:
        """Close the transport."""
        with anyio.CancelScope(shield=True):
            await self._transport.aclose()


def _socks_errors(proxy: httpx.Proxy | None) -> tuple[type[Exception], ...]:
    """Return what a malformed response of a SOCKS proxy raises: httpx lets it pass."""
    if proxy is None or not proxy.url.scheme.startswith("socks"):
        return ()
    from socksio import ProtocolError  # comes with httpx[socks], which TransportOptions has looked for

    return (ProtocolError,)


def _whole(response: httpx.Response, body: bytes) -> httpx.Response:
    return httpx.Response(response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(body))
