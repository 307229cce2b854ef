"""
From what connections, httpx, anyio, TLS and the system raise to what this package raises.

Cuts everything out that could hold a request, and with it a session token: the request itself, frames, contexts.
"""

from __future__ import annotations

import re
import ssl
import sys
from typing import TYPE_CHECKING, Final, TypeGuard

from ._broken import Broken, ConnectError, ConnectTimeout, PoolTimeout, ProxyError, TimeoutException
from ._tls import may_pass
from .errors import ConnectionFailedError, RequestTimeoutError, TransportError

if TYPE_CHECKING:
    import httpx

_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})


def failures() -> tuple[type[Exception], ...]:
    """Return what a transport may raise when no usable answer comes. Anything else is a defect, and passes."""
    kinds: list[type[Exception]] = [Broken, OSError]
    # Whose library is not loaded can have raised nothing, and who does without it is to do so here too.
    if sys.modules.get("httpx") is not None:
        from httpx import HTTPError, StreamError

        kinds += [HTTPError, StreamError]
    if sys.modules.get("anyio") is not None:
        from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

        kinds += [BrokenResourceError, ClosedResourceError, EndOfStream]
    return tuple(kinds)


def translated(error: Exception, host: str, before: BaseException | None) -> TransportError:
    """
    Return *error* as one of ours; as its cause, what is left when the request and all frames are cut out.

    *before* is what the caller was handling when it called: no part of this.
    """
    root = _root(error, before)
    failure = _named(error, host, _reason(root))
    if isinstance(failure, ConnectionFailedError):
        failure.may_pass = may_pass(root) and not (_is_a(error, ProxyError) and _is_refusal(str(error)))
    cause = _without_request(error) if _is_httpxs(error) else _bare(error)
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


def _is_a(error: Exception, *kinds: type[Exception]) -> bool:
    """Return whether *error* is one of the kinds, or what httpx calls by the same name."""
    names = {each.__name__ for each in type(error).__mro__ if each.__module__ == "httpx"}
    return isinstance(error, kinds) or not names.isdisjoint(kind.__name__ for kind in kinds)


def _is_httpxs(error: Exception) -> TypeGuard[httpx.HTTPError]:
    return any(each.__module__ == "httpx" and each.__name__ == "HTTPError" for each in type(error).__mro__)


def _without_request(error: httpx.HTTPError) -> httpx.HTTPError:
    """Return the same error anew. One of somebody's own, which may want other arguments, becomes httpx's root."""
    import httpx

    own = isinstance(error, httpx.TransportError) and type(error).__module__ == "httpx"
    return type(error)(str(error)) if own else httpx.HTTPError(str(error))


def _bare(error: BaseException) -> BaseException:
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def _named(error: Exception, host: str, reason: str) -> TransportError:
    if _is_a(error, PoolTimeout):
        return RequestTimeoutError(f"no connection to {host} became free in time", limit="timeout")
    if _is_a(error, ConnectTimeout):
        return RequestTimeoutError(f"no connection to {host} was made within connect_timeout", limit="connect_timeout")
    if _is_a(error, TimeoutException, TimeoutError):
        return RequestTimeoutError(f"{host} was silent for longer than read_timeout", limit="read_timeout")
    if _is_a(error, ProxyError):
        return ConnectionFailedError(f"the proxy on the way to {host} refused: {reason}; check its URL and password")
    if _is_a(error, ConnectError):
        return ConnectionFailedError(f"no connection to {host} could be made: {reason}")
    return ConnectionFailedError(f"the connection to {host} broke before the answer was whole: {reason}")
