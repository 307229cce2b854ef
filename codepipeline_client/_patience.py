"""
The retry policy of a poll: what the service cannot take is left to the schedule of the wait.

A wait asks again anyway, and later: an answer to a throttle that is better than a quick retry. Whatever else may pass
is retried at once, as in any call.
"""

from __future__ import annotations

from ._retry import THROTTLING, Retries, RetryPolicy, classify
from .errors import CodePipelineError


class Unhurried:
    """A retry policy that is the client's own, but for throttles."""

    __slots__ = ("_policy",)

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy

    @property
    def max_attempts(self) -> int:
        """Return how many requests a call may send, the first one included."""
        return self._policy.max_attempts

    def begin(self) -> Retries:
        """Return what a new call asks."""
        return _Unhurried(self._policy.begin(), self.max_attempts)


class _Unhurried:
    __slots__ = ("_max_attempts", "_retries")

    def __init__(self, retries: Retries, max_attempts: int) -> None:
        self._retries = retries
        self._max_attempts = max_attempts

    def lead(self) -> float:
        return self._retries.lead()

    def pause(self, failure: CodePipelineError, attempt: int, *, retry_after: str | None, skewed: bool) -> float | None:
        if classify(failure) is THROTTLING:
            attempt = max(attempt, self._max_attempts)  # the last one: so it counts as a throttle, and takes nothing
        return self._retries.pause(failure, attempt, retry_after=retry_after, skewed=skewed)

    def succeeded(self) -> None:
        self._retries.succeeded()

    def unsent(self) -> None:
        self._retries.unsent()
