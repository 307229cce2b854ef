"""Models: values that compare, hash, copy and pickle, and enums that the service may extend."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from codepipeline_client import ExecutionMode, ExecutionType, PipelineExecution, PipelineExecutionStatus, TriggerType
from codepipeline_client.models import OpenEnum
from codepipeline_client.testing import make_pipeline_execution


def test_an_execution_becomes_a_dictionary_that_json_takes() -> None:
    """With plain strings in the place of enums: yaml and others write these as objects of Python."""
    created = datetime(2026, 1, 2, 4, 30, tzinfo=timezone(timedelta(hours=1)))
    hash_ = "5f2c9d1e8b7a60413c2d4e6f8091a2b3c4d5e6f7"
    url = f"https://github.com/example/web/commit/{hash_}"
    execution = make_pipeline_execution(
        artifact_revisions=[
            {"revision_id": hash_, "revision_summary": "Go\n", "revision_url": url, "created": created},
            {"revision_id": "v7"},
        ],
        variables=[{"name": "stage", "resolved_value": "prod"}],
        trigger={"trigger_type": "WebhookV2", "trigger_detail": "push"},
        execution_type=ExecutionType("REPLAY"),
        region_name="eu-west-1",
    )
    members = execution.to_dict()
    plain: Any = json.loads(json.dumps(members))
    assert members == plain
    assert [type(members[name]) for name in ("status", "execution_mode", "execution_type")] == [str] * 3
    assert list(plain) == [*(field.name for field in attrs.fields(PipelineExecution)), "console_url"]
    assert plain["console_url"] == execution.console_url
    assert plain["execution_type"] == "REPLAY"
    assert plain["trigger"] == {"trigger_type": "WebhookV2", "trigger_detail": "push"}
    assert plain["variables"] == [{"name": "stage", "resolved_value": "prod"}]
    source, other = plain["artifact_revisions"]
    assert (source["revision_summary"], source["created"]) == ("Go\n", "2026-01-02T03:30:00Z")
    read = ("commit_id", "commit_message", "repository", "commit_url")
    assert [source[name] for name in read] == [hash_, "Go", "example/web", url]
    assert [other[name] for name in ("revision_url", "created", *read)] == [None] * 6


@pytest.mark.parametrize(
    ("variables", "values"),
    [
        pytest.param([("stage", "prod"), ("retries", "3")], {"stage": "prod", "retries": "3"}, id="several"),
        pytest.param([("empty", "")], {"empty": ""}, id="an-empty-value-is-a-value"),
        pytest.param([(None, "lost"), ("unset", None)], {}, id="without-name-or-value"),
        pytest.param([("a", "1"), ("b", "2"), ("a", "3")], {"a": "3", "b": "2"}, id="the-last-one-counts"),
        pytest.param([("a", "1"), ("a", None)], {}, id="the-last-one-counts-also-without-value"),
        pytest.param([], {}, id="none"),
    ],
)
def test_variables_are_found_by_name(variables: list[tuple[str | None, str | None]], values: dict[str, str]) -> None:
    found = make_pipeline_execution(
        variables=[{"name": name, "resolved_value": value} for name, value in variables]
    ).variable_values
    assert found == values
    assert list(found) == list(values)
    assert found.get("absent", "default") == "default"
    with pytest.raises(KeyError):
        found["absent"]


OPEN_ENUMS: list[type[OpenEnum]] = [PipelineExecutionStatus, ExecutionMode, ExecutionType, TriggerType]


@pytest.mark.parametrize("kind", OPEN_ENUMS, ids=lambda kind: kind.__name__)
def test_an_unlisted_value_is_as_good_as_a_listed_one_but_not_known(kind: type[OpenEnum]) -> None:
    before = list(kind)
    value = kind("Paused")
    assert isinstance(value, kind)
    assert value == "Paused"
    assert str(value) == f"{value}" == value.value == value.name == "Paused"
    assert not value.is_known
    assert repr(value) == f"{kind.__name__}('Paused')"
    assert {value: 1}[kind("Paused")] == 1
    for twin in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value), kind(value)):
        assert twin == value
        assert isinstance(twin, kind)
    assert json.dumps(value) == '"Paused"'
    assert list(kind) == before, "a response does not change the enum"


@pytest.mark.parametrize("kind", OPEN_ENUMS, ids=lambda kind: kind.__name__)
def test_a_listed_value_is_the_member_itself(kind: type[OpenEnum]) -> None:
    for member in kind:
        assert kind(member.value) is member
        assert member.is_known
        assert repr(member) == f"{kind.__name__}.{member.name}"
        assert pickle.loads(pickle.dumps(member)) is member


def test_what_is_no_text_is_no_status() -> None:
    with pytest.raises(ValueError, match="3 is not a valid PipelineExecutionStatus"):
        PipelineExecutionStatus(3)  # type: ignore[arg-type]  # the point of the test


def test_a_status_tells_whether_it_is_the_end() -> None:
    """One that is not listed may go on."""
    statuses = [*PipelineExecutionStatus, PipelineExecutionStatus("Paused")]
    assert {*statuses} - {each for each in statuses if each.is_terminal} == {"InProgress", "Stopping", "Paused"}
    assert [each for each in statuses if each.is_successful] == ["Succeeded"]
