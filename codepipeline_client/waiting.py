"""
Following an execution to its end: when to ask again, what may be overlooked, and when it is over.

Decides only, by what a poll brought and how long the wait has been. It has no clock, asks nobody and sleeps never.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from ._config.arguments import interval_of, seconds_of
from ._followed import FollowedExecution, OnPoll, PipelineExecutionReference, PollReport
from ._retry import THROTTLING, classify
from .errors import (
    CodePipelineError,
    ConfigurationError,
    ConnectionFailedError,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
    RequestAbortedException,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    WaitTimeoutError,
)
from .models import PipelineExecution

__all__ = [
    "Follow",
    "FollowedExecution",
    "OnPoll",
    "Pace",
    "PipelineExecutionReference",
    "PollReport",
    "Step",
    "pace",
]

_GROWTH: Final = 1.5
_WIDENING: Final = 2.0
_QUARTER: Final = 0.25
_LEAST: Final = 0.05
_PASSING_STATUSES: Final = frozenset({408, 425})
_NOT_FOUND: Final = (PipelineExecutionNotFoundException, PipelineNotFoundException)


class Pace(NamedTuple):
    """How long to wait for the end, and how often to ask."""

    timeout: float | None
    """Seconds for the whole wait. None for no limit."""
    poll_interval: float
    """Seconds between polls at first, and again after each change."""
    max_poll_interval: float
    """Seconds between polls at most."""
    not_found_grace: float
    """For how many seconds an execution may be unknown to the service, from the start or since it was last seen."""
    sweep: float = 0.0
    """Seconds in which each of many can be asked about once, so that each has its last poll. 0 for one alone."""

    @property
    def margin(self) -> float:
        """How many seconds before the end of the time one begins its last poll, so that its answer can still come."""
        return 0.0 if self.timeout is None else min(max(1.0, self.sweep), self.timeout / 10.0)

    @property
    def least(self) -> float:
        """The shortest pause before another last look, in seconds, and the least time for its answer."""
        return 0.0 if self.timeout is None else min(_LEAST, self.timeout / 50.0)

    @property
    def last_look(self) -> float:
        """When the last poll begins, in seconds since the wait began: infinite without a limit."""
        return inf if self.timeout is None else self.timeout - self.margin


def pace(*, timeout: object, poll_interval: object, max_poll_interval: object, not_found_grace: object) -> Pace:
    """Return the pace of a wait. Raises ConfigurationError for a number that cannot be meant."""
    checked = Pace(
        timeout=seconds_of("timeout", timeout),
        poll_interval=interval_of("poll_interval", poll_interval),
        max_poll_interval=interval_of("max_poll_interval", max_poll_interval),
        not_found_grace=interval_of("not_found_grace", not_found_grace, may_be_zero=True),
    )
    if checked.poll_interval > checked.max_poll_interval:
        raise ConfigurationError(
            f"poll_interval must not be above max_poll_interval, and {poll_interval} is above {max_poll_interval}"
        )
    return checked


class Step(NamedTuple):
    """What follows from a poll."""

    pause: float | None
    """Seconds until the next poll. None when the execution has ended."""


class Follow:
    """One execution's way to its end. Who drives it polls, tells what came of it, pauses, and polls again."""

    __slots__ = (
        "_chance",
        "_failure",
        "_has_answer",
        "_interval",
        "_is_last_look",
        "_looks_again",
        "_pace",
        "_seen_at",
        "execution",
        "failures",
        "polls",
        "reference",
    )

    def __init__(self, reference: PipelineExecutionReference, pace: Pace, *, chance: Callable[[], float]) -> None:
        """
        Begin. The first poll is due at once.

        *chance* returns a number from 0 up to 1 that nobody can foresee.
        """
        self.reference: PipelineExecutionReference = reference
        self.execution: PipelineExecution | None = None
        """The execution as it was last seen."""
        self.polls: int = 0
        """How many polls there were."""
        self.failures: int = 0
        """How many of them failed in a way that may pass."""
        self._pace = pace
        self._chance = chance
        self._interval = pace.poll_interval
        self._seen_at = 0.0
        self._failure: CodePipelineError | None = None
        self._has_answer = False
        self._is_last_look = False
        self._looks_again = False

    def poll_timeout(self, elapsed: float) -> float | None:
        """
        Return how many seconds a poll may take that begins now: what is left of the time. None for no limit.

        A poll that comes too late, since a pause took longer than it should, has the margin of a last look.
        """
        timeout = self._pace.timeout
        if timeout is None:
            return None
        return max(timeout - elapsed, self._pace.least if self._looks_again else self._pace.margin)

    def after(self, outcome: PipelineExecution | CodePipelineError, elapsed: float) -> Step:
        """
        Return what follows from the *outcome* of a poll that was over *elapsed* seconds after the wait began.

        Raises the outcome when it is a failure that cannot pass, and WaitTimeoutError when the time is over: after a
        last look that saw no end, or when a last look has failed and nothing is left for another.
        """
        self.polls += 1
        if isinstance(outcome, PipelineExecution):
            self._saw(outcome, elapsed)
            if outcome.status.is_terminal:
                return Step(None)
        else:
            self._failed(outcome, elapsed)
        left = self._pace.last_look - elapsed
        if left <= 0 or self._is_last_look:
            return self._look_again(outcome, elapsed)
        pause = min(self._interval * (0.75 + self._chance() / 2.0), self._pace.max_poll_interval)
        self._is_last_look = pause >= left
        return Step(min(pause, left))

    def timed_out(self, elapsed: float) -> WaitTimeoutError:
        """Return the error of a wait that ends before the execution does, *elapsed* seconds after it began."""
        which = f"execution {self.reference.pipeline_execution_id} of pipeline {self.reference.pipeline_name}"
        counts = f"{elapsed:.1f} seconds ({self.polls} polls, {self.failures} of them failed)"
        if self.execution is None:
            words = f"{which} was not seen within {counts}: the wait is over, the execution goes on if there is one"
        else:
            status = f"{self.execution.status:.100}"
            words = f"{which} was still {status} after {counts}: the wait is over, the execution itself goes on"
        error = WaitTimeoutError(
            words, execution=self.execution, polls=self.polls, seconds=elapsed, failures=self.failures
        )
        error.__cause__ = self._failure
        return error

    def _look_again(self, outcome: PipelineExecution | CodePipelineError, elapsed: float) -> Step:
        """Return when to look again after a last look that failed: a failure that may pass ends no wait before time."""
        left = (self._pace.timeout or 0.0) - elapsed
        if isinstance(outcome, PipelineExecution) or left < 2.0 * self._pace.least:
            raise self.timed_out(elapsed)
        self._is_last_look = self._looks_again = True
        return Step(max(left * _QUARTER, self._pace.least))

    def _saw(self, execution: PipelineExecution, elapsed: float) -> None:
        is_news = execution != self.execution
        self.execution = execution
        self._failure = None
        self._has_answer = True
        self._seen_at = elapsed
        self._interval = self._pace.poll_interval if is_news else self._longer(_GROWTH)

    def _failed(self, failure: CodePipelineError, elapsed: float) -> None:
        self._failure = failure
        self._has_answer = self._has_answer or isinstance(failure, ServiceError | ResponseDecodeError)
        kind = classify(failure)
        if isinstance(failure, _NOT_FOUND) and elapsed - self._seen_at < self._pace.not_found_grace:
            self._interval = self._pace.poll_interval
        elif kind is not None or self._will_pass(failure):
            self.failures += 1
            self._interval = self._longer(_WIDENING if kind is THROTTLING else _GROWTH)
        else:
            raise failure

    def _will_pass(self, failure: CodePipelineError) -> bool:
        """Return whether a failure that ends a call may pass in a wait: a name that was found once will be again."""
        if isinstance(failure, RequestTimeoutError | RequestAbortedException):
            return True
        if isinstance(failure, ServiceError | ResponseDecodeError):
            return failure.http_status_code >= 500 or failure.http_status_code in _PASSING_STATUSES
        return isinstance(failure, ConnectionFailedError) and self._has_answer

    def _longer(self, factor: float) -> float:
        return min(self._interval * factor, self._pace.max_poll_interval)
