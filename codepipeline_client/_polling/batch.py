"""
Decide which of many executions is polled next, and when.

Pure: times are arguments, in seconds since the wait began. Has no clock, sends nothing, never sleeps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from copy import copy
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Final, NamedTuple, TypeAlias

from .._call.rate_limiter import RateLimiter
from ..errors import CodePipelineError, ConfigurationError, CredentialsError, ServiceError
from ..models import PipelineExecution
from ..operations.get_pipeline_execution import GetPipelineExecutionOutput
from ..waiting import FollowedExecution, PipelineExecutionReference, PollConfig, PollReport
from .schedule import PollSchedule

_REFUSED_CREDENTIALS: Final = frozenset(
    {"ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_MAX_POLL_SECONDS: Final = 10.0
"""The timeout of a poll: several times what a slow response takes, and a hung one is soon polled again."""
_BURST: Final = 1.9
"""Tokens of the rate limit: a late poll costs nothing, and no two polls begin together."""
_RECOVERY: Final = 20.0
_RESOLUTION: Final = 1e-6
"""Seconds that do not count: sums of floats fall a little short, and a sleep so short may not move a clock."""

Outcome: TypeAlias = GetPipelineExecutionOutput | CodePipelineError
"""What comes of a poll."""


class Poll(NamedTuple):
    """A poll to make now."""

    schedule: PollSchedule
    """Whose poll it is."""
    started: float
    """When it was handed out."""
    timeout: float
    """How many seconds it may take."""


class BatchScheduler:
    """
    Many executions, each polled by its own schedule as far as the rate limit allows.

    When it allows less, the execution that has been due the longest is next, so that all wait equally long.
    """

    def __init__(
        self,
        references: Iterable[PipelineExecutionReference],
        config: PollConfig,
        *,
        max_calls_per_second: float,
        max_in_flight: int,
        chance: Callable[[], float],
    ) -> None:
        """Begin. A reference that comes twice is followed once. *chance* is as for `PollSchedule`."""
        unique = dict.fromkeys(references)
        margin = max(1.0, len(unique) / max_calls_per_second)  # so that each has a last poll
        self.ended: deque[FollowedExecution] = deque()
        """The executions that are no longer followed, to be taken by the driver."""
        self.in_flight: dict[PollSchedule, Poll] = {}
        """The polls that have not ended."""
        self._remaining = {each: PollSchedule(each, config, margin=margin, chance=chance) for each in unique}
        self._numbers = count()
        self._queue = [(0.0, next(self._numbers), schedule) for schedule in self._remaining.values()]
        self._limiter = RateLimiter(max_rate=max_calls_per_second, burst=_BURST, recovery=_RECOVERY)
        self._max_in_flight = max_in_flight
        self._timeout = inf if config.timeout is None else config.timeout

    def next(self, elapsed: float) -> Poll | float | None:
        """
        Return the poll to make now, or for how many seconds there is none unless a poll ends before.

        None when executions have ended, which are to be taken first, or when none is left. The seconds are infinite
        when only the end of a poll is waited for.
        """
        left = self._timeout - elapsed
        if left <= _RESOLUTION:
            self._end_all(lambda schedule: schedule.timed_out(elapsed))
        if self.ended or not (self._queue or self.in_flight):
            return None
        if not self._queue or len(self.in_flight) >= self._max_in_flight:
            return left
        wait = max(self._queue[0][0] - elapsed, self._limiter.wait(elapsed))
        if wait > _RESOLUTION:
            return min(wait, left)
        _, _, schedule = heappop(self._queue)
        self.in_flight[schedule] = poll = Poll(schedule, elapsed, min(left, _MAX_POLL_SECONDS))
        self._limiter.reserve(elapsed)
        return poll

    def record(self, poll: Poll, outcome: Outcome, elapsed: float) -> PollReport | None:
        """Record a poll that has ended. Return its report, or None when it is no longer in flight."""
        schedule = poll.schedule
        if self.in_flight.get(schedule) is not poll:
            return None
        del self.in_flight[schedule]
        if isinstance(outcome, GetPipelineExecutionOutput):
            requests = outcome.response_metadata.attempts
            result: PipelineExecution | CodePipelineError = outcome.pipeline_execution
        else:
            requests, result = outcome.attempts, outcome
        self._limiter.give_back(1.0 - requests)
        # Polls in flight together are throttled together, and that counts once.
        is_throttled = isinstance(result, ServiceError) and result.is_throttling
        self._limiter.record(elapsed, throttled=is_throttled and poll.started > self._limiter.throttled_at)
        report = schedule.record(result, elapsed)
        if report.pause is not None:
            self._push(schedule, elapsed + report.pause)
            return report
        self._end(schedule, schedule.error)
        if schedule.error is not None and _concerns_all(schedule.error):
            self.fail(schedule.error)
        return report

    def requeue(self) -> None:
        """
        Queue every execution that is neither queued nor ended: after an interrupt or a cancellation, wherever it came.

        Polls in flight do not count. Their executions are due since they were started.
        """
        for end in self.ended:
            self._remaining.pop(end.reference, None)
        if len(self._queue) < len(self._remaining):  # else, as nearly always, there is nothing to look for
            queued = {schedule for _, _, schedule in self._queue}
            for schedule in self._remaining.values():
                if schedule not in queued:
                    poll = self.in_flight.get(schedule)
                    self._push(schedule, 0.0 if poll is None else poll.started)
        self.in_flight.clear()

    def fail(self, error: CodePipelineError) -> None:
        """End all executions that remain, each with its own copy of *error*."""
        self._end_all(lambda _: _unsent(error))

    def clear(self) -> None:
        """Forget all executions."""
        self._remaining.clear()
        self._queue.clear()
        self.in_flight.clear()
        self.ended.clear()

    def _push(self, schedule: PollSchedule, due: float) -> None:
        heappush(self._queue, (due, next(self._numbers), schedule))

    def _end(self, schedule: PollSchedule, error: CodePipelineError | None) -> None:
        if schedule.reference in self._remaining:
            self.ended.append(FollowedExecution(schedule.reference, schedule.execution, error))
            del self._remaining[schedule.reference]

    def _end_all(self, error_of: Callable[[PollSchedule], CodePipelineError]) -> None:
        queued = [schedule for _, _, schedule in sorted(self._queue)]
        for schedule in (*self.in_flight, *queued):
            self._end(schedule, error_of(schedule))
        self.in_flight.clear()
        self._queue.clear()


def _concerns_all(error: CodePipelineError) -> bool:
    """Return whether no other call of this client would succeed."""
    is_refused = isinstance(error, ServiceError) and error.code in _REFUSED_CREDENTIALS
    return is_refused or isinstance(error, ConfigurationError | CredentialsError)


def _unsent(error: CodePipelineError) -> CodePipelineError:
    """Return a copy of *error* for an execution that was not polled: each may be raised, and so needs its own."""
    unsent = copy(error)
    unsent.attempts = 0
    unsent.__cause__ = error.__cause__
    return unsent
