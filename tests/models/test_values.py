"""Every public value is attrs' own: frozen, slotted, and shown, compared and copied by its fields."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

import codepipeline_client as package
from codepipeline_client.testing import make_pipeline_execution

EXECUTION = make_pipeline_execution(region_name="eu-west-1", variables=[{"name": "a"}])
REFERENCE = package.PipelineExecutionReference("web", EXECUTION.pipeline_execution_id)
METADATA = package.ResponseMetadata(request_id="1", http_status_code=200, http_headers={"date": "hidden"}, attempts=1)
VALUES: tuple[Any, ...] = (
    EXECUTION,
    *(EXECUTION.trigger, *EXECUTION.artifact_revisions, *EXECUTION.variables),
    package.PipelineRollbackMetadata(rollback_target_pipeline_execution_id="7"),
    METADATA,
    REFERENCE,
    package.FollowedExecution(REFERENCE, EXECUTION),
    package.PollReport(reference=REFERENCE, number=1, seconds=2.0, execution=EXECUTION, failure=None, pause=None),
    package.AttemptReport(
        operation_name="Get",
        attempt=1,
        host="localhost",
        http_status_code=200,
        error_code=None,
        request_id="1",
        seconds=0.1,
        pause=None,
    ),
    package.Credentials(access_key_id="AKIA", secret_access_key="hidden", session_token="hidden"),
    package.PipelineVariable(name="PASSWORD", value="hidden"),
    package.ParameterViolation("pipeline_name", "is too long"),
    package.GetPipelineExecutionInput(pipeline_name="web", pipeline_execution_id="7"),
    package.GetPipelineExecutionOutput(pipeline_execution=EXECUTION, response_metadata=METADATA, raw={"hidden": [1]}),
)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_frozen_and_shown_compared_and_copied_by_its_fields(value: Any) -> None:
    """What is large or secret stays out of the repr, and the region is not compared."""
    shown = repr(value)
    assert shown.startswith(f"{type(value).__name__}(")
    assert "=" in shown
    assert "hidden" not in shown
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert twin == value
        assert hash(twin) == hash(value)
        assert attrs.asdict(twin) == attrs.asdict(value), "what is not compared is copied too"
    assert not hasattr(value, "__dict__")
    for field in attrs.fields(value.__class__):
        assert (attrs.evolve(value, **{str(field.alias): "other"}) == value) is (field.name == "region_name")
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, "other")
