"""
From what httpx's transports, TLS and the system raise to what this package raises: one table, by class.

Cuts out everything that could hold a request, and with it a session token: the request itself, frames, contexts.
"""

from __future__ import annotations

import re
import socket
import ssl
from typing import Final, NamedTuple

import anyio
import httpx

from .._http.pool import PoolClosed
from ..errors import ConnectionFailedError, RequestTimeoutError, TransportError

FAILURES: Final = (
    httpx.HTTPError,
    httpx.StreamError,
    OSError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)
"""What a transport may raise when no usable response comes. Anything else is a defect, and passes."""


class _Row(NamedTuple):
    kind: type[Exception]
    limit: str | None
    """The limit that was exceeded. None for what is no timeout."""
    words: str


_TABLE: Final = (
    _Row(httpx.PoolTimeout, "timeout", "no connection to {host} became free in time"),
    _Row(httpx.ConnectTimeout, "connect_timeout", "no connection to {host} was made within connect_timeout"),
    _Row(httpx.ReadTimeout, "read_timeout", "{host} was silent for longer than read_timeout"),
    _Row(httpx.WriteTimeout, "read_timeout", "{host} took no bytes of the request for longer than read_timeout"),
    _Row(httpx.TimeoutException, "read_timeout", "the request to {host} timed out"),
    _Row(TimeoutError, "read_timeout", "{host} was silent for longer than read_timeout"),
    _Row(httpx.ProxyError, None, "the proxy on the way to {host} refused: {reason}; check its URL and password"),
    _Row(httpx.ConnectError, None, "no connection to {host} could be made: {reason}"),
    _Row(Exception, None, "the connection to {host} broke before the answer was whole: {reason}"),
)

_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
# As OpenSSL names them. All come from servers that speak another TLS than we do, or none.
_HOPELESS: Final = frozenset(
    {
        "BAD_PROTOCOL_VERSION_NUMBER",
        "HTTP_REQUEST",
        "HTTPS_PROXY_REQUEST",
        "NO_CIPHERS_AVAILABLE",
        "NO_PROTOCOLS_AVAILABLE",
        "NO_SHARED_CIPHER",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_UNRECOGNIZED_NAME",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "UNKNOWN_PROTOCOL",
        "UNSUPPORTED_PROTOCOL",
        "VERSION_TOO_LOW",
        "WRONG_SSL_VERSION",
        "WRONG_VERSION_NUMBER",
    }
)
_UNKNOWN_HOST: Final = frozenset(getattr(socket, name, socket.EAI_NONAME) for name in ("EAI_NONAME", "EAI_NODATA"))


def translated(error: Exception, host: str, before: BaseException | None) -> TransportError:
    """
    Return *error* as one of ours; as its cause, what is left when the request and all frames are cut out.

    *before* is what the caller was handling when it called: no part of this.
    """
    root = _root(error, before)
    row = next(row for row in _TABLE if isinstance(error, row.kind))
    reason = _reason(error, root)
    if row.limit is not None:
        words = row.words.format(host=host)
        failure: TransportError = RequestTimeoutError(f"{words}: {error}" if str(error) else words, limit=row.limit)
    else:
        failure = ConnectionFailedError(row.words.format(host=host, reason=reason))
        failure.may_pass = may_pass(root) and not (row.kind is httpx.ProxyError and _is_refusal(str(error)))
    cause = _without_request(error) if isinstance(error, httpx.HTTPError) else _bare(error)
    cause.__cause__ = None if root is error else _bare(root)
    failure.__cause__ = cause
    return failure


def may_pass(error: BaseException) -> bool:
    """
    Return whether the failure may be gone when the same is tried again.

    It never is for a certificate that is not trusted, a server that speaks another TLS or none, a host that does not
    exist, a client that is closed.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, PoolClosed | ssl.SSLCertVerificationError):
            return False
        if isinstance(link, ssl.SSLError) and getattr(link, "reason", None) in _HOPELESS:
            return False
        if isinstance(link, socket.gaierror) and link.errno in _UNKNOWN_HOST:
            return False
        link = link.__cause__ or link.__context__
    return True


def _root(error: Exception, before: BaseException | None) -> BaseException:
    """Return the system's or TLS's own error that *error* was made from, which may be the only one with words."""
    root: BaseException = error
    inner = error.__cause__ or error.__context__  # some cut causes, and contexts remain
    while inner is not None and inner is not before:
        root = inner if isinstance(inner, OSError) else root
        inner = inner.__cause__ or inner.__context__
    return root


def _reason(error: Exception, root: BaseException) -> str:
    """Return what a transport says of its failure, and what the system says."""
    parts = [part for part in (str(error), str(root)) if part] or [type(root).__name__]
    reason = parts[0] if parts[-1] in parts[0] else ": ".join(parts)
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"{reason}: if the certificate is to be trusted, give verify the file of its authority"
    if isinstance(root, ssl.SSLError) and getattr(root, "reason", None) in _NO_TLS:
        return f"{reason}: it does not speak TLS there, as https asks for"
    return reason


def _is_refusal(words: str) -> bool:
    """Return whether a proxy's response is of those that stay: a wrong password tried again may lock an account."""
    # By the status of an HTTP proxy, and by httpx's words for a SOCKS proxy.
    return re.match(r"4(?!08|29)\d\d|Invalid username/password|Requested .* from proxy server", words) is not None


def _without_request(error: httpx.HTTPError) -> httpx.HTTPError:
    """Return the same error again. One of somebody's own, which may want other arguments, becomes httpx's root."""
    own = isinstance(error, httpx.TransportError) and type(error).__module__ == "httpx"
    return type(error)(str(error)) if own else httpx.HTTPError(str(error))


def _bare(error: BaseException) -> BaseException:
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
