"""
Decide whether a failed attempt deserves another, and how long to wait first.

Knows errors and numbers. Never sleeps, never sends.
"""

from __future__ import annotations

from typing import Protocol

from .errors import CodePipelineError


class RetryPolicy(Protocol):
    """What an exchange asks after a failed attempt."""

    @property
    def max_attempts(self) -> int:
        """Return how many requests a call may send, the first one included."""
        ...

    def pause(self, failure: CodePipelineError, attempt: int) -> float | None:
        """Return the pause before the attempt after *attempt*, in seconds, or None to give up."""
        ...


class NoRetries:
    """The policy "off": the first failure is the answer."""

    max_attempts = 1

    def pause(self, failure: CodePipelineError, attempt: int) -> float | None:
        """Give up."""
        return None
