"""
The enums of the service.

They are open, since the service may add values at any time: a value that is not listed keeps its text, and its
`is_known` is False.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """
    A string enum that accepts any string: a value that is not listed is of the same class, and equals its text.

    To a type checker it looks closed: a ``match`` over its members still needs a ``case _``.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unlisted = str.__new__(cls, value)
        unlisted._name_ = unlisted._value_ = value
        return unlisted

    @property
    def is_known(self) -> bool:
        """False for a value that this release does not list."""
        return self._value_ in type(self)._value2member_map_

    def __repr__(self) -> str:
        """Return the member's name, or for an unlisted value the call that makes it."""
        return f"{type(self).__name__}.{self._name_}" if self.is_known else f"{type(self).__name__}({self._value_!r})"


class PipelineExecutionStatus(OpenEnum):
    """
    The status of an execution.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
    """

    CANCELLED = "Cancelled"
    """The pipeline's definition was updated before the execution could be completed."""
    IN_PROGRESS = "InProgress"
    """It is running. An approval can hold it here for seven days."""
    STOPPED = "Stopped"
    """Someone stopped it."""
    STOPPING = "Stopping"
    """A stop was requested: it is completing or abandoning its actions."""
    SUCCEEDED = "Succeeded"
    """It completed."""
    SUPERSEDED = "Superseded"
    """A newer execution superseded it while it waited for a stage."""
    FAILED = "Failed"
    """It did not complete."""

    @property
    def is_terminal(self) -> bool:
        """True if the execution has finished; a retry in AWS can resume it. False for an unlisted status."""
        return self.is_known and self not in (PipelineExecutionStatus.IN_PROGRESS, PipelineExecutionStatus.STOPPING)

    @property
    def is_successful(self) -> bool:
        """True for Succeeded only: an execution that was stopped or superseded did not succeed."""
        return self == PipelineExecutionStatus.SUCCEEDED


class ExecutionMode(OpenEnum):
    """What a pipeline does when an execution starts while another one is in progress."""

    QUEUED = "QUEUED"
    """Executions wait and run one after the other."""
    SUPERSEDED = "SUPERSEDED"
    """A newer execution supersedes an older one that waits for a stage."""
    PARALLEL = "PARALLEL"
    """Executions run at the same time."""


class ExecutionType(OpenEnum):
    """Whether an execution is a normal run or a rollback."""

    STANDARD = "STANDARD"
    """A normal run."""
    ROLLBACK = "ROLLBACK"
    """It rolls a stage back to an earlier execution."""


class TriggerType(OpenEnum):
    """What started an execution."""

    CREATE_PIPELINE = "CreatePipeline"
    """The pipeline was created."""
    START_PIPELINE_EXECUTION = "StartPipelineExecution"
    """A user or a program called StartPipelineExecution."""
    POLL_FOR_SOURCE_CHANGES = "PollForSourceChanges"
    """CodePipeline polled a source and found a change."""
    WEBHOOK = "Webhook"
    """A source's webhook reported a change."""
    CLOUD_WATCH_EVENT = "CloudWatchEvent"
    """An EventBridge rule matched an event, such as a push to a repository or an upload."""
    PUT_ACTION_REVISION = "PutActionRevision"
    """A custom source action reported a change."""
    WEBHOOK_V2 = "WebhookV2"
    """A connection to a provider reported a change that matched a trigger of the pipeline."""
    MANUAL_ROLLBACK = "ManualRollback"
    """A user rolled back a stage."""
    AUTOMATED_ROLLBACK = "AutomatedRollback"
    """A stage failed and is configured to roll back automatically."""
