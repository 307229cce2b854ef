"""Values: they compare, hash and show themselves as attrs would have them do, had it written the methods itself."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from codepipeline_client import (
    ArtifactRevision,
    AttemptReport,
    Credentials,
    ExecutionTrigger,
    FollowedExecution,
    GetPipelineExecutionInput,
    GetPipelineExecutionOutput,
    ParameterViolation,
    PipelineExecution,
    PipelineExecutionReference,
    PipelineRollbackMetadata,
    PollReport,
    ResolvedPipelineVariable,
    ResponseMetadata,
    TriggerType,
)
from codepipeline_client._values import Value
from codepipeline_client.testing import make_pipeline_execution

EXECUTION = make_pipeline_execution(region_name="eu-west-1")
REFERENCE = PipelineExecutionReference("web", EXECUTION.pipeline_execution_id)
METADATA = ResponseMetadata(request_id="1", http_status_code=200, http_headers={"date": "today"}, attempts=1)
VALUES: tuple[Any, ...] = (
    EXECUTION,
    *EXECUTION.artifact_revisions[:1],
    *EXECUTION.variables[:1],
    ResolvedPipelineVariable(name="a", resolved_value="b"),
    PipelineRollbackMetadata(rollback_target_pipeline_execution_id="7"),
    ExecutionTrigger(trigger_type=TriggerType("Webhook"), trigger_detail=None),
    METADATA,
    REFERENCE,
    FollowedExecution(REFERENCE, EXECUTION),
    PollReport(reference=REFERENCE, number=1, seconds=2.0, execution=EXECUTION, failure=None, pause=None),
    AttemptReport(
        operation_name="Get",
        attempt=1,
        host="localhost",
        http_status_code=200,
        error_code=None,
        request_id="1",
        seconds=0.1,
        pause=None,
    ),
    Credentials(access_key_id="AKIA", secret_access_key="secret", session_token="token"),
    ParameterViolation("pipeline_name", "is too long"),
    GetPipelineExecutionInput(pipeline_name="web", pipeline_execution_id="7"),
    GetPipelineExecutionOutput(pipeline_execution=EXECUTION, response_metadata=METADATA, raw={"a": [1]}),
)
each = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


def fields_of(value: Any) -> tuple[attrs.Attribute[Any], ...]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(value.__class__)
    return fields


def twin(value: Any) -> Any:
    """Return a value of a class with the same fields, whose methods attrs has written."""
    kind = value.__class__
    made = attrs.make_class(
        kind.__name__,
        {
            field.name: attrs.field(eq=field.eq, hash=field.hash, repr=field.repr, alias=field.alias)
            for field in fields_of(value)
        },
        frozen=True,
    )
    made.__qualname__ = kind.__qualname__
    return made(*[getattr(value, field.name) for field in fields_of(value)])


def changes(value: Any) -> list[Any]:
    """Return copies of *value* in each of which another field is other."""
    return [attrs.evolve(value, **{str(field.alias): "something else"}) for field in fields_of(value)]


@each
def test_a_value_shows_itself_as_attrs_would_show_it(value: Any) -> None:
    assert isinstance(value, Value)
    assert repr(value) == repr(twin(value))


@each
def test_what_is_equal_is_what_attrs_would_call_equal(value: Any) -> None:
    """A field that says so is left out of it."""
    same = pickle.loads(pickle.dumps(value))
    assert same == value == copy.copy(value) == copy.deepcopy(value)
    assert (same != value) is False
    for other, others_twin in zip(changes(value), map(twin, changes(value)), strict=True):
        made = type(others_twin)(*[getattr(value, field.name) for field in fields_of(value)])
        assert (other == value) == (made == others_twin)
        assert other.__eq__(object()) is NotImplemented


@each
def test_what_is_equal_has_one_hash(value: Any) -> None:
    """Also where a field cannot be hashed, and is left out."""
    assert hash(value) == hash(copy.deepcopy(value))
    assert len({value, copy.copy(value), twin(value)}) == 2
    hashed = [field for field in fields_of(value) if (field.eq if field.hash is None else field.hash)]
    others = [other for other, field in zip(changes(value), fields_of(value), strict=True) if field in hashed]
    assert all(hash(other) != hash(value) for other in others)


def test_values_of_different_classes_are_not_equal() -> None:
    """Whatever is in them; nor is one of a class that somebody derived."""

    @attrs.frozen(eq=False, repr=False)
    class Derived(PipelineRollbackMetadata):
        pass

    one = PipelineRollbackMetadata(rollback_target_pipeline_execution_id="7")
    other = Derived(rollback_target_pipeline_execution_id="7")
    assert one != other
    assert other != one
    assert one != "7"
    assert repr(other) == "Derived(rollback_target_pipeline_execution_id='7')"


def test_a_value_that_holds_itself_is_shown_all_the_same() -> None:
    raw: dict[str, Any] = {}
    violation = ParameterViolation("it", raw)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    raw["itself"] = violation
    assert "ParameterViolation(parameter='it'" in repr(violation)
    assert "..." in repr(violation)


def test_every_public_value_is_here() -> None:
    kinds: set[Any] = {type(value) for value in VALUES}
    assert kinds == {
        *(PipelineExecution, ArtifactRevision, ResolvedPipelineVariable, ExecutionTrigger, PipelineRollbackMetadata),
        *(ResponseMetadata, GetPipelineExecutionInput, GetPipelineExecutionOutput, Credentials, AttemptReport),
        *(PollReport, FollowedExecution, PipelineExecutionReference, ParameterViolation),
    }
    assert set(Value.__subclasses__()) >= kinds
