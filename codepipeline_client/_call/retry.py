"""
Decide whether a failed attempt is retried, and how long to wait first.

Knows errors and numbers, never sleeps, never sends; clock and chance are arguments. The rules are those of the AWS
SDKs' standard retry mode.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

from collections.abc import Callable
from random import random
from typing import Final, NamedTuple

from .. import errors
from .._config.arguments import RetryMode
from .._threads import ProcessLock
from .rate_limiter import RateLimiter


class Kind(NamedTuple):
    """A kind of failure that a retry may help against."""

    cost: int
    """The tokens that a retry takes from the quota."""
    base: float
    """The longest pause before the first retry, in seconds."""


TRANSIENT: Final = Kind(cost=14, base=0.05)
THROTTLING: Final = Kind(cost=5, base=1.0)

TRANSIENT_CODES: Final = frozenset(
    {
        *("RequestTimeout", "RequestTimeoutException", "InternalError", "InternalFailure", "InternalServerError"),
        *("ServiceUnavailable", "IDPCommunicationError"),
    }
)
TRANSIENT_STATUSES: Final = frozenset({500, 502, 503, 504})
PERMANENT_STATUSES: Final = frozenset({501, 505})
"""The server does not offer this at all. Never retried, whatever the code says."""

_ABOUT_THE_INPUT: Final = frozenset(
    {"ValidationException", "PipelineNotFoundException", "PipelineExecutionNotFoundException"}
)
_CEILING: Final = 20.0
_HEEDED: Final = 5.0


def classify(failure: errors.CodePipelineError) -> Kind | None:
    """Return the kind of *failure*, or None if a retry would fail the same way. A known code outranks the status."""
    if isinstance(failure, errors.ServiceError):
        code, status = failure.code, failure.http_status_code
        if status in PERMANENT_STATUSES:
            return None
        if code in errors.THROTTLING_CODES:
            return THROTTLING
        if code in TRANSIENT_CODES or status in TRANSIENT_STATUSES:
            return TRANSIENT
        return THROTTLING if status == 429 and code not in _ABOUT_THE_INPUT else None
    if isinstance(failure, errors.ConnectionFailedError):
        may_pass = failure.may_pass
    elif isinstance(failure, errors.RequestTimeoutError):
        may_pass = failure.limit != "timeout"  # which leaves no time for another attempt
    elif isinstance(failure, errors.ResponseDecodeError):
        may_pass = failure.http_status_code == 200
    else:
        may_pass = isinstance(failure, errors.TransportError)
    return TRANSIENT if may_pass else None


def backoff(retry: int, *, base: float, chance: Callable[[], float]) -> float:
    """Return the seconds to wait before the given *retry*, counted from 0: exponential, with full jitter."""
    return chance() * min(base * 2.0 ** min(retry, 30), _CEILING)  # a much larger power overflows


def heed(retry_after: str | None, pause: float) -> float:
    """Return *pause*, or up to 5 seconds more if *retry_after* is longer: whole milliseconds, else it is ignored."""
    digits = (retry_after or "").strip()
    if not (digits.isascii() and digits.isdigit()):
        return pause
    return max(pause, min(float(digits) / 1000.0, pause + _HEEDED))  # float, for int refuses to read very many digits


class RetryPolicy:
    """
    The retry policy of one client: its limits, and what its calls share.

    Retries take tokens of the *quota*, and successes give them back. While there are too few, calls fail at once: this
    keeps the retries of all calls from making an outage worse. *chance* returns a random number from 0 up to 1.
    """

    FULL_QUOTA: Final = 500

    def __init__(
        self, mode: RetryMode, max_attempts: int, monotonic: Callable[[], float], chance: Callable[[], float] = random
    ) -> None:
        self.max_attempts = 1 if mode == "off" else max_attempts
        self.chance = chance
        self.monotonic = monotonic
        self.limiter = RateLimiter(monotonic()) if mode == "adaptive" else None
        self.quota = self.FULL_QUOTA
        self._lock = ProcessLock()

    def reserve(self) -> float:
        """Return the seconds until the rate limit allows the next request, whose token is taken now."""
        return 0.0 if self.limiter is None else self.limiter.reserve(self.monotonic())

    def unsent(self) -> None:
        """Record that the last request is not sent: others need not wait for it."""
        if self.limiter is not None:
            self.limiter.give_back()

    def succeeded(self, taken: int) -> None:
        """Record that a call has its response. Its last retry had *taken* so many tokens; without one it gives 1."""
        self._record(throttled=False)
        if self.quota < self.FULL_QUOTA:  # mostly it is full, and needs no lock
            with self._lock():
                self.quota = min(self.quota + taken, self.FULL_QUOTA)

    def retry(
        self,
        failure: errors.CodePipelineError,
        attempt: int,
        *,
        retry_after: str | None,
        is_skewed: bool,
        is_idempotent: bool,
        is_poll: bool,
    ) -> tuple[float, int] | None:
        """
        Return the seconds to wait before the next request and the tokens that it took, or None to give up.

        *attempt* is the number of the one that failed, from 1; *retry_after* the response's ``x-amz-retry-after``.
        A failure that *is_skewed*, due to a clock skew that is now corrected, is always retryable. Throttling is left
        to the wait if the call *is_poll* of one: it polls again later anyway.
        """
        kind = classify(failure) or (TRANSIENT if is_skewed else None)
        self._record(throttled=kind is THROTTLING)
        if kind is None or attempt >= self.max_attempts or (kind is THROTTLING and is_poll):
            return None
        if kind is TRANSIENT and not (is_idempotent or isinstance(failure, errors.ServiceError)):
            return None  # a request whose response was lost may have been carried out
        with self._lock():
            if kind.cost > self.quota:
                return None
            self.quota -= kind.cost
        pause = heed(retry_after, backoff(attempt - 1, base=kind.base, chance=self.chance))
        return max(pause, self.reserve()), kind.cost

    def _record(self, *, throttled: bool) -> None:
        if self.limiter is not None:
            self.limiter.record(self.monotonic(), throttled=throttled)
