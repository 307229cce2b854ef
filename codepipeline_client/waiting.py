"""The values of a wait: which executions, how often to poll, and the results. `_polling` has the rules."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeAlias, cast

from attrs import evolve, field, frozen

from ._config.arguments import NOT_GIVEN, Timeout, interval_of, seconds_of
from .errors import CodePipelineError, ConfigurationError
from .models import PipelineExecution, PipelineExecutionSummary
from .operations.get_pipeline_execution import GetPipelineExecutionOutput
from .operations.start_pipeline_execution import StartPipelineExecutionOutput

__all__ = ["ExecutionLike", "FollowedExecution", "OnPoll", "PipelineExecutionReference", "PollConfig", "PollReport"]


@frozen
class PipelineExecutionReference:
    """The name and the id that identify an execution."""

    pipeline_name: str
    """The pipeline's name."""
    pipeline_execution_id: str
    """The execution's id, a UUID in lower case."""


_Named: TypeAlias = (
    PipelineExecutionReference | PipelineExecution | PipelineExecutionSummary | StartPipelineExecutionOutput
)
ExecutionLike: TypeAlias = _Named | GetPipelineExecutionOutput | tuple[str, str]
"""What identifies an execution. A tuple is the pipeline's name and the execution's id."""

STARTED_GRACE: Final = 30.0
"""Seconds in which an execution that was just started may not be found."""


def reference_to(
    execution: object, pipeline_name: str | None = None, pipeline_execution_id: str | None = None
) -> PipelineExecutionReference:
    """Return a reference to an execution, or to that of the names. Raises ConfigurationError for unusable arguments."""
    kind = type(execution).__name__
    if execution is NOT_GIVEN:  # a name that is None is refused as a parameter
        return PipelineExecutionReference(cast("str", pipeline_name), cast("str", pipeline_execution_id))
    if (pipeline_name, pipeline_execution_id) != (None, None):
        raise ConfigurationError("give either an execution, or pipeline_name and pipeline_execution_id")
    if isinstance(execution, GetPipelineExecutionOutput):
        execution = execution.pipeline_execution
    if isinstance(execution, _Named):
        return PipelineExecutionReference(execution.pipeline_name, execution.pipeline_execution_id)
    parts: list[object] = [*cast("list[object]", execution)] if isinstance(execution, tuple | list) else []
    if len(parts) == 2 and all(isinstance(each, Hashable) for each in parts):  # each is checked as a parameter
        return PipelineExecutionReference(*cast("list[str]", parts))
    if execution is None:
        raise ConfigurationError("the execution is None, which latest_pipeline_execution returns for a new pipeline")
    raise ConfigurationError(
        "an execution must be what a start or get_pipeline_execution returned, an element of a list, a reference, or a "
        f"tuple of a pipeline's name and an execution's id, not {repr(parts)[:100] if parts else kind}"
    )


def _limit(timeout: Timeout) -> float | None:
    return seconds_of("timeout", timeout)


@frozen
class PollConfig:
    """How long to wait, and how often to poll. Raises ConfigurationError for values out of range."""

    timeout: float | None = field(converter=_limit)
    """Seconds for the whole wait, or a timedelta. None for no limit."""
    poll_interval: float
    """Seconds between the first polls, and after each change."""
    max_poll_interval: float
    """The longest interval between polls, in seconds."""
    not_found_grace: float
    """Seconds during which "not found" is ignored, from the start or since the execution was last seen."""

    def __attrs_post_init__(self) -> None:
        interval_of("poll_interval", self.poll_interval)
        interval_of("max_poll_interval", self.max_poll_interval)
        interval_of("not_found_grace", self.not_found_grace, may_be_zero=True)
        if self.poll_interval > self.max_poll_interval:
            raise ConfigurationError(
                f"poll_interval ({self.poll_interval}) must not be above max_poll_interval ({self.max_poll_interval})"
            )

    def for_execution(self, execution: object) -> PollConfig:
        """Return the configuration for an *execution*: for one that was just started, with a grace of 30 seconds."""
        if isinstance(execution, StartPipelineExecutionOutput):
            return evolve(self, not_found_grace=max(self.not_found_grace, STARTED_GRACE))
        return self


@frozen
class FollowedExecution:
    """How the wait for one of many executions ended: with a terminal status, or with an error."""

    reference: PipelineExecutionReference
    """Which execution it is."""
    execution: PipelineExecution | None = None
    """The execution as last seen. None if it was never seen."""
    error: CodePipelineError | None = None
    """Why it is no longer followed. None if its status is terminal, successful or not."""

    def result(self) -> PipelineExecution:
        """Return the execution, which has a terminal status, or raise the error."""
        if self.error is not None:
            raise self.error
        return cast("PipelineExecution", self.execution)  # only None beside an error


@frozen(kw_only=True)
class PollReport:
    """The result of one poll of a wait. `on_poll` is called with one after each poll."""

    reference: PipelineExecutionReference
    """Which execution was polled."""
    number: int
    """The number of this poll of the execution, from 1."""
    seconds: float
    """Seconds from the start of the wait to the end of this poll."""
    execution: PipelineExecution | None
    """The execution as this poll saw it. None when the poll failed."""
    failure: CodePipelineError | None
    """The error of the poll. None when it succeeded."""
    pause: float | None
    """Seconds until the next poll. None when this poll was the last."""


OnPoll: TypeAlias = Callable[[PollReport], object]
"""A function that is called after each poll, in the thread or the task that waits. It must not block."""
