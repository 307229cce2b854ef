"""
When credentials are refreshed before they expire. The windows are botocore's.

Pure: knows times only, in seconds since the epoch.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

from .._protocol.sigv4 import Credentials

ADVISORY_WINDOW: Final = 15 * 60.0
_MANDATORY_WINDOW: Final = 10 * 60.0
_RETRY_INTERVAL: Final = 30.0


class ExpiryState(Enum):
    """What to do with cached credentials."""

    FRESH = auto()
    """Use them."""
    ADVISORY = auto()
    """Use them, and refresh them in the background."""
    MANDATORY = auto()
    """Wait for a refresh."""


class FetchedCredentials(NamedTuple):
    """Credentials in the cache."""

    credentials: Credentials
    expires: float
    """When they expire: infinite if never."""
    tried: float
    """When they were fetched, or when the last refresh failed."""

    def state(self, now: float) -> ExpiryState:
        """Return what to do with them. Until they expire, refreshes have a minimum interval."""
        left = self.expires - now
        if left >= ADVISORY_WINDOW or (left > 0 and 0 <= now - self.tried < _RETRY_INTERVAL):
            return ExpiryState.FRESH
        return ExpiryState.ADVISORY if left >= _MANDATORY_WINDOW else ExpiryState.MANDATORY
