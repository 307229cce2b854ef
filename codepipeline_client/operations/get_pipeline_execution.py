"""
GetPipelineExecution: what goes in, what comes out, and between them the wire.

The only place that knows the members' names on the wire.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
"""

from __future__ import annotations

from string import ascii_letters, digits
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from ..errors import (
    ParameterViolation,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
    ValidationException,
)
from ..models import (
    ArtifactRevision,
    ExecutionMode,
    ExecutionTrigger,
    ExecutionType,
    PipelineExecution,
    PipelineExecutionStatus,
    PipelineRollbackMetadata,
    ResolvedPipelineVariable,
    ResponseMetadata,
    TriggerType,
)

if TYPE_CHECKING:
    from .._protocol.awsjson import Members
    from .._protocol.strict_json import JsonObject

ERRORS: Final = (ValidationException, PipelineNotFoundException, PipelineExecutionNotFoundException)
"""What the service documents for this operation, beside the errors common to all."""

_NAME: Final = r"[A-Za-z0-9.@\-_]+"
_NAME_LENGTH: Final = 100
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# The same without regular expressions: to compile them takes as long as a call.
_IN_NAME: Final = ascii_letters + digits + ".@-_"
_IN_UUID: Final = "0123456789abcdef-"
_UUID_LENGTHS: Final = [8, 4, 4, 4, 12]

# What a call of the class would find, found faster; what is not there is new to this release.
_STATUSES: Final = {each.value: each for each in PipelineExecutionStatus}
_MODES: Final = {each.value: each for each in ExecutionMode}
_TYPES: Final = {each.value: each for each in ExecutionType}
_TRIGGERS: Final = {each.value: each for each in TriggerType}


@frozen(kw_only=True)
class GetPipelineExecutionInput:
    """Which execution is asked for."""

    pipeline_name: str
    """The pipeline's name: 1 to 100 characters out of ``A-Z a-z 0-9 . @ - _``."""
    pipeline_execution_id: str
    """The execution's id: a UUID in lower case."""

    def violations(self, strict: bool = True) -> tuple[ParameterViolation, ...]:
        """Return every rule of the operation that the input breaks; unless *strict*, anything that is a string goes."""
        name, execution_id = self.pipeline_name, self.pipeline_execution_id
        wrong_name = _wrong_type(name) or (_wrong_name(name) if strict else None)
        wrong_id = _wrong_type(execution_id) or (_wrong_id(execution_id) if strict else None)
        if wrong_name is wrong_id is None:  # as nearly always
            return ()
        broken = (("pipeline_name", wrong_name), ("pipeline_execution_id", wrong_id))
        return tuple([ParameterViolation(parameter, rule) for parameter, rule in broken if rule])

    def to_wire(self) -> JsonObject:
        """Return the members that go on the wire."""
        return {"pipelineExecutionId": self.pipeline_execution_id, "pipelineName": self.pipeline_name}


@frozen(kw_only=True)
class GetPipelineExecutionOutput:
    """The answer: the execution, how the answer came, and the answer itself."""

    pipeline_execution: PipelineExecution
    """The execution that was asked for."""
    response_metadata: ResponseMetadata
    """Request id, HTTP status and headers, attempts."""
    raw: JsonObject = field(hash=False, repr=False)
    """The decoded JSON, for a member that is newer than this release. Read it, do not change it."""

    @classmethod
    def from_wire(
        cls, members: Members, asked: GetPipelineExecutionInput, metadata: ResponseMetadata, region_name: str | None
    ) -> GetPipelineExecutionOutput:
        """Read a region's answer. Raises ResponseDecodeError when it is not an answer to what was *asked*."""
        execution = members.structure("pipelineExecution")
        if execution is None:
            members.refuse("pipelineExecution", "it is absent")
        return cls(
            pipeline_execution=_execution(execution, asked, region_name), response_metadata=metadata, raw=members.raw
        )


def _wrong_type(value: object) -> str | None:
    if isinstance(value, str):
        return None
    return "is required" if value is None else f"must be a string, not {type(value).__name__}"


def _wrong_name(name: str) -> str | None:
    if not 1 <= len(name) <= _NAME_LENGTH:
        return f"must have 1 to {_NAME_LENGTH} characters, not {len(name)}"
    return f"must match {_NAME}, not {name!r}" if name.strip(_IN_NAME) else None


def _wrong_id(execution_id: str) -> str | None:
    if not execution_id.strip(_IN_UUID) and [len(part) for part in execution_id.split("-")] == _UUID_LENGTHS:
        return None
    return f"must be a UUID in lower case, {_UUID}, not {_cut(execution_id)!r}"


def _cut(text: str, length: int = 100) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _execution(members: Members, asked: GetPipelineExecutionInput, region_name: str | None) -> PipelineExecution:
    status = members.string("status")
    if status is None:
        members.refuse("status", "it is absent")
    trigger = members.structure("trigger")
    mode = members.string("executionMode")
    kind = members.string("executionType")
    rollback = members.structure("rollbackMetadata")
    return PipelineExecution(
        pipeline_name=_same(members, "pipelineName", asked.pipeline_name),
        pipeline_execution_id=_same(members, "pipelineExecutionId", asked.pipeline_execution_id),
        status=_STATUSES.get(status) or PipelineExecutionStatus(status),
        pipeline_version=members.integer("pipelineVersion"),
        status_summary=members.string("statusSummary"),
        artifact_revisions=tuple(_revision(each) for each in members.structures("artifactRevisions")),
        variables=tuple(_variable(each) for each in members.structures("variables")),
        trigger=None if trigger is None else _trigger(trigger),
        execution_mode=None if mode is None else _MODES.get(mode) or ExecutionMode(mode),
        execution_type=None if kind is None else _TYPES.get(kind) or ExecutionType(kind),
        rollback_metadata=None if rollback is None else _rollback(rollback),
        region_name=region_name,
    )


def _same(members: Members, name: str, asked: str) -> str:
    """Return what was asked for; an answer may omit it, but may not be about something else."""
    answered = members.string(name)
    if answered is not None and answered != asked:
        members.refuse(name, f"the answer is about {_cut(answered)!r}, and {_cut(asked)!r} was asked for")
    return asked


def _revision(members: Members) -> ArtifactRevision:
    return ArtifactRevision(
        name=members.string("name"),
        revision_id=members.string("revisionId"),
        revision_change_identifier=members.string("revisionChangeIdentifier"),
        revision_summary=members.string("revisionSummary"),
        created=members.timestamp("created"),
        revision_url=members.string("revisionUrl"),
    )


def _variable(members: Members) -> ResolvedPipelineVariable:
    return ResolvedPipelineVariable(name=members.string("name"), resolved_value=members.string("resolvedValue"))


def _trigger(members: Members) -> ExecutionTrigger:
    kind = members.string("triggerType")
    return ExecutionTrigger(
        trigger_type=None if kind is None else _TRIGGERS.get(kind) or TriggerType(kind),
        trigger_detail=members.string("triggerDetail"),
    )


def _rollback(members: Members) -> PipelineRollbackMetadata:
    return PipelineRollbackMetadata(
        rollback_target_pipeline_execution_id=members.string("rollbackTargetPipelineExecutionId")
    )
