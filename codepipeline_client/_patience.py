"""
The retry policy of a poll: what the service cannot take is left to the schedule of the wait.

A wait asks again anyway, and later: an answer to a throttle that is better than a quick retry. Whatever else may pass
is retried at once, as in any call.
"""

from __future__ import annotations

from attrs import frozen

from ._retry import THROTTLING, Retries, RetryPolicy, classify
from .errors import CodePipelineError


@frozen
class Unhurried:
    """A retry policy that is the client's own, but for throttles."""

    policy: RetryPolicy
    """The client's own."""

    @property
    def max_attempts(self) -> int:
        """Return how many requests a call may send, the first one included."""
        return self.policy.max_attempts

    def begin(self) -> Retries:
        """Return what a new call asks."""
        return _Unhurried(self.policy.begin(), self.max_attempts)


@frozen
class _Unhurried:
    retries: Retries
    max_attempts: int

    def lead(self) -> float:
        return self.retries.lead()

    def pause(self, failure: CodePipelineError, attempt: int, *, retry_after: str | None, skewed: bool) -> float | None:
        if classify(failure) is THROTTLING:
            attempt = max(attempt, self.max_attempts)  # the last one: so it counts as a throttle, and takes nothing
        return self.retries.pause(failure, attempt, retry_after=retry_after, skewed=skewed)

    def succeeded(self) -> None:
        self.retries.succeeded()

    def unsent(self) -> None:
        self.retries.unsent()
