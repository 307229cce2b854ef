"""
An execution for a test: the fields that matter are given, the others are sensible and always the same.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, get_type_hints

import attrs
import pytest

from codepipeline_client import models, testing
from codepipeline_client.testing import make_pipeline_execution

MAKE: Final[Callable[..., models.PipelineExecution]] = make_pipeline_execution
"""The same, for what a type checker would not let pass."""
FAILED: Final = models.PipelineExecutionStatus.FAILED
PAUSED: Final = models.PipelineExecutionStatus("Paused")
TRIGGER: Final = models.ExecutionTrigger(trigger_type=models.TriggerType.WEBHOOK, trigger_detail="hook")
ROLLBACK: Final = models.PipelineRollbackMetadata(rollback_target_pipeline_execution_id="x")
NO_STATUS: Final = (
    "'Sucess' is not one of Cancelled, InProgress, Stopped, Stopping, Succeeded, Superseded, Failed: "
    "pass PipelineExecutionStatus('Sucess') for a value that the service may send later"
)
CREATED: Final = datetime(2026, 5, 4, tzinfo=UTC)


def test_an_execution_made_of_nothing_succeeded() -> None:
    execution = make_pipeline_execution()
    assert execution.status is models.PipelineExecutionStatus.SUCCEEDED
    assert re.fullmatch(r"[A-Za-z0-9.@\-_]{1,100}", execution.pipeline_name)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", execution.pipeline_execution_id)
    (revision,) = execution.artifact_revisions
    assert revision.name == "SourceArtifact"
    assert re.fullmatch(r"[0-9a-f]{40}", revision.revision_id or "")
    assert execution.trigger is not None
    assert execution.trigger.trigger_type is models.TriggerType.WEBHOOK_V2


@pytest.mark.parametrize(
    ("field", "given", "made"),
    [
        pytest.param("status", "Stopping", models.PipelineExecutionStatus.STOPPING, id="status-as-text"),
        pytest.param("status", FAILED, FAILED, id="status"),
        pytest.param("status", PAUSED, PAUSED, id="status-of-the-future"),
        pytest.param("artifact_revisions", (), (), id="no-revisions"),
        pytest.param(
            "artifact_revisions",
            [models.ArtifactRevision(name="A"), {"name": "B", "created": CREATED}],
            (models.ArtifactRevision(name="A"), models.ArtifactRevision(name="B", created=CREATED)),
            id="revisions-of-both-kinds",
        ),
        pytest.param(
            "variables",
            iter([{"name": "A", "resolved_value": "1"}, models.ResolvedPipelineVariable(name="B")]),
            (models.ResolvedPipelineVariable(name="A", resolved_value="1"), models.ResolvedPipelineVariable(name="B")),
            id="variables-from-an-iterator",
        ),
        pytest.param("trigger", None, None, id="no-trigger"),
        pytest.param("trigger", {}, models.ExecutionTrigger(), id="empty-trigger"),
        pytest.param("trigger", TRIGGER, TRIGGER, id="trigger"),
        pytest.param("trigger", {"trigger_type": "Webhook", "trigger_detail": "hook"}, TRIGGER, id="trigger-as-fields"),
        pytest.param("execution_mode", "PARALLEL", models.ExecutionMode.PARALLEL, id="mode-as-text"),
        pytest.param("execution_type", "ROLLBACK", models.ExecutionType.ROLLBACK, id="type-as-text"),
        pytest.param("rollback_metadata", ROLLBACK, ROLLBACK, id="rollback"),
        pytest.param("rollback_metadata", attrs.asdict(ROLLBACK), ROLLBACK, id="rollback-as-fields"),
    ],
)
def test_a_field_that_is_given_is_the_only_one_that_changes(field: str, given: object, made: object) -> None:
    """Enum fields take text, parts take their fields, lists take anything that can be iterated."""
    execution = MAKE(**{field: given})
    assert getattr(execution, field) == made
    assert type(getattr(execution, field)) is type(made)
    assert attrs.evolve(execution, **{field: getattr(make_pipeline_execution(), field)}) == make_pipeline_execution()


@pytest.mark.parametrize(
    ("model", "given"),
    [
        pytest.param(models.PipelineExecution, {"colour": 1}, id="execution"),
        pytest.param(models.ArtifactRevision, {"artifact_revisions": [{"colour": 1}]}, id="revision"),
        pytest.param(models.ResolvedPipelineVariable, {"variables": [{"colour": 1}]}, id="variable"),
        pytest.param(models.ExecutionTrigger, {"trigger": {"colour": 1}}, id="trigger"),
        pytest.param(models.PipelineRollbackMetadata, {"rollback_metadata": {"colour": 1}}, id="rollback"),
    ],
)
def test_a_field_that_there_is_not_is_refused_with_those_that_there_are(
    model: type[attrs.AttrsInstance], given: dict[str, object]
) -> None:
    listed = ", ".join(field.name for field in attrs.fields(model))
    with pytest.raises(TypeError) as refused:
        MAKE(**given)
    assert str(refused.value) == f"{model.__name__} has no field colour: its fields are {listed}"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"status": "Sucess"}, NO_STATUS, id="status"),
        pytest.param({"execution_mode": "QEUED"}, "'QEUED' is not one of QUEUED, SUPERSEDED", id="mode"),
        pytest.param({"execution_type": "standard"}, "'standard' is not one of STANDARD, ROLLBACK", id="type"),
        pytest.param({"trigger": {"trigger_type": "WebHook"}}, "'WebHook' is not one of CreatePipeline,", id="trigger"),
    ],
)
def test_a_misspelt_value_is_refused_with_those_of_the_service(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        MAKE(**given)


def test_each_field_may_be_given() -> None:
    """The typed dicts and the parameters follow the models: a new field of the one is a field of the other."""
    parts: list[Any] = [models.ArtifactRevision, models.ExecutionTrigger]
    parts += [models.PipelineRollbackMetadata, models.ResolvedPipelineVariable]
    names = {each: [*get_type_hints(getattr(testing, f"{each.__name__}Fields"))] for each in parts}
    names[models.PipelineExecution] = [*inspect.signature(make_pipeline_execution).parameters][:-1]
    assert names == {each: [field.name for field in attrs.fields(each)] for each in names}
