"""
What the client asks of time: what it is, how much of it a call has left, and how far the service's is from ours.

The clock that really ticks and sleeps is in `_driver`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import inf
from typing import Final, Protocol, runtime_checkable

DEADLINE: Final = "codepipeline_client.deadline"
"""Request extension: the `Deadline` of the call that the request is part of."""


@runtime_checkable
class Clock(Protocol):
    """What tells the time and waits. Give a client your own to test without waiting."""

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch. Signatures carry it."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards. Limits are measured with it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        ...

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        """Wait in this task, on asyncio or trio."""
        ...


class Deadline:
    """When a call must be over."""

    __slots__ = ("_at", "_monotonic", "seconds")

    def __init__(self, seconds: float | None, monotonic: Callable[[], float]) -> None:
        self.seconds = seconds
        self._monotonic = monotonic
        self._at = inf if seconds is None else monotonic() + seconds

    def left(self) -> float:
        """Return how many seconds are left: infinite without a limit, 0 or less when the time is over."""
        return inf if self._at == inf else self._at - self._monotonic()

    @property
    def has_passed(self) -> bool:
        """Whether the time is over."""
        return self.left() <= 0

    def within(self, seconds: float | None) -> float | None:
        """Return what a step may take that may take *seconds* of its own: None for no limit, never below 0."""
        left = max(self.left(), 0.0)
        if left == inf:
            return seconds
        return left if seconds is None else min(left, seconds)


SKEW_CODES: Final = frozenset(
    {
        *("InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"),
        *("RequestTimeTooSkewed", "RequestExpired", "AccessDeniedException"),
    }
)
"""The codes by which a service refuses a request for its time, though it may have other reasons."""

_NOTABLE: Final = 4 * 60.0
_TOO_SLOW: Final = 15 * 60.0
_NEVER: Final = 32_503_680_000.0
"""The year 3000, where the calendars of some systems end."""


class Skew:
    """How far the service's clock is ahead of this machine's, in seconds, as last seen. One for each client."""

    __slots__ = ("is_known", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_known = False

    def correct(self, seen: float) -> None:
        """Go by what an answer said, whatever was believed before."""
        self.seconds = seen
        self.is_known = True


def seen_skew(headers: Mapping[str, str], *, sent: float, received: float) -> float | None:
    """
    Return how far the service's clock is ahead, by the date of its answer.

    None when the answer does not tell: it has no date, comes from a cache, or took too long. *sent* and *received*
    are this machine's times, in seconds since the epoch.
    """
    date = headers.get("date")
    if date is None or "age" in headers or not 0 <= received - sent < _TOO_SLOW:
        return None
    told = _instant(date)
    return None if told is None else told - (sent + received) / 2


def is_notable(believed: float, seen: float) -> bool:
    """Return whether a signature made with the one skew may have been refused because of the other."""
    return abs(believed - seen) > _NOTABLE


@lru_cache(maxsize=16)
def _instant(date: str) -> float | None:
    try:
        told = parsedate_to_datetime(date)
        seconds = told.replace(tzinfo=told.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < _NEVER else None
