"""
How a connection fails: by httpx's names, for connections that do without httpx.

No rule: what each failure means for a call is in `_failures`.
"""

from __future__ import annotations


class Broken(Exception):
    """No usable answer came. httpx calls it a TransportError."""


class TimeoutException(Broken):
    """A step took too long."""


class ConnectTimeout(TimeoutException):
    """Making the connection."""


class ReadTimeout(TimeoutException):
    """Waiting for the answer."""


class WriteTimeout(TimeoutException):
    """Sending the request."""


class PoolTimeout(TimeoutException):
    """Waiting for a connection that is free."""


class NetworkError(Broken):
    """The connection broke."""


class ConnectError(NetworkError):
    """It could not be made."""


class ReadError(NetworkError):
    """It broke while the answer was waited for."""


class WriteError(NetworkError):
    """It broke while the request was sent."""


class ProxyError(Broken):
    """The proxy refused."""


class UnsupportedProtocol(Broken):
    """Nobody here speaks what the address asks for."""


class ProtocolError(Broken):
    """Somebody broke the rules of HTTP."""


class LocalProtocolError(ProtocolError):
    """This side did."""


class RemoteProtocolError(ProtocolError):
    """The other side did."""
