"""
Decide when one execution is polled next, which failures are overlooked, and when the wait is over.

Pure: has no clock, sends nothing, never sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from .._call.retry import PERMANENT_STATUSES, THROTTLING, classify
from ..errors import (
    CodePipelineError,
    ConnectionFailedError,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
    RequestAbortedException,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    WaitTimeoutError,
)
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference, PollConfig, PollReport

_GROWTH: Final = 1.5
_THROTTLED_GROWTH: Final = 2.0
_MARGIN: Final = 1.0
"""Seconds before the end of the time in which the last poll is made."""
_PASSING_STATUSES: Final = frozenset({408, 425})
_NOT_FOUND: Final = (PipelineExecutionNotFoundException, PipelineNotFoundException)


class PollSchedule:
    """
    The polls of one execution, from the first to the last.

    Call `record` after each poll. The wait is over when its report has no pause; `error` is what it failed with.
    """

    __slots__ = (
        "_chance",
        "_config",
        "_failure",
        "_has_response",
        "_interval",
        "_is_last",
        "_margin",
        "_seen_at",
        "error",
        "execution",
        "failures",
        "polls",
        "reference",
    )

    def __init__(
        self,
        reference: PipelineExecutionReference,
        config: PollConfig,
        *,
        chance: Callable[[], float],
        margin: float = _MARGIN,
    ) -> None:
        """
        Begin. The first poll is due at once.

        The last poll is made *margin* seconds before the end of the time, or a tenth of the time if that is less, so
        that its response still counts. *chance* returns a random number from 0 up to 1.
        """
        self.reference: PipelineExecutionReference = reference
        self.execution: PipelineExecution | None = None
        """The execution as it was last seen."""
        self.error: CodePipelineError | None = None
        """Why the wait is over. None while it goes on, and after a terminal status."""
        self.polls: int = 0
        """How many polls there were."""
        self.failures: int = 0
        """How many of them failed in a way that may pass."""
        self._config = config
        self._margin = 0.0 if config.timeout is None else min(margin, config.timeout / 10.0)
        self._chance = chance
        self._interval = config.poll_interval
        self._seen_at = 0.0
        self._failure: CodePipelineError | None = None
        self._has_response = False
        self._is_last = False

    def poll_timeout(self, elapsed: float) -> float | None:
        """
        Return how many seconds a poll may take that begins now: what is left of the time. None for no limit.

        A poll that begins too late, since the pause before it took too long, has the margin of a last poll.
        """
        timeout = self._config.timeout
        return None if timeout is None else max(timeout - elapsed, self._margin)

    def record(self, outcome: PipelineExecution | CodePipelineError, elapsed: float) -> PollReport:
        """Record a poll that ended *elapsed* seconds after the wait began. Return its report."""
        self.polls += 1
        if isinstance(outcome, PipelineExecution):
            self._record_success(outcome, elapsed)
            is_over = outcome.status.is_terminal
        else:
            self.error = self._record_failure(outcome, elapsed)
            is_over = self.error is not None
        return PollReport(
            reference=self.reference,
            number=self.polls,
            seconds=elapsed,
            execution=outcome if isinstance(outcome, PipelineExecution) else None,
            failure=outcome if isinstance(outcome, CodePipelineError) else None,
            pause=None if is_over else self._pause(elapsed),
        )

    def timed_out(self, elapsed: float) -> WaitTimeoutError:
        """Return the error of a wait whose time is over, *elapsed* seconds after it began."""
        which = f"execution {self.reference.pipeline_execution_id} of pipeline {self.reference.pipeline_name}"
        counts = f"{elapsed:.1f} seconds ({self.polls} polls, {self.failures} of them failed)"
        if self.execution is None:
            message = f"{which} was not seen within {counts}: the wait is over, the execution goes on if there is one"
            message += f"; the last poll failed: {self._failure}" if self._failure else ""
        else:
            status = f"{self.execution.status:.100}"
            message = f"{which} was still {status} after {counts}: the wait is over, the execution itself goes on"
        error = WaitTimeoutError(
            message, execution=self.execution, polls=self.polls, seconds=elapsed, failures=self.failures
        )
        error.__cause__ = self._failure
        return error

    def _pause(self, elapsed: float) -> float | None:
        """Return the seconds until the next poll. None when the time is over."""
        timeout = self._config.timeout
        left = inf if timeout is None else timeout - self._margin - elapsed
        if left <= 0 or self._is_last:
            self.error = self.timed_out(elapsed)
            return None
        pause = min(self._interval * (0.75 + self._chance() / 2.0), self._config.max_poll_interval)
        self._is_last = pause >= left
        return min(pause, left)

    def _record_success(self, execution: PipelineExecution, elapsed: float) -> None:
        has_changed = execution != self.execution
        self.execution = execution
        self._failure = None
        self._has_response = True
        self._seen_at = elapsed
        self._interval = self._config.poll_interval if has_changed else self._longer(_GROWTH)

    def _record_failure(self, failure: CodePipelineError, elapsed: float) -> CodePipelineError | None:
        """Return the failure if it ends the wait."""
        self._failure = failure
        self._has_response = self._has_response or isinstance(failure, ServiceError | ResponseDecodeError)
        if isinstance(failure, _NOT_FOUND) and elapsed - self._seen_at < self._config.not_found_grace:
            self._interval = self._config.poll_interval
            return None
        if not self._may_pass(failure):
            return failure
        self.failures += 1
        self._interval = self._longer(_THROTTLED_GROWTH if classify(failure) is THROTTLING else _GROWTH)
        return None

    def _may_pass(self, failure: CodePipelineError) -> bool:
        """Return whether a later poll may succeed. A wait overlooks more than the retries of a call do."""
        if classify(failure) is not None or isinstance(failure, RequestTimeoutError | RequestAbortedException):
            return True
        if isinstance(failure, ServiceError | ResponseDecodeError):
            status = failure.http_status_code
            if status in PERMANENT_STATUSES:
                return False
            return (
                status >= 500 or status in _PASSING_STATUSES or (self.execution is not None and _is_untrusted(failure))
            )
        return isinstance(failure, ConnectionFailedError) and self._has_response  # a host that was found will be again

    def _longer(self, factor: float) -> float:
        return min(self._interval * factor, self._config.max_poll_interval)


def _is_untrusted(failure: ServiceError | ResponseDecodeError) -> bool:
    """Return whether the response may not be the service's: it has no error code, as the page of a proxy."""
    return isinstance(failure, ResponseDecodeError) or failure.code == str(failure.http_status_code)
