"""
The engine: httpx transports over httptools, sockets and anyio, with a pool that survives cancelled calls.

Knows HTTP/1.1, TLS and proxies, and whether a request may be sent again. Knows nothing of AWS or signatures.
"""

from .network import TransportOptions
from .transport import AsyncPooledTransport, PooledTransport

__all__ = ["AsyncPooledTransport", "PooledTransport", "TransportOptions"]
