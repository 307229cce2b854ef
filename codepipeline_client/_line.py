"""
The line: everything that connections depend on, beside the address.

Opens none: that is done in `_link` and `_async_link`.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from ._transit import is_parsable
from .errors import ConfigurationError


class Line:
    """
    Everything that a connection depends on, beside the address.

    A proxy that httpx would refuse is a ConfigurationError, in words that do not show it.
    """

    __slots__ = ("_monotonic", "idle_seconds", "max_connections", "proxy_url", "verify")

    def __init__(
        self,
        *,
        verify: bool | str | ssl.SSLContext,
        max_connections: int,
        proxy_url: str | None = None,
        idle_seconds: float = 15.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if proxy_url is not None:
            import_module("httpx")  # the detour takes it, and here no event loop waits until it is loaded
            if not is_parsable(proxy_url):
                raise ConfigurationError("the URL of the proxy cannot be used: its host is not valid (it is not shown)")
        self.verify: Final = verify
        """True for the CA files of certifi, the path of another, or a context to use as it is."""
        self.proxy_url: Final = proxy_url
        """The proxy to go through. None for none."""
        self.max_connections: Final = max_connections
        """How many connections may be open at once."""
        self.idle_seconds: Final = idle_seconds
        """How long a connection may rest. Services close theirs after 20 s and more; to be first is safer."""
        self._monotonic = monotonic

    @property
    def monotonic(self) -> Callable[[], float]:
        """What tells how long that is."""
        return self._monotonic

    def needs_tls(self, scheme: bytes) -> bool:
        """Return whether TLS is spoken, to the origin or to the proxy."""
        return scheme == b"https" or (self.proxy_url or "").lower().startswith("https:")

    def context(self) -> ssl.SSLContext:
        """Return the TLS context. It takes some 20 ms to build."""
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        if isinstance(self.verify, bool):
            import certifi

            return ssl.create_default_context(cafile=certifi.where())
        place = Path(self.verify)
        try:
            if place.is_dir():
                return ssl.create_default_context(capath=self.verify)
            return ssl.create_default_context(cafile=self.verify)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"the CA file {self.verify!r} cannot be used: {error}") from error
