"""The engine: httpx transports over httptools, sockets and anyio. Knows HTTP, TLS and proxies, and nothing of AWS."""

from .network import TransportOptions
from .transport import AsyncPooledTransport, PooledTransport

__all__ = ["AsyncPooledTransport", "PooledTransport", "TransportOptions"]
