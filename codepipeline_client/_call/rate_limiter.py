"""
Limit how many requests are sent per second, and adapt the limit when the service throttles.

Serves the adaptive retry mode and the budget of many executions. Never sleeps: times are arguments, in seconds.
"""

from __future__ import annotations

from math import cbrt, floor, inf
from typing import Final

from .._threads import ProcessLock

MIN_RATE: Final = 0.5
"""Requests per second, however often the service throttles."""

_CUT: Final = 0.3
"""The part of the rate that a throttle takes away."""
_GROWTH: Final = 0.4
"""The factor of the cubic curve in the AWS SDKs."""
_HEADROOM: Final = 2.0
"""The rate is at most this many times the measured rate, so that a quiet client saves up no burst."""
_BUCKET: Final = 0.5
"""Seconds over which responses are counted."""
_SMOOTHING: Final = 0.8
"""The weight of the newest count in the measured rate."""
_BURST: Final = 1.9
"""Tokens that a budget saves up: a late poll costs nothing, and no two polls begin together."""
_RECOVERY: Final = 20.0
"""Seconds until a budget's rate is back at what was too much. On the AWS SDKs' curve, a low rate is back too soon."""


class RateLimiter:
    """
    A token bucket with one token per request, whose rate adapts to throttling. Threads may share it.

    A throttle cuts the rate by 30 %. Then it grows as in TCP CUBIC: fast, slowly near what was too much, fast again.
    With *max_rate*, in requests per second, it is the budget of many executions. Without, it is the limiter of the AWS
    SDKs' adaptive mode: no limit before the first throttle, and never more than twice the measured rate.
    """

    def __init__(self, now: float = 0.0, *, max_rate: float = inf) -> None:
        self.throttled_at = -inf if max_rate < inf else now
        """When the rate was last cut."""
        self._max_rate = max_rate
        self._is_limiting = max_rate < inf
        self._rate = max_rate if self._is_limiting else 1.0
        self._tokens = 1.0 if self._is_limiting else 0.0
        self._refilled_at = now
        self._too_much = max_rate if self._is_limiting else 0.0
        self._measured = 0.0
        self._responses = 0
        self._counted_from = float(floor(now))
        self._lock = ProcessLock()

    @property
    def rate(self) -> float:
        """Requests per second that are allowed now. Infinite before the first throttle in the adaptive mode."""
        return self._rate if self._is_limiting else inf

    def wait(self, now: float) -> float:
        """Return the seconds until a token of a rate that is limited is available: 0 when there is one."""
        with self._lock():
            self._refill(now)
            return max(1.0 - self._tokens, 0.0) / self._rate

    def reserve(self, now: float) -> float:
        """Take a token, and return the seconds until the request may be sent: 0 without a limit."""
        if not self._is_limiting:
            return 0.0
        with self._lock():
            wait = self.wait(now)
            self._tokens -= 1.0
            return wait

    def give_back(self, tokens: float = 1.0) -> None:
        """Return the token of a request that is not sent. Negative *tokens* pay for requests that had none."""
        with self._lock():
            self._tokens += tokens

    def record(self, now: float, *, throttled: bool) -> None:
        """Adapt the rate to a response, or to the failure in its place."""
        with self._lock():
            self._refill(now)
            measured = self._measure(now) if self._max_rate == inf else inf
            if throttled:
                self._too_much, self.throttled_at = min(measured, self.rate), now
                self._is_limiting = True
            rate = min(self._curve(now - self.throttled_at), _HEADROOM * measured, self._max_rate)
            self._rate = max(rate, min(MIN_RATE, self._max_rate))

    def _refill(self, now: float) -> None:
        burst = max(self._rate, 1.0) if self._max_rate == inf else _BURST
        passed = max(now - self._refilled_at, 0.0)  # a failure may be recorded later than it happened
        self._tokens = min(self._tokens + passed * self._rate, burst)
        self._refilled_at += passed

    def _measure(self, now: float) -> float:
        """Count a response, and return the responses per second up to the last full half second."""
        begun = floor(now / _BUCKET) * _BUCKET
        self._responses += 1
        if begun > self._counted_from:
            rate = self._responses / (begun - self._counted_from)
            self._measured = _SMOOTHING * rate + (1.0 - _SMOOTHING) * self._measured
            self._responses, self._counted_from = 0, begun
        return self._measured

    def _curve(self, passed: float) -> float:
        """Return the rate so many seconds after the last throttle."""
        cut = self._too_much * _CUT
        recovery, growth = cbrt(cut / _GROWTH), _GROWTH
        if self._max_rate < inf:
            recovery, growth = _RECOVERY, cut / _RECOVERY**3
        return growth * (passed - recovery) ** 3 + self._too_much
