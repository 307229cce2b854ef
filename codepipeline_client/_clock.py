"""
What the client asks of time.

Only the question: the clock that really ticks and sleeps is in `_driver`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable


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
