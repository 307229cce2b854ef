"""
Decide whether a failed attempt deserves another, and how long to wait first.

Knows errors and numbers. Never sleeps, never sends. The rules are those of the AWS SDKs' standard retry mode.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from .._config.arguments import RetryMode
from .._threads import ProcessLock
from ..errors import (
    THROTTLING_CODES,
    CodePipelineError,
    ConnectionFailedError,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    TransportError,
    ValidationException,
)
from .rate_limiter import RateLimiter


def policy(
    mode: RetryMode, *, max_attempts: int, chance: Callable[[], float], monotonic: Callable[[], float]
) -> RetryPolicy:
    """
    Return the policy of one client.

    *chance* returns a number from 0 up to 1 that nobody can foresee, *monotonic* seconds that never run backwards.
    """
    return RetryPolicy(
        max_attempts=1 if mode == "off" else max_attempts,
        chance=chance,
        quota=Quota(),
        monotonic=monotonic,
        limiter=RateLimiter(monotonic()) if mode == "adaptive" else None,
    )


class Kind(NamedTuple):
    """A kind of failure that may pass."""

    cost: int
    """What a retry takes out of the quota."""
    base: float
    """The longest pause before the first retry, in seconds."""


TRANSIENT: Final = Kind(cost=14, base=0.05)
"""Something broke, and the same request may well succeed."""
THROTTLING: Final = Kind(cost=5, base=1.0)
"""The service asked for fewer calls."""

TRANSIENT_CODES: Final = frozenset(
    {
        *("RequestTimeout", "RequestTimeoutException", "InternalError", "InternalFailure", "InternalServerError"),
        *("ServiceUnavailable", "IDPCommunicationError"),
    }
)
TRANSIENT_STATUSES: Final = frozenset({500, 502, 503, 504})
PERMANENT_STATUSES: Final = frozenset({501, 505})
"""What the server does not do at all. Never retried, whatever the code says."""

_ABOUT_THE_INPUT: Final = (ValidationException, PipelineNotFoundException, PipelineExecutionNotFoundException)
_CEILING: Final = 20.0
_BEYOND_CEILING: Final = 30
"""A retry so late that its pause has long reached the ceiling; the power of a larger one overflows in the end."""
_HEEDED: Final = 5.0
"""How many seconds the service may add to a pause."""


def classify(failure: CodePipelineError) -> Kind | None:
    """Return of what kind *failure* is, or None when it would only happen again."""
    if isinstance(failure, ServiceError):
        return _classify_response(failure)
    if isinstance(failure, ConnectionFailedError):
        may_pass = failure.may_pass
    elif isinstance(failure, RequestTimeoutError):
        may_pass = failure.limit != "timeout"  # which leaves no time for another attempt
    elif isinstance(failure, ResponseDecodeError):
        may_pass = failure.http_status_code == 200  # the operations only read: asking again does no harm
    else:
        may_pass = isinstance(failure, TransportError)
    return TRANSIENT if may_pass else None


def _classify_response(failure: ServiceError) -> Kind | None:
    """Judge by the code; by the HTTP status only where the code says nothing."""
    if failure.http_status_code in PERMANENT_STATUSES:
        return None
    if failure.code in THROTTLING_CODES:
        return THROTTLING
    if failure.code in TRANSIENT_CODES or failure.http_status_code in TRANSIENT_STATUSES:
        return TRANSIENT
    if failure.http_status_code == 429 and not isinstance(failure, _ABOUT_THE_INPUT):
        return THROTTLING
    return None


def backoff(retry: int, *, base: float, chance: Callable[[], float]) -> float:
    """Return the pause before *retry*, counted from 0, in seconds: spread, so that clients do not return together."""
    return chance() * min(base * 2.0 ** min(retry, _BEYOND_CEILING), _CEILING)


def heed(retry_after: str | None, pause: float) -> float:
    """
    Return *pause*, or the longer one that the service asks for, as far as it may.

    *retry_after* is whole milliseconds; anything else is taken for nothing.
    """
    if retry_after is None:
        return pause
    digits = retry_after.strip()
    if not (digits.isascii() and digits.isdigit()):
        return pause
    return max(pause, min(float(digits) / 1000.0, pause + _HEEDED))  # float, for int refuses to read very many digits


class Quota:
    """
    What keeps the retries of all calls of a client from making an outage worse.

    Retries take from it, successes fill it; when it is empty, calls fail at once.
    """

    FULL: Final = 500

    __slots__ = ("_left", "_lock")

    def __init__(self) -> None:
        self._left = self.FULL
        self._lock = ProcessLock()

    @property
    def left(self) -> int:
        """How much may be taken."""
        return self._left

    def take(self, cost: int) -> bool:
        """Take *cost*; False when there is not enough, and then nothing is taken."""
        with self._lock():
            if cost > self._left:
                return False
            self._left -= cost
            return True

    def give_back(self, amount: int) -> None:
        """Fill up by *amount*, as far as there is room."""
        if self._left == self.FULL:  # as nearly always: no lock for that
            return
        with self._lock():
            self._left = min(self._left + amount, self.FULL)


class RetryPolicy(NamedTuple):
    """The retry policy of every mode; the modes differ in its parts."""

    max_attempts: int
    chance: Callable[[], float]
    quota: Quota
    monotonic: Callable[[], float]
    limiter: RateLimiter | None
    """Only in the adaptive mode."""
    retries_throttling: bool = True
    """False for the polls of a wait: the next poll comes later anyway."""

    def begin(self) -> CallRetries:
        """Return what a new call asks."""
        return CallRetries(self)


class CallRetries:
    """What one call asks: before its first send, after each failed attempt, and at its end."""

    __slots__ = ("_policy", "_reserved", "_taken")

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._taken = 0
        self._reserved = False

    def lead(self) -> float:
        """Return the seconds to wait before a send that no failure led to."""
        limiter = self._policy.limiter
        return 0.0 if limiter is None else self._reserve(limiter)

    def pause(self, failure: CodePipelineError, attempt: int, *, retry_after: str | None, skewed: bool) -> float | None:
        """
        Return the seconds to wait before the next send, or None to give up.

        *attempt* is the number of the one that failed, from 1; *retry_after* the response's ``x-amz-retry-after``.
        *skewed* is True when a wrong clock, corrected meanwhile, made it fail: that may pass, whatever the error.
        """
        policy = self._policy
        kind = classify(failure) or (TRANSIENT if skewed else None)
        if policy.limiter is not None:
            policy.limiter.record(policy.monotonic(), throttled=kind is THROTTLING)
        if kind is None or attempt >= policy.max_attempts or (kind is THROTTLING and not policy.retries_throttling):
            return None
        if not policy.quota.take(kind.cost):
            return None
        self._taken = kind.cost
        pause = heed(retry_after, backoff(attempt - 1, base=kind.base, chance=policy.chance))
        return pause if policy.limiter is None else max(pause, self._reserve(policy.limiter))

    def succeeded(self) -> None:
        """Take note that the call has its response."""
        policy = self._policy
        if policy.limiter is not None:
            policy.limiter.record(policy.monotonic(), throttled=False)
        policy.quota.give_back(self._taken or 1)

    def unsent(self) -> None:
        """Take note that the send last asked for will not take place: others need not wait for it."""
        if self._reserved and self._policy.limiter is not None:
            self._policy.limiter.give_back()
        self._reserved = False

    def _reserve(self, limiter: RateLimiter) -> float:
        wait = limiter.reserve(self._policy.monotonic())
        self._reserved = wait is not None
        return wait or 0.0
