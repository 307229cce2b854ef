"""
GetPipelineExecution: its input, its output, and both on the wire.

The only place that knows the members' names on the wire.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
"""

from __future__ import annotations

from string import ascii_letters, digits
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import field, frozen

from .._protocol.strict_json import JsonObject
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
    OpenEnum,
    PipelineExecution,
    PipelineExecutionStatus,
    PipelineRollbackMetadata,
    ResolvedPipelineVariable,
    ResponseMetadata,
    TriggerType,
)

if TYPE_CHECKING:
    from .._protocol.awsjson import Members

ERRORS: Final = (ValidationException, PipelineNotFoundException, PipelineExecutionNotFoundException)
"""What the service documents for this operation, beside the errors common to all."""

# The service's patterns are not compiled, since that takes as long as a call.
_IN_NAME: Final = ascii_letters + digits + ".@-_"
_IN_UUID: Final = "0123456789abcdef-"

EnumT = TypeVar("EnumT", bound=OpenEnum)


@frozen(kw_only=True)
class GetPipelineExecutionInput:
    """Which execution to read."""

    pipeline_name: str
    """The pipeline's name: 1 to 100 characters out of ``A-Z a-z 0-9 . @ - _``."""
    pipeline_execution_id: str
    """The execution's id: a UUID in lower case."""

    def violations(self, strict: bool = True) -> tuple[ParameterViolation, ...]:
        """Return every rule of the operation that the input breaks; unless *strict*, anything that is a string goes."""
        name, execution_id = self.pipeline_name, self.pipeline_execution_id
        broken = (
            ("pipeline_name", _wrong_type(name) or (_wrong_name(name) if strict else None)),
            ("pipeline_execution_id", _wrong_type(execution_id) or (_wrong_id(execution_id) if strict else None)),
        )
        return tuple([ParameterViolation(parameter, rule) for parameter, rule in broken if rule])

    def to_wire(self) -> JsonObject:
        """Return the members that go on the wire."""
        return {"pipelineExecutionId": self.pipeline_execution_id, "pipelineName": self.pipeline_name}


@frozen(kw_only=True)
class GetPipelineExecutionOutput:
    """The response: the execution, how it came, and its decoded JSON."""

    pipeline_execution: PipelineExecution
    """The execution that was requested."""
    response_metadata: ResponseMetadata
    """Request id, HTTP status and headers, attempts."""
    raw: JsonObject = field(hash=False, repr=False)
    """The decoded JSON, for a member that is newer than this release. Read it, do not change it."""

    @classmethod
    def from_wire(
        cls, members: Members, request: GetPipelineExecutionInput, metadata: ResponseMetadata, region_name: str | None
    ) -> GetPipelineExecutionOutput:
        """Read a region's response. Raises ResponseDecodeError when it is not a response to the *request*."""
        execution = members.structure("pipelineExecution")
        if execution is None:
            members.refuse("pipelineExecution", "it is absent")
        return cls(
            pipeline_execution=_execution(execution, request, region_name), response_metadata=metadata, raw=members.raw
        )

    def to_dict(self) -> dict[str, object]:
        """Return the execution and the metadata as `json.dumps` takes them, see `PipelineExecution.to_dict`."""
        return {
            "pipeline_execution": self.pipeline_execution.to_dict(),
            "response_metadata": self.response_metadata.to_dict(),
        }


def _wrong_type(value: object) -> str | None:
    if isinstance(value, str):
        return None
    return "is required" if value is None else f"must be a string, not {type(value).__name__}"


def _wrong_name(name: str) -> str | None:
    if not 1 <= len(name) <= 100:
        return f"must have 1 to 100 characters, not {len(name)}"
    return rf"must match [A-Za-z0-9.@\-_]+, not {name!r}" if name.strip(_IN_NAME) else None


def _wrong_id(execution_id: str) -> str | None:
    if not execution_id.strip(_IN_UUID) and [len(part) for part in execution_id.split("-")] == [8, 4, 4, 4, 12]:
        return None
    pattern = "-".join(f"[0-9a-f]{{{length}}}" for length in (8, 4, 4, 4, 12))
    return f"must be a UUID in lower case, {pattern}, not {_cut(execution_id)!r}"


def _execution(members: Members, request: GetPipelineExecutionInput, region_name: str | None) -> PipelineExecution:
    status = _enum(members, "status", PipelineExecutionStatus)
    if status is None:
        members.refuse("status", "it is absent")
    trigger, rollback = members.structure("trigger"), members.structure("rollbackMetadata")
    return PipelineExecution(
        pipeline_name=_same(members, "pipelineName", request.pipeline_name),
        pipeline_execution_id=_same(members, "pipelineExecutionId", request.pipeline_execution_id),
        status=status,
        pipeline_version=members.integer("pipelineVersion"),
        status_summary=members.string("statusSummary"),
        artifact_revisions=tuple([_revision(each) for each in members.structures("artifactRevisions")]),
        variables=tuple([_variable(each) for each in members.structures("variables")]),
        trigger=None if trigger is None else _trigger(trigger),
        execution_mode=_enum(members, "executionMode", ExecutionMode),
        execution_type=_enum(members, "executionType", ExecutionType),
        rollback_metadata=None if rollback is None else _rollback(rollback),
        region_name=region_name,
    )


def _same(members: Members, name: str, requested: str) -> str:
    """Return what was requested; a response may omit it, but may not be about something else."""
    found = members.string(name)
    if found is not None and found != requested:
        members.refuse(name, f"the response is about {_cut(found)!r}, and {_cut(requested)!r} was requested")
    return requested


def _enum(members: Members, name: str, kind: type[EnumT]) -> EnumT | None:
    text = members.string(name)
    return None if text is None else kind(text)


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
    return ExecutionTrigger(
        trigger_type=_enum(members, "triggerType", TriggerType), trigger_detail=members.string("triggerDetail")
    )


def _rollback(members: Members) -> PipelineRollbackMetadata:
    target = members.string("rollbackTargetPipelineExecutionId")
    return PipelineRollbackMetadata(rollback_target_pipeline_execution_id=target)


def _cut(text: str) -> str:
    return text if len(text) <= 100 else text[:100] + "…"
