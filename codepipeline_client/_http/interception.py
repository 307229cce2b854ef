"""
Find out whether a mock or a tracer stands in for httpx's transports, and connect through these where it matters.

The only place that knows of such tools. They replace methods of httpx or of httpcore, and a client that sends past
these would make a real, signed call in somebody's test. What patches anything else is not noticed.

The same connections serve proxies that the others do not speak to: ``https://`` and ``socks5://``.
"""

from __future__ import annotations

import ssl
import sys
from types import FunctionType
from typing import Any, Final

import anyio
import httpx

from ..clock import DEADLINE, Deadline
from .connection import StepTimer
from .network import PooledConnection, TransportOptions
from .pool import Lease
from .response import read_body, read_body_async

_SENDERS: Final = (
    ("httpx", "HTTPTransport"),
    ("httpcore", "ConnectionPool"),
    ("httpcore", "HTTPConnection"),
    ("httpcore", "HTTPProxy"),
)
"""The classes that send. The async ones begin with "Async"."""


def is_intercepted(*, is_async: bool) -> bool:
    """Return whether a method that sends was replaced. Takes about a microsecond."""
    method_name = "handle_async_request" if is_async else "handle_request"
    for module, class_name in _SENDERS:
        kind = getattr(sys.modules.get(module), f"Async{class_name}" if is_async else class_name, None)
        if kind is None:  # httpx loads httpcore late, and what is not loaded is not patched
            continue
        method = getattr(kind, method_name)
        # By type and by the module of its globals: wrappers copy names, and mocks pretend to be of the class. Mocks
        # with a specification are functions, whose globals have no name.
        is_function = type(method) is FunctionType
        if not is_function or not method.__globals__.get("__name__", "").startswith(("httpx.", "httpcore.")):
            return True
    return False


class HttpxConnection(PooledConnection):
    """A transport of httpx's that has one connection, for threads. It replaces one that the server has closed."""

    def __init__(self, options: TransportOptions, context: ssl.SSLContext | None) -> None:
        self._transport = httpx.HTTPTransport(**_arguments(options, context))

    def send(self, request: httpx.Request, timer: StepTimer, lease: Lease[Any]) -> httpx.Response:
        """Return the whole response. Raises what httpx and its stand-ins raise. Not ended by a close of the pool."""
        timer.begin("call")
        deadline: Deadline = request.extensions[DEADLINE]
        timeouts = request.extensions["timeout"]
        request.extensions["timeout"] = {step: deadline.within(limit) for step, limit in timeouts.items()}
        response = self._transport.handle_request(request)
        response.stream = httpx.ByteStream(read_body(response, request))
        return response

    def close(self) -> None:
        self._transport.close()


class AsyncHttpxConnection(PooledConnection):
    """A transport of httpx's that has one connection, for tasks."""

    def __init__(self, options: TransportOptions, context: ssl.SSLContext | None) -> None:
        self._transport = httpx.AsyncHTTPTransport(**_arguments(options, context))

    async def send(self, request: httpx.Request, timer: StepTimer) -> httpx.Response:
        timer.begin("call")  # httpx has the limits of the steps
        try:
            response = await self._transport.handle_async_request(request)
        except ValueError as error:
            # For a host without an address, anyio tries to make a group of no errors. Others are defects.
            is_defect = "non-empty sequence" not in str(error)
            raise error if is_defect else httpx.ConnectError("the host has no address") from None
        response.stream = httpx.ByteStream(await read_body_async(response))
        return response

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._transport.aclose()


class _AsItIs:
    """A TLS context whose ALPN protocols stay as they are: httpx would overwrite those of the user's context."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def set_alpn_protocols(self, protocols: object) -> None:
        """Do nothing."""


def _arguments(options: TransportOptions, context: ssl.SSLContext | None) -> dict[str, Any]:
    # Without TLS httpx still wants a context. This one trusts no certificate.
    tls: Any = _AsItIs(context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    proxy = options.proxy
    if proxy is not None and proxy.url.scheme == "https":
        proxy = httpx.Proxy(proxy.url, auth=proxy.auth, ssl_context=tls)
    one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
    return {"verify": tls, "proxy": proxy, "trust_env": False, "limits": one}
