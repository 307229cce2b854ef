"""Every public value is attrs' own: frozen, slotted, and shown, compared and copied by its fields."""

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
    PipelineExecutionReference,
    PipelineRollbackMetadata,
    PollReport,
    ResolvedPipelineVariable,
    ResponseMetadata,
    TriggerType,
)
from codepipeline_client.testing import make_pipeline_execution

EXECUTION = make_pipeline_execution(region_name="eu-west-1")
REFERENCE = PipelineExecutionReference("web", EXECUTION.pipeline_execution_id)
METADATA = ResponseMetadata(request_id="1", http_status_code=200, http_headers={"date": "hidden"}, attempts=1)
VALUES: tuple[Any, ...] = (
    EXECUTION,
    ArtifactRevision(name="Source"),
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
    Credentials(access_key_id="AKIA", secret_access_key="hidden", session_token="hidden"),
    ParameterViolation("pipeline_name", "is too long"),
    GetPipelineExecutionInput(pipeline_name="web", pipeline_execution_id="7"),
    GetPipelineExecutionOutput(pipeline_execution=EXECUTION, response_metadata=METADATA, raw={"hidden": [1]}),
)
each = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


def fields_of(value: Any) -> tuple[attrs.Attribute[Any], ...]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(value.__class__)
    return fields


@each
def test_what_is_large_or_secret_stays_out_of_the_repr(value: Any) -> None:
    shown = repr(value)
    assert shown.startswith(f"{type(value).__name__}(")
    assert "hidden" not in shown
    assert [field.name for field in fields_of(value) if f"{field.name}=" in shown]


@each
def test_copies_are_equal_and_have_one_hash(value: Any) -> None:
    """Also where a field cannot be hashed, and is left out."""
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert twin == value
        assert hash(twin) == hash(value)
        assert attrs.asdict(twin) == attrs.asdict(value), "what is not compared is copied too"


@each
def test_each_field_is_compared_but_the_region(value: Any) -> None:
    for field in fields_of(value):
        other = attrs.evolve(value, **{str(field.alias): "something else"})
        assert (other == value) is (field.name == "region_name")
        assert value != object()


@each
def test_a_value_is_frozen_and_takes_no_other_attribute(value: Any) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, fields_of(value)[0].name, "other")
    assert not hasattr(value, "__dict__")
