"""Each rule says in words what a value breaks, and each refused member where it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import pytest
from attrs import field, frozen, resolve_types
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import GetPipelineExecutionInput, PipelineVariable, SourceRevisionOverride
from codepipeline_client._protocol.shapes import MalformedMemberError, OperationInput, read
from codepipeline_client.operations.list_action_executions import ListActionExecutionsInput
from codepipeline_client.operations.list_pipeline_executions import ListPipelineExecutionsInput
from codepipeline_client.operations.start_pipeline_execution import StartPipelineExecutionInput

ID: Final = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
NAME_RULE: Final = r"pipeline_name must match [A-Za-z0-9.@\-_]+, not "
TIME: Final = "a number of seconds since 1970"
MANY: Final = [{"name": ""}] * 10_001
HEX: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
UUID_RULE: Final = f"pipeline_execution_id must be a UUID in lower case, {HEX}, not "
VARIABLE: Final = PipelineVariable(name="x", value="y")
TOO_MANY: Final = "must have at most 50 elements, not 51"
NO_VARIABLE: Final = "variables must have elements of the class PipelineVariable, not "
NO_REVISION: Final = "source_revisions must have elements of the class SourceRevisionOverride, not "
RANGE_RULE: Final = "start_time_range must be one of Latest, All, not "
NO_TYPE: Final = "source_revisions[0].revision_type "
TYPES: Final = "COMMIT_ID, IMAGE_DIGEST, S3_OBJECT_VERSION_ID, S3_OBJECT_KEY"
IS_TYPE_RULE: Final = r"is required|must (be (a string|an integer|one of .*)|have elements of the class \w+), not \w+"


def loosely(kind: Callable[..., Any], **known: str) -> Callable[..., Any]:
    """Return what makes one of a *kind* out of anything, of which some fields are known."""
    return partial(kind, **known)


get: Final = loosely(GetPipelineExecutionInput, pipeline_name="web", pipeline_execution_id=ID)
pages: Final = loosely(ListPipelineExecutionsInput, pipeline_name="web")
start: Final = loosely(StartPipelineExecutionInput, pipeline_name="web")
revision: Final = loosely(SourceRevisionOverride, action_name="x", revision_value="y")
REVISION: Final = revision(revision_type="COMMIT_ID")
actions: Final = loosely(ListActionExecutionsInput, pipeline_name="web")


@pytest.mark.parametrize(
    ("request_", "broken"),
    [
        pytest.param(get(pipeline_name="x" * 100), None, id="longest"),
        pytest.param(get(pipeline_name=""), "pipeline_name must have 1 to 100 characters, not 0", id="empty-name"),
        pytest.param(get(pipeline_name="x" * 101), "pipeline_name must have 1 to 100 characters, not 101", id="long"),
        pytest.param(get(pipeline_name="wéb"), f"{NAME_RULE}'wéb'", id="accent"),
        pytest.param(get(pipeline_name=None), "pipeline_name is required", id="no-name"),
        pytest.param(get(pipeline_name=b"web"), "pipeline_name must be a string, not bytes", id="bytes"),
        pytest.param(get(pipeline_execution_id=ID.upper()), f"{UUID_RULE}{ID.upper()!r}", id="upper-case"),
        pytest.param(get(pipeline_execution_id=f"{ID}\n"), rf"{UUID_RULE}'{ID}\n'", id="line-break-at-the-end"),
        pytest.param(get(pipeline_execution_id=f"x{ID}"), f"{UUID_RULE}'x{ID}'", id="more-before"),
        pytest.param(get(pipeline_execution_id="y" * 5000), f"{UUID_RULE}'{'y' * 100}…'", id="long-values-are-cut"),
        pytest.param(get(pipeline_execution_id=1.5), "pipeline_execution_id must be a string, not float", id="number"),
        pytest.param(pages(max_results=None), None, id="optional"),
        pytest.param(pages(max_results=100), None, id="largest-page"),
        pytest.param(pages(max_results=0), "max_results must be from 1 to 100, not 0", id="empty-page"),
        pytest.param(pages(max_results=101), "max_results must be from 1 to 100, not 101", id="page-too-large"),
        pytest.param(pages(max_results=True), "max_results must be an integer, not bool", id="boolean-page"),
        pytest.param(pages(next_token=""), "next_token must have 1 to 2048 characters, not 0", id="empty-token"),
        pytest.param(start(variables=[VARIABLE] * 50), None, id="fifty-variables"),
        pytest.param(start(variables=[VARIABLE] * 51), f"variables {TOO_MANY}", id="more-variables"),
        pytest.param(start(source_revisions=[REVISION] * 50), None, id="fifty-revisions"),
        pytest.param(start(source_revisions=[REVISION] * 51), f"source_revisions {TOO_MANY}", id="more-revisions"),
        *(
            pytest.param(start(variables=each), f"{NO_VARIABLE}{kind}", id=f"no-variable-{each!r}")
            for each, kind in ((7, "int"), ("hunter2", "str"), ("", "str"), (b"", "bytes"), (None, "NoneType"))
        ),
        pytest.param(start(variables=[{"value": "hunter2"}]), f"{NO_VARIABLE}dict", id="a-value-is-not-shown"),
        *(
            pytest.param(start(source_revisions=each), f"{NO_REVISION}{kind}", id=f"no-revision-{each!r}")
            for each, kind in ((7, "int"), ("hunter2", "str"), ({"a": "hunter2"}, "dict"))
        ),
        *(
            pytest.param(start(source_revisions=[revision(revision_type=each)]), f"{NO_TYPE}{rule}", id=f"type-{each}")
            for each, rule in ((5, f"must be one of {TYPES}, not int"), (None, "is required"))
        ),
        pytest.param(actions(start_time_range=True, pipeline_execution_id=ID), f"{RANGE_RULE}bool", id="no-range"),
        pytest.param(actions(start_time_range="New", pipeline_execution_id=ID), f"{RANGE_RULE}'New'", id="new-range"),
        pytest.param(actions(start_time_range="Latest"), "pipeline_execution_id is required", id="latest-of-one"),
    ],
)
def test_a_broken_rule_is_told_in_words(request_: OperationInput, broken: str | None) -> None:
    """Without strictness only the type counts."""
    assert [f"{each.parameter} {each.rule}" for each in request_.violations()] == [*filter(None, [broken])]
    is_of_wrong_type = broken is not None and re.fullmatch(rf"\S+ ({IS_TYPE_RULE})", broken)
    assert request_.violations(strict=False) == (request_.violations() if is_of_wrong_type else ())


@frozen(kw_only=True)
class Element:
    name: str


@frozen(kw_only=True)
class Everything:
    text: str | None = None
    number: int | None = None
    at: datetime | None = None
    table: Mapping[str, str] = field(factory=dict[str, str])
    element: Element | None = None
    many: tuple[Element, ...] = ()


def everything(**members: object) -> Everything:
    return read(Everything, members, {})


@pytest.mark.parametrize(
    ("name", "value", "where", "problem"),
    [
        pytest.param("text", 1, "text", "a string was expected, not a number", id="string-number"),
        pytest.param("text", True, "text", "a string was expected, not a boolean", id="string-boolean"),
        pytest.param("number", "1", "number", "an integer was expected, not a string", id="integer-string"),
        pytest.param("number", True, "number", "an integer was expected, not a boolean", id="integer-boolean"),
        pytest.param("number", 1.5, "number", "an integer was expected, not a fraction", id="integer-fraction"),
        pytest.param("at", "2026", "at", f"{TIME} was expected, not a string", id="time-string"),
        pytest.param("at", False, "at", f"{TIME} was expected, not a boolean", id="time-boolean"),
        pytest.param("at", "2026-01-02T03:04:05", "at", f"{TIME} was expected, not a string", id="time-naive"),
        pytest.param("at", "0001-01-01T00:00+14:00", "at", f"{TIME} was expected, not a string", id="time-too-early"),
        pytest.param("at", 1e18, "at", "the time, in seconds since 1970, is out of range", id="time-far"),
        pytest.param("at", -(10**30), "at", "the time, in seconds since 1970, is out of range", id="time-before"),
        pytest.param("table", [], "table", "an object was expected, not a list", id="map-list"),
        pytest.param("table", {"a": 1}, "table.a", "a string was expected, not a number", id="map-number"),
        pytest.param("table", {"[0]": 1}, "table.[0]", "a string was expected, not a number", id="map-odd-key"),
        pytest.param("table", {"": 1}, "table.", "a string was expected, not a number", id="map-empty-key"),
        pytest.param("element", [], "element", "an object was expected, not a list", id="object-list"),
        pytest.param("element", {}, "element.name", "it is absent", id="absent"),
        pytest.param("element", {"name": None}, "element.name", "it is absent", id="null"),
        pytest.param("many", {}, "many", "a list was expected, not an object", id="list-object"),
        pytest.param("many", [{"name": ""}, 1], "many[1]", "an object was expected, not a number", id="element"),
        pytest.param("many", [{"name": 1}], "many[0].name", "a string was expected, not a number", id="in-an-element"),
        pytest.param("many", MANY, "many", "10001 elements are more than any response has", id="too-many"),
    ],
)
def test_a_member_of_a_wrong_type_is_named_by_its_path(name: str, value: object, where: str, problem: str) -> None:
    with pytest.raises(MalformedMemberError, match=f"^{re.escape(f'{where}: {problem}')}$"):
        everything(**{name: value})


def test_what_is_null_is_left_out() -> None:
    absent = {"text": None, "number": None, "at": None, "table": None, "element": None, "many": None}
    assert everything(**absent) == everything() == Everything()
    found = everything(table={"a": None, "b": "c"}, many=[None, {"name": "d"}, None])
    assert found == Everything(table={"b": "c"}, many=(Element(name="d"),))


@frozen(kw_only=True)
class Resolved(Everything):
    more: tuple[Element, ...] = ()


def test_a_class_whose_types_were_resolved_before_is_read_alike() -> None:
    """As cattrs does to each class that it converts."""
    resolve_types(Resolved)
    found = read(Resolved, {"at": 0, "table": {"a": "b"}, "many": [{"name": "c"}], "element": {"name": "d"}}, {})
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    assert found == Resolved(at=moment, table={"a": "b"}, many=(Element(name="c"),), element=Element(name="d"))


def test_a_list_is_read_as_far_as_an_event_loop_can_bear() -> None:
    assert len(everything(many=MANY[1:]).many) == 10_000


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    found = everything(text="cut off \ud83d", table={"\ud83d": "whole \ud83d\ude00"})
    assert found == Everything(text="cut off \ufffd", table={"\ufffd": "whole \U0001f600"})


@given(st.integers(-62135596800, 253402300799))
def test_whole_seconds_are_exact(seconds: int) -> None:
    found = everything(at=seconds).at
    assert found is not None
    assert found.timestamp() == seconds
    assert found.tzinfo == UTC


def test_a_timestamp_may_be_text_with_a_zone() -> None:
    """As moto writes it."""
    found = everything(at="2026-01-02T04:04:05.678+01:00").at
    assert found == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert str(found).endswith("+00:00")
