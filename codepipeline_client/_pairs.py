"""
Headers as they are on the wire, in httpx's form.

Knows no header.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx


class Pairs(httpx.Headers):
    """
    Headers that become httpx's own when somebody looks into them.

    Hardly any call does, and httpx prepares each name for that, in the request, signed, and in the answer.
    """

    _pairs: Sequence[tuple[bytes, bytes]] = ()
    _are_httpxs = False

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Return them as they are on the wire."""
        return super().raw if self._are_httpxs else list(self._pairs)

    def __getattr__(self, name: str) -> Any:
        """Return what httpx keeps here, once it does."""
        if self._are_httpxs or name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        told = dict(vars(self))
        super().__init__(list(self._pairs))
        vars(self).update(told)
        self._are_httpxs = True
        return getattr(self, name)
