"""
Write a `PipelineExecution` as the service does.

The other direction, from the wire, is the operation's.
"""

from __future__ import annotations

from ..models import (
    ArtifactRevision,
    ExecutionTrigger,
    PipelineExecution,
    PipelineRollbackMetadata,
    ResolvedPipelineVariable,
)


def to_wire(execution: PipelineExecution) -> dict[str, object]:
    """
    Return *execution* as the JSON object that the service sends. What is None, and a list that is empty, is left out.

    Raises ValueError when a revision was created at a naive time, which names no instant.
    """
    return _present(
        pipelineName=execution.pipeline_name,
        pipelineExecutionId=execution.pipeline_execution_id,
        pipelineVersion=execution.pipeline_version,
        status=execution.status.value,
        statusSummary=execution.status_summary,
        artifactRevisions=[_revision(revision) for revision in execution.artifact_revisions] or None,
        variables=[_variable(variable) for variable in execution.variables] or None,
        trigger=_trigger(execution.trigger) if execution.trigger else None,
        executionMode=execution.execution_mode and execution.execution_mode.value,
        executionType=execution.execution_type and execution.execution_type.value,
        rollbackMetadata=_rollback(execution.rollback_metadata) if execution.rollback_metadata else None,
    )


def _revision(revision: ArtifactRevision) -> dict[str, object]:
    created = revision.created
    if created is not None and created.utcoffset() is None:
        raise ValueError(f"created {created.isoformat()} has no time zone: give an aware datetime, in UTC")
    return _present(
        name=revision.name,
        revisionId=revision.revision_id,
        revisionChangeIdentifier=revision.revision_change_identifier,
        revisionSummary=revision.revision_summary,
        created=created and created.timestamp(),
        revisionUrl=revision.revision_url,
    )


def _variable(variable: ResolvedPipelineVariable) -> dict[str, object]:
    return _present(name=variable.name, resolvedValue=variable.resolved_value)


def _trigger(trigger: ExecutionTrigger) -> dict[str, object]:
    return _present(
        triggerType=trigger.trigger_type and trigger.trigger_type.value, triggerDetail=trigger.trigger_detail
    )


def _rollback(metadata: PipelineRollbackMetadata) -> dict[str, object]:
    return _present(rollbackTargetPipelineExecutionId=metadata.rollback_target_pipeline_execution_id)


def _present(**members: object) -> dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
