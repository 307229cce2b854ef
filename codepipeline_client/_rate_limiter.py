"""
How fast a client may send, once the service has asked it to slow down: the limiter of the adaptive retry mode.

Reckons with rates and moments. Never sleeps: who reserves a send is told how long to wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cbrt, floor, inf
from typing import Final

from ._locks import ProcessLock

MIN_RATE: Final = 0.5
"""Sends a second, however often the service asks for fewer."""

_HEADROOM: Final = 2.0
"""How many times the measured rate may be allowed, so that a quiet client does not save up for a burst."""
_BUCKET: Final = 0.5
"""Seconds over which answers are counted."""
_SMOOTHING: Final = 0.8
_CUT: Final = 0.7
_GROWTH: Final = 0.4


class RateLimiter:
    """
    A bucket of tokens, one for each send, filled at a rate that follows from the answers.

    The rate falls with every throttle and then grows as in TCP CUBIC: fast, flat near the rate that was too much,
    and fast again. Up to the first throttle there is no limit. Threads may share it.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        now = monotonic()
        self._monotonic = monotonic
        self._lock = ProcessLock()
        self._limits = False
        self._meter = Meter(now)
        self._curve = Curve(now)
        self._tokens = Tokens(now)

    @property
    def rate(self) -> float:
        """How many sends a second are allowed: infinitely many without a limit."""
        return self._tokens.rate if self._limits else inf

    def reserve(self) -> float | None:
        """Take a token for a send, and return the seconds to wait for it; None, and no token, without a limit."""
        if not self._limits:
            return None
        with self._lock:
            return self._tokens.take(self._monotonic())

    def give_back(self) -> None:
        """Give back the token of a send that will not take place."""
        with self._lock:
            self._tokens.give_back()

    def answered(self, *, throttled: bool) -> None:
        """Count an answer, or the failure that came in its place, and let the rate follow from it."""
        with self._lock:
            now = self._monotonic()
            measured = self._meter.count(now)
            if throttled:
                rate = self._curve.fall(min(measured, self._tokens.rate) if self._limits else measured, now)
                self._limits = True
            else:
                rate = self._curve.grow(now)
            self._tokens.refill(min(rate, _HEADROOM * measured), now)


class Meter:
    """How many answers a second there are."""

    __slots__ = ("_count", "_rate", "_since")

    def __init__(self, now: float) -> None:
        self._since = float(floor(now))
        self._count = 0
        self._rate = 0.0

    def count(self, now: float) -> float:
        """Count one more, and return the rate up to the half second that has begun."""
        begun = floor(now / _BUCKET) * _BUCKET
        self._count += 1
        if begun > self._since:
            current = self._count / (begun - self._since)
            self._rate = current * _SMOOTHING + self._rate * (1.0 - _SMOOTHING)
            self._count = 0
            self._since = begun
        return self._rate


class Curve:
    """Which rate to allow next."""

    __slots__ = ("_flat_after", "_since", "_too_much")

    def __init__(self, now: float) -> None:
        self._too_much = 0.0
        self._flat_after = 0.0
        self._since = now

    def fall(self, rate: float, now: float) -> float:
        """Return a lower rate: *rate* was too much."""
        self._too_much = rate
        self._flat_after = cbrt(rate * (1.0 - _CUT) / _GROWTH)
        self._since = now
        return rate * _CUT

    def grow(self, now: float) -> float:
        """Return the rate for as long as nobody objects."""
        return _GROWTH * (now - self._since - self._flat_after) ** 3 + self._too_much


class Tokens:
    """The bucket. Below zero, it owes tokens to sends that wait for them."""

    __slots__ = ("_capacity", "_left", "_since", "rate")

    def __init__(self, now: float) -> None:
        self.rate = 1.0
        self._capacity = 1.0
        self._left = 0.0
        self._since = now

    def take(self, now: float) -> float:
        """Take one, and return in how many seconds it is there."""
        self._fill(now)
        self._left -= 1.0
        return max(-self._left / self.rate, 0.0)

    def give_back(self) -> None:
        """Put one back."""
        self._left += 1.0

    def refill(self, rate: float, now: float) -> None:
        """Fill up at the rate so far, and from now on at *rate*, or at the lowest that there is."""
        self._fill(now)
        self.rate = max(rate, MIN_RATE)
        self._capacity = max(rate, 1.0)

    def _fill(self, now: float) -> None:
        self._left = min(self._left + (now - self._since) * self.rate, self._capacity)
        self._since = now
