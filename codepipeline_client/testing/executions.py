"""
Make executions for tests: say what matters to the test, the rest is sensible and always the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, Never, TypedDict

import attrs

from ..models import (
    ArtifactRevision,
    ExecutionMode,
    ExecutionTrigger,
    ExecutionType,
    PipelineExecution,
    PipelineExecutionStatus,
    PipelineRollbackMetadata,
    ResolvedPipelineVariable,
    TriggerType,
)


class ArtifactRevisionFields(TypedDict, total=False):
    """The fields of an `ArtifactRevision`. One that is left out is None."""

    name: str | None
    revision_id: str | None
    revision_change_identifier: str | None
    revision_summary: str | None
    created: datetime | None
    revision_url: str | None


class ResolvedPipelineVariableFields(TypedDict, total=False):
    """The fields of a `ResolvedPipelineVariable`. One that is left out is None."""

    name: str | None
    resolved_value: str | None


class ExecutionTriggerFields(TypedDict, total=False):
    """The fields of an `ExecutionTrigger`. One that is left out is None."""

    trigger_type: TriggerType | str | None
    trigger_detail: str | None


class PipelineRollbackMetadataFields(TypedDict, total=False):
    """The fields of a `PipelineRollbackMetadata`. One that is left out is None."""

    rollback_target_pipeline_execution_id: str | None


_REVISION: Final = ArtifactRevision(
    name="SourceArtifact",
    revision_id="5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
    revision_change_identifier="2026-01-02T03:04:05Z",
    revision_summary="Answer faster",
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    revision_url="https://github.com/example/web/commit/5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
)
_TRIGGER: Final = ExecutionTrigger(
    trigger_type=TriggerType.WEBHOOK_V2,
    trigger_detail="arn:aws:codeconnections:us-east-1:111122223333:connection/0f4c2b6a-9d1e-4a35-8c7b-5e6f70819203",
)


def make_pipeline_execution(
    *,
    pipeline_name: str = "web",
    pipeline_execution_id: str = "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
    status: PipelineExecutionStatus | str = PipelineExecutionStatus.SUCCEEDED,
    pipeline_version: int | None = 1,
    status_summary: str | None = None,
    artifact_revisions: Iterable[ArtifactRevision | ArtifactRevisionFields] = (_REVISION,),
    variables: Iterable[ResolvedPipelineVariable | ResolvedPipelineVariableFields] = (),
    trigger: ExecutionTrigger | ExecutionTriggerFields | None = _TRIGGER,
    execution_mode: ExecutionMode | str | None = ExecutionMode.SUPERSEDED,
    execution_type: ExecutionType | str | None = ExecutionType.STANDARD,
    rollback_metadata: PipelineRollbackMetadata | PipelineRollbackMetadataFields | None = None,
    region_name: str | None = None,
    **unknown: Never,
) -> PipelineExecution:
    """
    Return an execution that succeeded, with one source revision, but for the fields that are given.

    An enum field takes a plain string too, and a part its fields as a dict. Raises TypeError for a field that there
    is not.
    """
    _refuse_unknown(PipelineExecution, unknown)
    return PipelineExecution(
        pipeline_name=pipeline_name,
        pipeline_execution_id=pipeline_execution_id,
        status=PipelineExecutionStatus(status),
        pipeline_version=pipeline_version,
        status_summary=status_summary,
        artifact_revisions=tuple(_revision(revision) for revision in artifact_revisions),
        variables=tuple(_variable(variable) for variable in variables),
        trigger=None if trigger is None else _trigger(trigger),
        execution_mode=None if execution_mode is None else ExecutionMode(execution_mode),
        execution_type=None if execution_type is None else ExecutionType(execution_type),
        rollback_metadata=None if rollback_metadata is None else _rollback(rollback_metadata),
        region_name=region_name,
    )


def _revision(given: ArtifactRevision | ArtifactRevisionFields) -> ArtifactRevision:
    if isinstance(given, ArtifactRevision):
        return given
    _refuse_unknown(ArtifactRevision, given)
    return ArtifactRevision(**given)


def _variable(given: ResolvedPipelineVariable | ResolvedPipelineVariableFields) -> ResolvedPipelineVariable:
    if isinstance(given, ResolvedPipelineVariable):
        return given
    _refuse_unknown(ResolvedPipelineVariable, given)
    return ResolvedPipelineVariable(**given)


def _trigger(given: ExecutionTrigger | ExecutionTriggerFields) -> ExecutionTrigger:
    if isinstance(given, ExecutionTrigger):
        return given
    _refuse_unknown(ExecutionTrigger, given)
    trigger_type = given.get("trigger_type")
    return ExecutionTrigger(
        trigger_type=None if trigger_type is None else TriggerType(trigger_type),
        trigger_detail=given.get("trigger_detail"),
    )


def _rollback(given: PipelineRollbackMetadata | PipelineRollbackMetadataFields) -> PipelineRollbackMetadata:
    if isinstance(given, PipelineRollbackMetadata):
        return given
    _refuse_unknown(PipelineRollbackMetadata, given)
    return PipelineRollbackMetadata(**given)


def _refuse_unknown(model: type[attrs.AttrsInstance], given: Mapping[str, object]) -> None:
    fields = [field.name for field in attrs.fields(model)]
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise TypeError(f"{model.__name__} has no field {', '.join(unknown)}: its fields are {', '.join(fields)}")
