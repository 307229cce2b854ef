"""
Decide when one execution is polled next, which failures are overlooked, and when the wait is over.

Pure: has no clock, sends nothing, never sleeps.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final, TypeAlias

from .. import errors
from .._call.retry import PERMANENT_STATUSES, THROTTLING, classify
from ..models import PipelineExecution
from ..operations.get_pipeline_execution import GetPipelineExecutionInput, GetPipelineExecutionOutput
from ..waiting import PipelineExecutionReference, PollConfig, PollReport

_GROWTH: Final = 1.5
_THROTTLED_GROWTH: Final = 2.0
_PASSING: Final = (errors.RequestTimeoutError, errors.RequestAbortedException)
_NOT_FOUND: Final = (errors.PipelineExecutionNotFoundException, errors.PipelineNotFoundException)

PollOutcome: TypeAlias = GetPipelineExecutionOutput | errors.CodePipelineError
"""What a poll returns or raises."""


class PollSchedule:
    """The polls of one execution. Call `record` after each: the wait is over when its report has no pause."""

    def __init__(
        self, reference: PipelineExecutionReference, config: PollConfig, chance: Callable[[], float], margin: float = 1
    ) -> None:
        """Make the last poll *margin* seconds before the end of the time, or a tenth of the time if that is less."""
        self.reference = reference
        self.request = GetPipelineExecutionInput(
            pipeline_name=reference.pipeline_name, pipeline_execution_id=reference.pipeline_execution_id
        )
        self.execution: PipelineExecution | None = None
        """The execution as it was last seen."""
        self.error: errors.CodePipelineError | None = None
        """Why the wait is over. None while it goes on, and after a terminal status."""
        self.due = 0.0
        """When the next poll is due, in seconds since the wait began."""
        self.is_over = False
        """Whether `take` has returned the terminal status or raised the error."""
        self.polls = 0
        self.failures = 0
        """How many polls failed in a way that does not end the wait."""
        self._config = config
        self._chance = chance
        self._timeout = inf if config.timeout is None else config.timeout
        self._margin = min(margin, self._timeout / 10.0)
        self._interval = config.poll_interval
        self._taken: PipelineExecution | None = None
        self._failure: errors.CodePipelineError | None = None
        self._seen_at = 0.0
        self._has_response = False
        self._is_last = False

    def poll_timeout(self, elapsed: float) -> float | None:
        """Return how many seconds a poll that begins now may take, at least those of a last poll. None for no limit."""
        return None if self._timeout == inf else max(self._timeout - elapsed, self._margin)

    def take(self) -> PipelineExecution | None:
        """Return the execution if it has changed since it was last taken. Raises what ended the wait."""
        if self.error is not None:
            self.is_over = True
            raise self.error
        if self.execution is None or self.execution == self._taken:
            return None
        self._taken = self.execution
        self.is_over = self.execution.status.is_terminal
        return self.execution

    def record(self, outcome: PollOutcome, elapsed: float) -> PollReport:
        """Record a poll that ended *elapsed* seconds after the wait began. Return its report."""
        self.polls += 1
        execution = None
        if isinstance(outcome, errors.CodePipelineError):
            self._failure = outcome
            is_over = not self._overlooks(outcome, elapsed)
            self.error = outcome if is_over else None
        else:
            execution = outcome.pipeline_execution
            is_over = execution.status.is_terminal
            self._interval = self._longer(_GROWTH) if execution == self.execution else self._config.poll_interval
            self.execution = execution
            self._failure = None
            self._has_response = True
            self._seen_at = elapsed
        pause = None if is_over else self._pause(elapsed)
        self.due = elapsed + (pause or 0.0)
        return PollReport(
            reference=self.reference,
            number=self.polls,
            seconds=elapsed,
            execution=execution,
            failure=self._failure,
            pause=pause,
        )

    def timed_out(self, elapsed: float) -> errors.WaitTimeoutError:
        """Return the error of a wait whose time is over, *elapsed* seconds after it began."""
        which = f"execution {self.reference.pipeline_execution_id} of pipeline {self.reference.pipeline_name}"
        counts = f"{elapsed:.1f} seconds (polls: {self.polls}, temporary failures: {self.failures})"
        if self.execution is None:
            message = f"{which} was not seen within {counts}. If it exists, it may still be running."
            message += f" The last poll failed: {self._failure}" if self._failure else ""
        else:
            status = f"{self.execution.status:.100}"
            message = f"{which} was still {status} after {counts}: the wait is over, the execution itself continues"
        error = errors.WaitTimeoutError(
            message, execution=self.execution, polls=self.polls, seconds=elapsed, failures=self.failures
        )
        error.__cause__ = self._failure
        return error

    def _pause(self, elapsed: float) -> float | None:
        """Return the seconds until the next poll. None when the time is over."""
        left = self._timeout - self._margin - elapsed
        if left <= 0 or self._is_last:
            self.error = self.timed_out(elapsed)
            return None
        pause = min(self._interval * (0.75 + self._chance() / 2.0), self._config.max_poll_interval)
        self._is_last = pause >= left
        return min(pause, left)

    def _overlooks(self, failure: errors.CodePipelineError, elapsed: float) -> bool:
        """Record a failed poll. Return whether the wait goes on."""
        self._has_response = self._has_response or isinstance(failure, errors.ServiceError | errors.ResponseDecodeError)
        if isinstance(failure, _NOT_FOUND) and elapsed - self._seen_at < self._config.not_found_grace:
            self._interval = self._config.poll_interval
            return True
        if not self._may_pass(failure):
            return False
        self.failures += 1
        self._interval = self._longer(_THROTTLED_GROWTH if classify(failure) is THROTTLING else _GROWTH)
        return True

    def _may_pass(self, failure: errors.CodePipelineError) -> bool:
        """Return whether a later poll may succeed. A wait overlooks more than the retries of a call do."""
        if classify(failure) is not None or isinstance(failure, _PASSING):
            return True
        if isinstance(failure, errors.ServiceError | errors.ResponseDecodeError):
            status = failure.http_status_code
            # Without an error code the response may not be the service's, but the page of a proxy.
            is_untrusted = isinstance(failure, errors.ResponseDecodeError) or failure.code == str(status)
            passes = status >= 500 or status in (408, 425) or (is_untrusted and self.execution is not None)
            return passes and status not in PERMANENT_STATUSES
        # A host that was found once will be found again.
        return isinstance(failure, errors.ConnectionFailedError) and self._has_response

    def _longer(self, factor: float) -> float:
        return min(self._interval * factor, self._config.max_poll_interval)
