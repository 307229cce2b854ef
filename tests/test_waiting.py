"""The values of a wait: references, numbers, reports and outcomes."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from codepipeline_client import FollowedExecution, PipelineExecutionReference, errors
from codepipeline_client.testing import make_pipeline_execution
from tests.outcomes import config

EXECUTION = make_pipeline_execution(status="Failed")
REFERENCE = PipelineExecutionReference(EXECUTION.pipeline_name, EXECUTION.pipeline_execution_id)


@pytest.mark.parametrize("value", [0, -1, nan, inf, 31536001, 10**400, True, "5"], ids=lambda value: f"{value!r:.6}")
@pytest.mark.parametrize("name", ["timeout", "poll_interval", "max_poll_interval"])
def test_a_number_out_of_range_is_refused(name: str, value: Any) -> None:
    """It is named, with the range."""
    with pytest.raises(errors.ConfigurationError, match=rf"{name} must be a .* above 0 and up to 31536000"):
        config(**{name: value})


@pytest.mark.parametrize("value", [None, -2, False, inf])
@pytest.mark.parametrize("name", ["poll_interval", "max_poll_interval", "not_found_grace"])
def test_only_the_timeout_may_be_absent(name: str, value: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match=rf"{name} must be a number of seconds .*, not {value!r}"):
        config(**{name: value})


def test_a_followed_execution_gives_its_result() -> None:
    """The execution, whatever its terminal status is, or the error."""
    assert FollowedExecution(REFERENCE, EXECUTION).result() is EXECUTION
    error = errors.WaitTimeoutError("over", execution=EXECUTION, polls=1, seconds=1.0)
    with pytest.raises(errors.WaitTimeoutError) as caught:
        FollowedExecution(REFERENCE, EXECUTION, error).result()
    assert caught.value is error
