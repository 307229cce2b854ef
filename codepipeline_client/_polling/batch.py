"""
Decide which of many executions is polled next, and when.

Pure: times are arguments, in seconds since the wait began. Has no clock, sends nothing, never sleeps.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from copy import copy
from math import inf
from operator import attrgetter
from typing import Final, NamedTuple, cast

from .._call.rate_limiter import RateLimiter
from ..errors import CodePipelineError, ConfigurationError, CredentialsError, ServiceError
from ..waiting import ExecutionLike, FollowedExecution, PipelineExecutionReference, PollConfig, PollReport, reference_to
from .schedule import PollOutcome, PollSchedule

_REFUSED_CREDENTIALS: Final = frozenset(
    {"ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_MAX_POLL_SECONDS: Final = 10.0
"""The timeout of a poll: several times what a slow response takes, and a hung one is soon polled again."""
_RESOLUTION: Final = 1e-6
"""Seconds that do not count: sums of floats fall a little short, and a sleep so short may not move a clock."""
_DUE: Final = attrgetter("due")


class Poll(NamedTuple):
    """A poll to make now."""

    schedule: PollSchedule
    started: float
    """When `BatchScheduler.next` returned this poll."""
    timeout: float
    """How many seconds the poll may take."""


class BatchScheduler:
    """Many executions, each with its own schedule. If the rate limit delays polls, the one due the longest is next."""

    def __init__(
        self,
        executions: Iterable[ExecutionLike],
        config: PollConfig,
        max_calls_per_second: float,
        chance: Callable[[], float],
        *,
        max_in_flight: int = 32,
    ) -> None:
        """Begin to follow each of *executions* once. Raises ConfigurationError for an unusable argument."""
        if not isinstance(cast("object", executions), Iterable):
            raise ConfigurationError(f"executions must be an iterable, not {type(executions).__name__}")
        configs: dict[PipelineExecutionReference, PollConfig] = {}
        for each in executions:
            reference, own = reference_to(each), config.for_execution(each)
            configs[reference] = configs.get(reference, own) if own is config else own  # the grace of a start stays
        rate = _checked_rate(max_calls_per_second)
        margin = max(1.0, len(configs) / rate)  # so that each has a last poll
        self.ended: deque[FollowedExecution] = deque()
        """The executions that have ended. The driver takes them."""
        self.in_flight: dict[PollSchedule, Poll] = {}
        """The polls that have not ended."""
        self._remaining = {each: PollSchedule(each, own, chance, margin) for each, own in configs.items()}
        self._queue = list(self._remaining.values())
        self._limiter = RateLimiter(max_rate=rate)
        self._max_in_flight = max_in_flight
        self._timeout = inf if config.timeout is None else config.timeout

    def next(self, elapsed: float) -> Poll | float | None:
        """
        Return the poll to make now, or the seconds until the next one: infinite if that depends on a poll in flight.

        None when executions have ended, which the driver takes first, or when no execution is left.
        """
        left = self._timeout - elapsed
        if left <= _RESOLUTION:
            self._end_all(lambda schedule: schedule.timed_out(elapsed))
        if self.ended or not (self._queue or self.in_flight):
            return None
        if not self._queue or len(self.in_flight) >= self._max_in_flight:
            return left
        wait = max(self._queue[0].due - elapsed, self._limiter.wait(elapsed))
        if wait > _RESOLUTION:
            return min(wait, left)
        schedule = self._queue.pop(0)
        self.in_flight[schedule] = poll = Poll(schedule, elapsed, min(left, _MAX_POLL_SECONDS))
        self._limiter.reserve(elapsed)
        return poll

    def record(self, poll: Poll, outcome: PollOutcome, elapsed: float) -> PollReport | None:
        """Record a poll. Return its report, or None when it was given up: after an interrupt, or a timeout."""
        schedule = poll.schedule
        if self.in_flight.get(schedule) is not poll:
            return None
        del self.in_flight[schedule]
        attempts = outcome.attempts if isinstance(outcome, CodePipelineError) else outcome.response_metadata.attempts
        self._limiter.give_back(1.0 - attempts)
        # Polls in flight together are throttled together, and that counts once.
        is_throttled = isinstance(outcome, ServiceError) and outcome.is_throttling
        self._limiter.record(elapsed, throttled=is_throttled and poll.started > self._limiter.throttled_at)
        report = schedule.record(outcome, elapsed)
        if report.pause is not None:
            insort(self._queue, schedule, key=_DUE)
            return report
        self._end(schedule, schedule.error)
        if isinstance(schedule.error, ConfigurationError | CredentialsError) or (
            isinstance(schedule.error, ServiceError) and schedule.error.code in _REFUSED_CREDENTIALS
        ):
            self.fail(schedule.error)  # no other call of this client would succeed
        return report

    def requeue(self) -> None:
        """After an interrupt or a cancellation, queue all that have not ended. Polls in flight are due as before."""
        for end in self.ended:
            self._remaining.pop(end.reference, None)
        if len(self._queue) != len(self._remaining):
            self._queue = sorted(self._remaining.values(), key=_DUE)
        self.in_flight.clear()

    def fail(self, error: CodePipelineError) -> None:
        """End all executions that remain, each with its own copy of *error*: each may be raised."""

        def unsent(_: PollSchedule) -> CodePipelineError:
            own = copy(error)
            own.attempts, own.__cause__ = 0, error.__cause__
            return own

        self._end_all(unsent)

    def _end(self, schedule: PollSchedule, error: CodePipelineError | None) -> None:
        self.ended.append(FollowedExecution(schedule.reference, schedule.execution, error))
        del self._remaining[schedule.reference]

    def _end_all(self, error_of: Callable[[PollSchedule], CodePipelineError]) -> None:
        for schedule in sorted(self._remaining.values(), key=_DUE):
            self._end(schedule, error_of(schedule))
        self.in_flight.clear()
        self._queue.clear()


def _checked_rate(value: object) -> float:
    if not isinstance(value, int | float) or value is True or not 0.01 <= value <= 1000:
        raise ConfigurationError(f"max_calls_per_second must be a number from 0.01 to 1000, not {value!r}")
    return float(value)
