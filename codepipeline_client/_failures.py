"""
From what httpx, anyio, TLS and the system raise to what this package raises.

Cuts everything out that could hold a request, and with it a session token: the request itself, frames, contexts.
"""

from __future__ import annotations

import re
import ssl
import sys
from typing import Final

import httpx

from ._tls import may_pass
from .errors import ConnectionFailedError, RequestTimeoutError, TransportError

_FAILURES: Final = (httpx.HTTPError, httpx.StreamError, OSError)
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})


def failures() -> tuple[type[Exception], ...]:
    """Return what a transport may raise when no usable answer comes. Anything else is a defect, and passes."""
    if "anyio" not in sys.modules:  # then nobody can have raised its errors, and threads do well without it
        return _FAILURES
    from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

    return (*_FAILURES, BrokenResourceError, ClosedResourceError, EndOfStream)


def translated(error: Exception, host: str, before: BaseException | None) -> TransportError:
    """
    Return *error* as one of ours; as its cause, what is left when the request and all frames are cut out.

    *before* is what the caller was handling when it called: no part of this.
    """
    root = _root(error, before)
    failure = _named(error, host, _reason(root))
    if isinstance(failure, ConnectionFailedError):
        failure.may_pass = may_pass(root) and not (isinstance(error, httpx.ProxyError) and _is_refusal(str(error)))
    cause = _without_request(error) if isinstance(error, httpx.HTTPError) else _bare(error)
    cause.__cause__ = None if root is error else _bare(root)
    failure.__cause__ = cause
    return failure


def _root(error: Exception, before: BaseException | None) -> BaseException:
    """Return the system's or TLS's own error that *error* was made from, which may be the only one with words."""
    root: BaseException = error
    inner = error.__cause__ or error.__context__  # httpcore cuts causes, and contexts remain
    while inner is not None and inner is not before:
        # That a connection is not there at once is no failure, but it is what the real one is the context of.
        root = inner if isinstance(inner, OSError) and not isinstance(inner, BlockingIOError) else root
        inner = inner.__cause__ or inner.__context__
    return root


def _reason(root: BaseException) -> str:
    reason = str(root) or type(root).__name__
    if isinstance(root, ssl.SSLCertVerificationError):
        return f"{reason}: if the certificate is to be trusted, give verify the file of its authority"
    if isinstance(root, ssl.SSLError) and getattr(root, "reason", None) in _NO_TLS:
        return f"{reason}: it does not speak TLS there, as https asks for"
    return reason


def _is_refusal(words: str) -> bool:
    """Return whether a proxy's answer is of those that stay: a wrong password tried again may lock an account."""
    return re.match(r"4(?!08|29)\d\d", words) is not None


def _without_request(error: httpx.HTTPError) -> httpx.HTTPError:
    """Return the same error anew. One of somebody's own, which may want other arguments, becomes httpx's root."""
    own = isinstance(error, httpx.TransportError) and type(error).__module__ == "httpx"
    return type(error)(str(error)) if own else httpx.HTTPError(str(error))


def _bare(error: BaseException) -> BaseException:
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def _named(error: Exception, host: str, reason: str) -> TransportError:
    if isinstance(error, httpx.PoolTimeout):
        return RequestTimeoutError(f"no connection to {host} became free in time", limit="timeout")
    if isinstance(error, httpx.ConnectTimeout):
        return RequestTimeoutError(f"no connection to {host} was made within connect_timeout", limit="connect_timeout")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return RequestTimeoutError(f"{host} was silent for longer than read_timeout", limit="read_timeout")
    if isinstance(error, httpx.ProxyError):
        return ConnectionFailedError(f"the proxy on the way to {host} refused: {reason}; check its URL and password")
    if isinstance(error, httpx.ConnectError):
        return ConnectionFailedError(f"no connection to {host} could be made: {reason}")
    return ConnectionFailedError(f"the connection to {host} broke before the answer was whole: {reason}")
