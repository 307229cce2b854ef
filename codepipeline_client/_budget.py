"""
How many calls a second many executions may make together.

Reckons with rates and moments, in seconds since the wait began. It has no clock, asks nobody and sleeps never.
"""

from __future__ import annotations

from math import inf
from typing import Final

from .errors import ConfigurationError

MIN_RATE: Final = 0.5
"""Calls a second, however often the service asks for fewer."""
SLACK: Final = 1e-6
"""Seconds that do not count: a sum of floats may fall a little short of a moment, and no clock has to show that."""

_FEWEST: Final = 0.01
_MOST: Final = 1000.0
_KEPT: Final = 1.9
"""Tokens that are kept: below two, so that no two calls begin together; above one, so that a late one costs nothing."""
_CUT: Final = 0.7
_RECOVERY: Final = 20.0
"""Seconds until the rate is back at what was too much; after twice as many it is as far above as it was below."""


class Budget:
    """
    How many calls a second all may make together.

    A bucket of tokens, one for each request. A throttle lowers the rate at which it fills. The rate then grows again
    as in TCP CUBIC: slowly near what was too much, and faster beyond, up to what it was at first. How long that takes
    does not depend on the rate, so that at a low one, too, a throttle is one answer in many.
    """

    __slots__ = ("_most", "_since", "_tokens", "_too_much", "_too_much_at", "rate")

    def __init__(self, max_calls_per_second: object) -> None:
        """Begin with the highest rate. Raises ConfigurationError for a number that cannot be meant."""
        most = max_calls_per_second
        if not isinstance(most, int | float) or most is True or not _FEWEST <= most <= _MOST:
            raise ConfigurationError(
                f"max_calls_per_second must be a number from {_FEWEST:g} to {_MOST:.0f}, not {most!r}"
            )
        self.rate = self._most = float(most)
        """How many calls a second are allowed now."""
        self._tokens = 1.0
        self._since = 0.0
        self._too_much = inf
        self._too_much_at = -inf

    def wait(self, elapsed: float) -> float:
        """Return in how many seconds a call may begin; 0 for now."""
        self._fill(elapsed)
        wait = (1.0 - self._tokens) / self.rate
        return wait if wait > SLACK else 0.0

    def begin(self, elapsed: float) -> None:
        """Take a token for the first request of a call."""
        self._fill(elapsed)
        self._tokens -= 1.0

    def end(self, elapsed: float, *, began: float, requests: int, throttled: bool) -> None:
        """
        Take what a call has cost beyond its first request, or give that back; and heed a throttle.

        What a call met that *began* before the last throttle was heeded is known already, and counts for nothing.
        """
        self._fill(elapsed)
        self._tokens = min(self._tokens + 1.0 - requests, _KEPT)
        if throttled and began > self._too_much_at:
            self._too_much, self._too_much_at = self.rate, self._since
            self._follow_curve()

    def _fill(self, elapsed: float) -> None:
        passed = max(elapsed - self._since, 0.0)  # a call that ended while nobody looked is told of late
        self._tokens = min(self._tokens + passed * self.rate, _KEPT)
        self._since += passed
        self._follow_curve()

    def _follow_curve(self) -> None:
        if self._too_much < inf:
            way = (self._since - self._too_much_at) / _RECOVERY - 1.0
            rate = self._too_much * (1.0 + (1.0 - _CUT) * way**3)
            self.rate = min(max(rate, MIN_RATE), self._most)
