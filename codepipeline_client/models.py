"""
What the service tells about an execution, as values.

Frozen and complete in themselves: no wire name, no client. An enum of the service is open, since the service
may add to it at any time: a value that is not listed keeps its text and is marked as not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Self

from attrs import field, frozen


class OpenEnum(StrEnum):
    """
    A string enum that accepts any text: what is not listed becomes a value of the same kind, equal to its text.

    To a type checker it looks closed: a ``match`` over its members still needs a ``case _``.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        unlisted = str.__new__(cls, value)
        unlisted._name_ = value
        unlisted._value_ = value
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
    How far an execution has come.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
    """

    CANCELLED = "Cancelled"
    """The pipeline's definition was updated before the execution could be completed."""
    IN_PROGRESS = "InProgress"
    """It is running. An approval can hold it here for seven days."""
    STOPPED = "Stopped"
    """It was stopped by hand."""
    STOPPING = "Stopping"
    """It was asked to stop, and is completing or abandoning its actions."""
    SUCCEEDED = "Succeeded"
    """It went through."""
    SUPERSEDED = "Superseded"
    """A newer execution overtook it while it waited for a stage."""
    FAILED = "Failed"
    """It did not complete."""

    @property
    def is_terminal(self) -> bool:
        """True when the status cannot change any more. False for a status that this release does not list."""
        return self in _TERMINAL

    @property
    def is_successful(self) -> bool:
        """True for Succeeded only: an execution that was stopped or overtaken did not succeed."""
        return self == PipelineExecutionStatus.SUCCEEDED


_TERMINAL = frozenset(
    {
        PipelineExecutionStatus.CANCELLED,
        PipelineExecutionStatus.FAILED,
        PipelineExecutionStatus.STOPPED,
        PipelineExecutionStatus.SUCCEEDED,
        PipelineExecutionStatus.SUPERSEDED,
    }
)


class ExecutionMode(OpenEnum):
    """What a pipeline does when an execution finds another one under way."""

    QUEUED = "QUEUED"
    """It waits, and each goes through in its turn."""
    SUPERSEDED = "SUPERSEDED"
    """A newer one overtakes an older one that waits."""
    PARALLEL = "PARALLEL"
    """They run side by side."""


class ExecutionType(OpenEnum):
    """Whether an execution brings something new, or brings a stage back to what it had."""

    STANDARD = "STANDARD"
    """It brings something new."""
    ROLLBACK = "ROLLBACK"
    """It brings a stage back to an earlier execution."""


class TriggerType(OpenEnum):
    """What can start an execution."""

    CREATE_PIPELINE = "CreatePipeline"
    """The pipeline was made."""
    START_PIPELINE_EXECUTION = "StartPipelineExecution"
    """Somebody, or some program, asked for it."""
    POLL_FOR_SOURCE_CHANGES = "PollForSourceChanges"
    """CodePipeline asked a source, and found a change."""
    WEBHOOK = "Webhook"
    """A source's webhook told of a change."""
    CLOUD_WATCH_EVENT = "CloudWatchEvent"
    """An EventBridge rule matched an event, such as a push to a repository or an upload."""
    PUT_ACTION_REVISION = "PutActionRevision"
    """A custom source action told of a change."""
    WEBHOOK_V2 = "WebhookV2"
    """A connection to a provider told of a change, which a trigger of the pipeline let through."""
    MANUAL_ROLLBACK = "ManualRollback"
    """Somebody asked for a stage to be rolled back."""
    AUTOMATED_ROLLBACK = "AutomatedRollback"
    """A stage failed, and is set to roll back by itself."""


@frozen(kw_only=True)
class ArtifactRevision:
    """
    One source revision that went into an execution.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ArtifactRevision.html
    """

    name: str | None = None
    """The name of the artifact, such as ``SourceArtifact``. None when the service gave none."""
    revision_id: str | None = None
    """The provider's id: a commit hash, an S3 version. None when the provider gave none."""
    revision_change_identifier: str | None = None
    """A commit's date, or an S3 ETag. None when the provider gave none."""
    revision_summary: str | None = None
    """A commit message, or an S3 object's metadata; from some providers a JSON object. None when there is none."""
    created: datetime | None = None
    """When the revision was made: aware, in UTC. None when the provider did not say."""
    revision_url: str | None = None
    """The commit's page. None or empty when the provider has none."""


@frozen(kw_only=True)
class PipelineRollbackMetadata:
    """Where a rollback goes back to."""

    rollback_target_pipeline_execution_id: str | None = None
    """The execution whose result is brought back. None when the service did not say."""


@frozen(kw_only=True)
class ExecutionTrigger:
    """Why an execution started."""

    trigger_type: TriggerType | None = None
    """What kind of event it was. None when the service did not say."""
    trigger_detail: str | None = None
    """Which one: the ARN of a user or a rule, a webhook's name. None when the service did not say."""


@frozen(kw_only=True)
class ResolvedPipelineVariable:
    """A pipeline variable, with the value that this execution has for it."""

    name: str | None = None
    """The variable's name. None when the service gave none."""
    resolved_value: str | None = None
    """Its value in this execution. None when it has none."""


@frozen(kw_only=True)
class PipelineExecution:
    """
    One run of a pipeline, as the service saw it at one moment.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html
    """

    pipeline_name: str
    """The pipeline that ran."""
    pipeline_execution_id: str
    """The execution's id, a UUID in lower case."""
    status: PipelineExecutionStatus
    """How far it has come."""
    pipeline_version: int | None = None
    """Which version of the pipeline's definition ran, from 1. None when the service did not say."""
    status_summary: str | None = None
    """Why the status is as it is, such as the reason given for a stop. None when there is none."""
    artifact_revisions: tuple[ArtifactRevision, ...] = ()
    """The source revisions that went into it. Empty while no source action has run."""
    variables: tuple[ResolvedPipelineVariable, ...] = ()
    """The pipeline's variables. Empty when it has none."""
    trigger: ExecutionTrigger | None = None
    """Why it started. None when the service did not say."""
    execution_mode: ExecutionMode | None = None
    """What it does about other executions. None when the service did not say."""
    execution_type: ExecutionType | None = None
    """Standard or a rollback. None when the service did not say."""
    rollback_metadata: PipelineRollbackMetadata | None = None
    """Where it rolls back to. None unless it is a rollback."""


@frozen(kw_only=True)
class ResponseMetadata:
    """How an answer came: what AWS Support asks for, and how hard it was to get."""

    request_id: str | None
    """The service's id for the request. None when the answer had none."""
    http_status_code: int
    """The answer's HTTP status."""
    http_headers: Mapping[str, str] = field(hash=False, repr=False)
    """The answer's headers, by name in lower case."""
    attempts: int
    """How many requests the call sent, the last one included."""
