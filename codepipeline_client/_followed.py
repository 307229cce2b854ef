"""
What is followed, and what those who follow are told, as values.

How an execution is followed is in `waiting`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

from attrs import frozen

from .errors import CodePipelineError
from .models import PipelineExecution


@frozen
class PipelineExecutionReference:
    """Which execution is meant."""

    pipeline_name: str
    """The pipeline's name."""
    pipeline_execution_id: str
    """The execution's id, a UUID in lower case."""


@frozen
class FollowedExecution:
    """One of many executions that were followed, at the end of its way: it has ended, or there is an error."""

    reference: PipelineExecutionReference
    """Which execution it is."""
    execution: PipelineExecution | None = None
    """The execution as it was last seen. None when it never was."""
    error: CodePipelineError | None = None
    """Why it is not followed any further. None when the execution has ended, however that was."""

    def result(self) -> PipelineExecution:
        """Return the execution, which has ended, well or not; or raise the error."""
        if self.error is not None:
            raise self.error
        return cast("PipelineExecution", self.execution)  # without an error it was seen to end


@frozen(kw_only=True)
class PollReport:
    """How one poll of a wait went. `on_poll` is called with one after each."""

    reference: PipelineExecutionReference
    """Which execution was asked about."""
    number: int
    """Which poll of this execution it was, from 1."""
    seconds: float
    """How long the wait had been when the poll was over."""
    execution: PipelineExecution | None
    """The execution as this poll saw it. None when the poll failed."""
    failure: CodePipelineError | None
    """What the poll failed with. None when it went well."""
    pause: float | None
    """How long it is until the next poll, in seconds. None when this poll was the last."""


OnPoll: TypeAlias = Callable[[PollReport], object]
"""A function that is told of each poll. It is called in the thread or the task that waits, and must not block."""
