"""
Executions for tests: made from the fields that matter to a test, written as JSON, and scripted to change.

Pure: the time of each poll is an argument.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Never, TypeAlias, TypedDict, TypeVar
from uuid import uuid4

import attrs
from attrs.validators import ge, gt, instance_of, lt, optional

from .. import models
from .._protocol.shapes import write
from ..waiting import PipelineExecutionReference

_CLOCK_ERROR: Final = 1e-5
"""Sums of seconds since the epoch, as floats, are off by less than this."""
EnumT = TypeVar("EnumT", bound=models.OpenEnum)
PartT = TypeVar("PartT", bound=attrs.AttrsInstance)


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

    trigger_type: models.TriggerType | str | None
    trigger_detail: str | None


class PipelineRollbackMetadataFields(TypedDict, total=False):
    """The fields of a `PipelineRollbackMetadata`. One that is left out is None."""

    rollback_target_pipeline_execution_id: str | None


_REVISION: Final = models.ArtifactRevision(
    name="SourceArtifact",
    revision_id="5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
    revision_change_identifier="2026-01-02T03:04:05Z",
    revision_summary="Answer faster",
    created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    revision_url="https://github.com/example/web/commit/5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7",
)
_TRIGGER: Final = models.ExecutionTrigger(
    trigger_type=models.TriggerType.WEBHOOK_V2,
    trigger_detail="arn:aws:codeconnections:us-east-1:111122223333:connection/0f4c2b6a-9d1e-4a35-8c7b-5e6f70819203",
)


def make_pipeline_execution(
    *,
    pipeline_name: str = "web",
    pipeline_execution_id: str = "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31",
    status: models.PipelineExecutionStatus | str = "Succeeded",
    pipeline_version: int | None = 1,
    status_summary: str | None = None,
    artifact_revisions: Iterable[models.ArtifactRevision | ArtifactRevisionFields] = (_REVISION,),
    variables: Iterable[models.ResolvedPipelineVariable | ResolvedPipelineVariableFields] = (),
    trigger: models.ExecutionTrigger | ExecutionTriggerFields | None = _TRIGGER,
    execution_mode: models.ExecutionMode | str | None = "SUPERSEDED",
    execution_type: models.ExecutionType | str | None = "STANDARD",
    rollback_metadata: models.PipelineRollbackMetadata | PipelineRollbackMetadataFields | None = None,
    region_name: str | None = None,
    **unknown: Never,
) -> models.PipelineExecution:
    """
    Return an execution that succeeded, with one source revision, except for the fields that are given.

    Enums can be passed as strings, and nested objects as dicts. Raises TypeError for an unknown field, and ValueError
    for a string that the service does not send today; pass a future status as ``PipelineExecutionStatus("Paused")``.
    """
    _check_fields(models.PipelineExecution, **unknown)
    return models.PipelineExecution(
        pipeline_name=pipeline_name,
        pipeline_execution_id=pipeline_execution_id,
        status=known(models.PipelineExecutionStatus, status),
        pipeline_version=pipeline_version,
        status_summary=status_summary,
        artifact_revisions=tuple(_part(models.ArtifactRevision, each) for each in artifact_revisions),
        variables=tuple(_part(models.ResolvedPipelineVariable, each) for each in variables),
        trigger=None if trigger is None else _trigger(trigger),
        execution_mode=None if execution_mode is None else known(models.ExecutionMode, execution_mode),
        execution_type=None if execution_type is None else known(models.ExecutionType, execution_type),
        rollback_metadata=None
        if rollback_metadata is None
        else _part(models.PipelineRollbackMetadata, rollback_metadata),
        region_name=region_name,
    )


def known(enum: type[EnumT], text: EnumT | str) -> EnumT:
    """Return *text* as a member of *enum*. Raises ValueError for an unlisted one, unless it is of the enum already."""
    member = enum(text)
    if member.is_known or isinstance(text, enum):
        return member
    listed = ", ".join(enum)
    raise ValueError(f"{text!r} is not one of {listed}: pass {member!r} for a value that the service may send later")


def make_action_execution(
    *,
    stage_name: str = "Build",
    action_name: str = "Compile",
    status: models.ActionExecutionStatus | str = "Succeeded",
    error_code: str | None = None,
    error_message: str | None = None,
    url: str | None = None,
    summary: str | None = None,
    log_stream_arn: str | None = None,
    start_time: datetime | None = _REVISION.created,
    last_update_time: datetime | None = _REVISION.created,
) -> models.ActionExecutionDetail:
    """
    Return an action execution that succeeded, except for what is given: *url* and *summary* are its provider's.

    Raises ValueError for a status that the service does not send today, unless it is an `ActionExecutionStatus`.
    """
    error = models.ErrorDetails(code=error_code, message=error_message) if error_code or error_message else None
    result = models.ActionExecutionResult(
        external_execution_summary=summary,
        external_execution_url=url,
        error_details=error,
        log_stream_arn=log_stream_arn,
    )
    return models.ActionExecutionDetail(
        action_execution_id=str(uuid4()),
        pipeline_version=1,
        stage_name=stage_name,
        action_name=action_name,
        status=known(models.ActionExecutionStatus, status),
        start_time=start_time,
        last_update_time=last_update_time,
        output=models.ActionExecutionOutput(execution_result=result),
    )


def check_actions(actions: Iterable[Any]) -> tuple[models.ActionExecutionDetail, ...]:
    """Return *actions*. Raises here, in the test, for what could not be sent later in a thread of the endpoint."""
    checked = tuple(actions)
    for each in checked:
        if not isinstance(each, models.ActionExecutionDetail):
            raise TypeError(f"{each!r} is not an action execution: give what make_action_execution returns")
        json.dumps(write(each))
    return checked


@attrs.frozen
class Shown:
    """A step of `LocalCodePipeline.script_execution` that lasts for a number of *polls* or *seconds*."""

    execution: models.PipelineExecution | str | None
    """What a poll sees: an execution, or its status alone. None while the execution is not found."""
    polls: int | None = attrs.field(default=None, kw_only=True, validator=optional([instance_of(int), ge(1)]))
    """How many polls see it, from 1. None for a step that lasts for seconds."""
    seconds: float | None = attrs.field(default=None, kw_only=True, validator=optional([gt(0.0), lt(1e9)]))
    """How long it lasts by the endpoint's clock, from the moment it begins. None for a step that lasts for polls."""

    def __attrs_post_init__(self) -> None:
        if (self.seconds is None) == (self.polls is None):
            raise ValueError("Shown lasts for either polls or seconds: give one of them")


ScriptStep: TypeAlias = Shown | models.PipelineExecution | str | None
"""A step of a script: what one poll sees, or what is `Shown` for longer."""


class ExecutionScript:
    """The steps of one execution, and which of them is the current one. The last one lasts for ever."""

    def __init__(
        self, steps: Iterable[ScriptStep], name: str | None, execution_id: str | None, *, now: float, **changes: Any
    ) -> None:
        """
        Begin the first step *now*. *changes* are fields of the execution in all steps, and variables are added by name.

        Raises ValueError when *steps* are not about one execution, or cannot be sent.
        """
        if isinstance(steps, str):
            raise ValueError(f"steps must be a sequence of steps: give [{steps!r}] for one step")
        shown = [step if isinstance(step, Shown) else Shown(step, polls=1) for step in steps]
        if not shown:
            raise ValueError("a script needs at least one step")
        executions = [step.execution for step in shown if isinstance(step.execution, models.PipelineExecution)]
        executions = executions or [make_pipeline_execution()]
        self.reference: Final = PipelineExecutionReference(
            _only("pipeline_name", name, {each.pipeline_name for each in executions}),
            _only("pipeline_execution_id", execution_id, {each.pipeline_execution_id for each in executions}),
        )
        changes |= {**attrs.asdict(self.reference), "region_name": None}
        self._steps = [(_resolve(step.execution, changes), step) for step in reversed(shown)]
        self._polls = 0
        self.started: Final[float] = now
        self.began: float = now
        """When the current step began."""

    def poll(self, now: float, *, counts: bool = True) -> models.PipelineExecution | None:
        """Return what a poll sees *now*, in seconds since the epoch: None for not found. Count it if it *counts*."""
        execution, step = self._steps[-1]
        while len(self._steps) > 1 and step.seconds is not None and now + _CLOCK_ERROR >= self.began + step.seconds:
            self._end_step(self.began + step.seconds)
            execution, step = self._steps[-1]
        self._polls += counts
        if counts and len(self._steps) > 1 and self._polls == step.polls:
            self._end_step(now)
        return execution

    def _end_step(self, moment: float) -> None:
        """Begin the next step at the *moment* when this one ended, which may be before the poll that notices it."""
        self._steps.pop()
        self._polls = 0
        self.began = moment


def _only(name: str, given: str | None, found: set[str]) -> str:
    if given is None and len(found) > 1:
        several = " and ".join(map(repr, sorted(found)))
        advice = f"pass {name}, or script each by itself"
        raise ValueError(f"a script is about one execution, not about {name} {several}: {advice}")
    return found.pop() if given is None else given


def _resolve(given: object, changes: Mapping[str, Any]) -> models.PipelineExecution | None:
    if given is None:
        return None
    execution = make_pipeline_execution(status=given) if isinstance(given, str) else given
    if not isinstance(execution, models.PipelineExecution):
        raise TypeError(f"{given!r} is not a step: give an execution, a status, None, or Shown of one of them")
    if "variables" in changes:
        named = {each.name: each for each in (*execution.variables, *changes["variables"])}
        changes = {**changes, "variables": tuple(named.values())}
    changed = attrs.evolve(execution, **changes)
    json.dumps(write(changed))  # raises here, and not later in a thread of the endpoint
    return changed


def _trigger(given: models.ExecutionTrigger | ExecutionTriggerFields) -> models.ExecutionTrigger:
    trigger = _part(models.ExecutionTrigger, given)
    kind = trigger.trigger_type
    return trigger if kind is None else attrs.evolve(trigger, trigger_type=known(models.TriggerType, kind))


def _part(model: type[PartT], given: PartT | Mapping[str, Any]) -> PartT:
    if not isinstance(given, Mapping):
        return given
    _check_fields(model, **given)
    return model(**given)


def _check_fields(model: type[attrs.AttrsInstance], /, **given: object) -> None:
    fields = [field.name for field in attrs.fields(model)]
    if unknown := [name for name in given if name not in fields]:
        raise TypeError(f"{model.__name__} has no field {', '.join(unknown)}: its fields are {', '.join(fields)}")
