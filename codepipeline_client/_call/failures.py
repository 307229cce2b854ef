"""
Turn what httpx's transports, TLS and the system raise into this package's errors: one table, by class.

Cuts out all that could hold a request, and with it a session token: the request itself, frames, contexts.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

import anyio
import httpx

from .._http.pool import PoolClosed
from .._protocol.messages import Attempt, redact
from ..errors import ConnectionFailedError, RequestTimeoutError, TransportError

FAILURES: Final = (
    httpx.HTTPError,
    httpx.StreamError,
    OSError,
    anyio.BrokenResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)
"""What a transport may raise when no usable response comes. Anything else is a defect, and is not caught."""

_TABLE: Final[tuple[tuple[type[Exception], str | None, str], ...]] = (
    # The class, the limit that was exceeded if it is a timeout, and the message.
    (httpx.PoolTimeout, "timeout", "no connection to {host} became free in time"),
    (httpx.ConnectTimeout, "connect_timeout", "no connection to {host}{through} was made within connect_timeout"),
    (httpx.ReadTimeout, "read_timeout", "{host} was silent for longer than read_timeout"),
    (httpx.WriteTimeout, "read_timeout", "{host} accepted no bytes of the request for longer than read_timeout"),
    (httpx.TimeoutException, "read_timeout", "the request to {host} timed out"),
    (TimeoutError, "read_timeout", "{host} was silent for longer than read_timeout"),
    (httpx.ProxyError, None, "the proxy{proxy} on the way to {host} failed: {reason}"),
    (httpx.ConnectError, None, "no connection to {host}{through} could be made: {reason}"),
)
_OTHER: Final = (Exception, None, "no valid and complete response came from {host}: {reason}")

# OpenSSL's names. All come from servers that speak another TLS than we do, or none.
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
_HOPELESS: Final = frozenset(
    {
        *_NO_TLS,
        *("BAD_PROTOCOL_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW"),
        *("WRONG_SSL_VERSION", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"),
        *("NO_CIPHERS_AVAILABLE", "NO_PROTOCOLS_AVAILABLE", "NO_SHARED_CIPHER"),
        *("SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY", "TLSV1_ALERT_PROTOCOL_VERSION"),
        *("TLSV1_ALERT_UNKNOWN_CA", "TLSV1_UNRECOGNIZED_NAME", "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
    }
)
_STRICT: Final = (
    "Python has refused such certificates since 3.13: renew the certificate or its authority's certificate, "
    "or pass an ssl.SSLContext without ssl.VERIFY_X509_STRICT as verify"
)
# By OpenSSL's numbers: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_CERTIFICATE_HINTS: Final = (
    ({2, *range(18, 22)}, ": to trust the certificate, pass the CA file as verify"),
    ({9, 10}, ": check its dates, and the clock of this machine"),
    ({*range(80, 95)}, f": {_STRICT}"),
)
_REFUSAL: Final = r"4(?!08|29)\d\d|Invalid username/password|Requested .* from proxy server"
"""What a proxy would respond again, such as to a wrong password: an HTTP status, or httpx's words for a SOCKS proxy."""
_UNKNOWN_HOST: Final = frozenset(getattr(socket, name, socket.EAI_NONAME) for name in ("EAI_NONAME", "EAI_NODATA"))


def translated(
    error: Exception, host: str, before: BaseException | None, *, proxy: str = "", attempt: Attempt | None = None
) -> TransportError:
    """
    Return *error* as one of ours; its cause is the same without the request and all frames.

    *before* is what the caller was handling when it called: no part of this. Secrets of the *attempt* are hidden.
    """
    hide = partial(redact, credentials=None if attempt is None else attempt.credentials)
    # The error of the system or of TLS that it was made from may be the only one with words.
    root = next((each for each in reversed(_chain(error, before)) if isinstance(each, OSError)), error)
    said, causes = hide(_unquoted(error)), hide(str(root)) if root is not error else ""
    kind, limit, words = next((row for row in _TABLE if isinstance(error, row[0])), _OTHER)
    named, through = (f" {proxy}", f" through the proxy {proxy}") if proxy else ("", "")
    message = words.format(host=host, proxy=named, through=through, reason=_reason(root, said, causes))
    if limit is not None:
        failure: TransportError = RequestTimeoutError(f"{message}: {said}" if said else message, limit=limit)
    else:
        is_refusal = kind is httpx.ProxyError and re.match(_REFUSAL, str(error)) is not None
        failure = ConnectionFailedError(f"{message}; check its URL and password" if is_refusal else message)
        failure.may_pass = may_pass(root) and not is_refusal
    if not isinstance(error, httpx.HTTPError):
        cause = _bare(error, hide)
    elif isinstance(error, httpx.TransportError) and type(error).__module__ == "httpx":
        cause = type(error)(said)
    else:  # a user's own class may want other arguments
        cause = httpx.HTTPError(said)
    cause.__cause__ = None if root is error else _bare(root, hide)
    failure.__cause__ = cause
    return failure


def may_pass(error: BaseException) -> bool:
    """Return False if a retry fails again: on the certificate, the TLS version, an unknown host or a closed client."""
    return not any(
        isinstance(each, PoolClosed | ssl.SSLCertVerificationError)
        or (isinstance(each, ssl.SSLError) and getattr(each, "reason", None) in _HOPELESS)
        or (isinstance(each, socket.gaierror) and each.errno in _UNKNOWN_HOST)
        for each in _chain(error, None)
    )


def _chain(error: BaseException, before: BaseException | None) -> list[BaseException]:
    """Return *error* and what it was made from, each once: a mock may raise an error from itself."""
    chain = [error]
    inner = error.__cause__ or error.__context__  # some libraries cut causes, and contexts remain
    while inner is not None and all(inner is not each for each in (before, *chain)):
        chain.append(inner)
        inner = inner.__cause__ or inner.__context__
    return chain


def _unquoted(error: Exception) -> str:
    """Return the words of *error* without what they quote of the peer, which may quote a secret in any form."""
    words = str(error)
    if isinstance(error, httpx.ProxyError):
        phrases = {f"{each.value}": f"{each.value} {each.phrase}" for each in HTTPStatus}
        return re.sub(r"^(\d{3})\b.*", lambda match: phrases.get(match[1], match[1]), words, flags=re.DOTALL)
    return re.sub(r"""[: ]*\b(bytearray\()?b(['"]).*\2\)?""", "", words, flags=re.DOTALL)


def _reason(root: BaseException, *words: str) -> str:
    """Return the words of the transport, and those of the system."""
    parts = [part for part in words if part] or [type(root).__name__]
    reason = parts[0] if parts[-1] in parts[0] or parts[-1].endswith(parts[0]) else ": ".join(parts)
    if isinstance(root, ssl.SSLCertVerificationError):
        hint = next((hint for codes, hint in _CERTIFICATE_HINTS if getattr(root, "verify_code", None) in codes), "")
        return reason + hint
    if isinstance(root, ssl.SSLError) and getattr(root, "reason", None) in _NO_TLS:
        return f"{reason}: the server does not speak TLS on this port, and https needs it"
    return reason


def _bare(error: BaseException, hide: Callable[[str], str]) -> BaseException:
    words = hide(str(error))
    if words != str(error):
        return OSError(words)  # the class of *error* may keep the text in any place
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
