"""
One request on its way: where it goes, what it is on the wire, and how long it may take.

Waits for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ._clock import DEADLINE, Deadline
from ._http1 import encode
from ._transit import TransitRequest

_PORTS: Final = {b"http": 80, b"https": 443}
_HTTPCORES: Final = ("trace", "sni_hostname", "target")
"""Extensions that only httpcore knows how to serve."""


class Origin(NamedTuple):
    """Whom a connection is to."""

    scheme: bytes
    host: bytes
    port: int


class Call:
    """A request and its limits."""

    __slots__ = ("_limits", "deadline", "origin", "request")

    def __init__(self, request: TransitRequest, monotonic: Callable[[], float]) -> None:
        deadline, url = request.extensions.get(DEADLINE), request.url
        self.deadline: Final = deadline if isinstance(deadline, Deadline) else Deadline(None, monotonic)
        self.request: Final = request
        scheme = url.raw_scheme
        self.origin: Final = Origin(scheme, url.raw_host, url.port or _PORTS[scheme])
        self._limits: Final[Mapping[str, float | None]] = request.extensions.get("timeout", {})

    @property
    def content(self) -> bytes | None:
        """The request as it goes on the wire. None where that is httpcore's to say."""
        request = self.request
        if any(name in request.extensions for name in _HTTPCORES):
            return None
        return encode(request.method, request.url.raw_path, request.headers.raw, request.content)

    def limit(self, step: str) -> float | None:
        """Return how long each *step* may take: "connect", "write", "read"."""
        return self._limits.get(step)

    def within(self, step: str) -> float | None:
        """Return how long the *step* may take that is made but once: "pool", "connect"."""
        return self.deadline.within(self._limits.get(step))
