"""Each rule says in words what a value breaks."""

from __future__ import annotations

from typing import Any

import pytest

from codepipeline_client import GetPipelineExecutionInput, ParameterViolation
from codepipeline_client.operations.list_pipeline_executions import ListPipelineExecutionsInput

ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
NAME, EXECUTION_ID = "pipeline_name", "pipeline_execution_id"
NAME_RULE = r"must match [A-Za-z0-9.@\-_]+, not "
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
