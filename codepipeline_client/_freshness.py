"""
How fresh keys are, given the time: the rule by which they are used, and fetched anew.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

from ._message import Credentials


class Freshness(Enum):
    """What to do with the keys at hand."""

    GOOD = auto()
    """Use them."""
    AGING = auto()
    """Use them, and fetch others behind the caller."""
    DUE = auto()
    """Wait for others."""


class Held(NamedTuple):
    """Keys that were fetched. Times are in seconds since the epoch."""

    credentials: Credentials
    ends: float
    """When the keys end: infinite when they do not."""
    tried: float
    """When keys were last fetched, or could not be."""

    def freshness(self, now: float) -> Freshness:
        """Return what to do with the keys. The windows are botocore's; right after a try, keys that last will do."""
        left = self.ends - now
        if left >= ADVISORY or (left > 0 and 0 <= now - self.tried < _PATIENCE):
            return Freshness.GOOD
        return Freshness.AGING if left >= _MANDATORY else Freshness.DUE


ADVISORY: Final = 15 * 60.0
_MANDATORY: Final = 10 * 60.0
_PATIENCE: Final = 30.0
