"""Each rule says in words what a value breaks, and each refused member where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import GetPipelineExecutionInput, ParameterViolation
from codepipeline_client._protocol.shapes import MalformedMemberError, read
from codepipeline_client.operations.list_pipeline_executions import ListPipelineExecutionsInput

ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
NAME, EXECUTION_ID = "pipeline_name", "pipeline_execution_id"
NAME_RULE = r"must match [A-Za-z0-9.@\-_]+, not "
TIME = "a number of seconds since 1970"
MANY = [{"name": ""}] * 10_001
UUID_RULE = "must be a UUID in lower case, [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}, not "


@pytest.mark.parametrize(
    ("field", "value", "broken"),
    [
        pytest.param(NAME, "A.z-0_@", None, id="every-kind-of-letter"),
        pytest.param(NAME, "x" * 100, None, id="longest"),
        pytest.param(NAME, "", "must have 1 to 100 characters, not 0", id="empty-name"),
        pytest.param(NAME, "x" * 101, "must have 1 to 100 characters, not 101", id="too-long"),
        pytest.param(NAME, "my pipeline", f"{NAME_RULE}'my pipeline'", id="space"),
        pytest.param(NAME, "web\n", rf"{NAME_RULE}'web\n'", id="name-with-a-line-break"),
        pytest.param(NAME, "wéb", f"{NAME_RULE}'wéb'", id="accent"),
        pytest.param(NAME, None, "is required", id="no-name"),
        pytest.param(NAME, b"web", "must be a string, not bytes", id="bytes"),
        pytest.param(EXECUTION_ID, ID, None, id="uuid"),
        pytest.param(EXECUTION_ID, ID.upper(), f"{UUID_RULE}{ID.upper()!r}", id="upper-case"),
        pytest.param(EXECUTION_ID, f"{ID}\n", rf"{UUID_RULE}'{ID}\n'", id="line-break-at-the-end"),
        pytest.param(EXECUTION_ID, f"x{ID}", f"{UUID_RULE}'x{ID}'", id="more-before"),
        pytest.param(EXECUTION_ID, "", f"{UUID_RULE}''", id="empty"),
        pytest.param(EXECUTION_ID, "y" * 5000, f"{UUID_RULE}'{'y' * 100}…'", id="long-values-are-cut"),
        pytest.param(EXECUTION_ID, 1.5, "must be a string, not float", id="number"),
        pytest.param("max_results", None, None, id="optional"),
        pytest.param("max_results", 1, None, id="smallest-page"),
        pytest.param("max_results", 100, None, id="largest-page"),
        pytest.param("max_results", 0, "must be from 1 to 100, not 0", id="empty-page"),
        pytest.param("max_results", 101, "must be from 1 to 100, not 101", id="page-too-large"),
        pytest.param("max_results", True, "must be an integer, not bool", id="boolean-page"),
        pytest.param("next_token", "any text", None, id="token-of-a-list"),
        pytest.param("next_token", "", "must have 1 to 2048 characters, not 0", id="empty-token-of-a-list"),
    ],
)
def test_a_value_is_checked(field: str, value: Any, broken: str | None) -> None:
    """Without strictness only the type counts."""
    is_page = field in ("max_results", "next_token")
    members: dict[str, Any] = {NAME: "web", **({} if is_page else {EXECUTION_ID: ID}), field: value}
    request = ListPipelineExecutionsInput(**members) if is_page else GetPipelineExecutionInput(**members)
    found = () if broken is None else (ParameterViolation(field, broken),)
    assert request.violations() == found
    is_of_wrong_type = broken is not None and broken.startswith(("must be a string", "must be an integer", "is requir"))
    assert request.violations(strict=False) == (found if is_of_wrong_type else ())


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
