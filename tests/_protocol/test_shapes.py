"""Each rule says in words what a value breaks."""

from __future__ import annotations

from typing import Any

import pytest

from codepipeline_client import ParameterViolation
from codepipeline_client.operations.list_pipeline_executions import ListPipelineExecutionsInput


@pytest.mark.parametrize(
    ("field", "value", "broken"),
    [
        pytest.param("max_results", None, None, id="optional"),
        pytest.param("max_results", 1, None, id="smallest-page"),
        pytest.param("max_results", 100, None, id="largest-page"),
        pytest.param("max_results", 0, "must be from 1 to 100, not 0", id="empty-page"),
        pytest.param("max_results", 101, "must be from 1 to 100, not 101", id="page-too-large"),
        pytest.param("max_results", True, "must be an integer, not bool", id="boolean-page"),
        pytest.param("max_results", "5", "must be an integer, not str", id="text-page"),
        pytest.param("next_token", "any text", None, id="token-of-a-list"),
        pytest.param("next_token", "", "must have 1 to 2048 characters, not 0", id="empty-token-of-a-list"),
        pytest.param("next_token", 5, "must be a string, not int", id="number-as-token"),
    ],
)
def test_a_value_is_checked(field: str, value: Any, broken: str | None) -> None:
    """Without strictness only the type counts."""
    members: dict[str, Any] = {"pipeline_name": "web", field: value}
    request = ListPipelineExecutionsInput(**members)
    found = () if broken is None else (ParameterViolation(field, broken),)
    assert request.violations() == found
    is_of_wrong_type = broken is not None and broken.startswith(("must be a string", "must be an integer"))
    assert request.violations(strict=False) == (found if is_of_wrong_type else ())
