"""
Learn from a refused request how far the service's clock is ahead of this machine's.

Pure: the times of sending and receiving are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

SKEW_CODES: Final = frozenset(
    {
        *("InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"),
        *("RequestTimeTooSkewed", "RequestExpired", "AccessDeniedException"),
    }
)
"""The codes of a request that was refused for its time, or for another reason."""

_TOLERATED: Final = 4 * 60.0
_TOO_SLOW: Final = 15 * 60.0
_NEVER: Final = 32_503_680_000.0
"""The year 3000: some systems cannot convert later times."""


class Skew:
    """How far the service's clock is ahead of this machine's, in seconds, as last seen. Each client has one."""

    __slots__ = ("is_known", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_known = False

    def correct(self, seen: float) -> None:
        """Replace the skew by the one *seen* in a response."""
        self.seconds = seen
        self.is_known = True


def seen_skew(headers: Mapping[str, str], *, sent: float, received: float) -> float | None:
    """
    Return how far the service's clock is ahead, by the Date of its response.

    None for a response without Date, from a cache, or after 15 minutes. *sent* and *received* are this machine's
    times, in seconds since the epoch.
    """
    date = headers.get("date")
    if date is None or "age" in headers or not 0 <= received - sent < _TOO_SLOW:
        return None
    seconds = _parse(date)
    return None if seconds is None else seconds - (sent + received) / 2


def is_notable(believed: float, seen: float) -> bool:
    """Return whether a signature with the skew *believed* may be refused when the skew is *seen*."""
    return abs(believed - seen) > _TOLERATED


@lru_cache(maxsize=16)
def _parse(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < _NEVER else None
