"""The values of a wait: references, numbers, reports and outcomes."""

from __future__ import annotations

import pickle
from math import inf
from typing import Any, Final

import pytest

from codepipeline_client import (
    ConfigurationError,
    FollowedExecution,
    PipelineExecutionReference,
    PollReport,
    WaitTimeoutError,
)
from codepipeline_client.testing import make_pipeline_execution
from codepipeline_client.waiting import PollConfig

EXECUTION: Final = make_pipeline_execution(status="Failed")
REFERENCE: Final = PipelineExecutionReference(EXECUTION.pipeline_name, EXECUTION.pipeline_execution_id)
USUAL: Final[dict[str, Any]] = {
    "timeout": 600.0,
    "poll_interval": 2.0,
    "max_poll_interval": 30.0,
    "not_found_grace": 0.0,
}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        *(
            pytest.param({name: value}, rf"{name} must be a number of seconds, above 0", id=f"{name}-{value!r:.6}")
            for name in ("timeout", "poll_interval", "max_poll_interval")
            for value in (0, -1, float("nan"), inf, 1e300, 10**400, True, "5")
        ),
        *(
            pytest.param({name: value}, rf"{name} must be a number of seconds, .*, not {value!r}", id=f"{name}-{value}")
            for name in ("poll_interval", "max_poll_interval", "not_found_grace")
            for value in (None, -2, False)
        ),
        pytest.param({"not_found_grace": inf}, "not_found_grace must be a number of seconds, from 0 up to", id="grace"),
        pytest.param(
            {"poll_interval": 60},
            r"poll_interval must not be above max_poll_interval, and 60 is above 30\.0",
            id="above-the-longest",
        ),
    ],
)
def test_a_number_out_of_range_is_refused(changes: dict[str, Any], problem: str) -> None:
    """It is named, with the range."""
    with pytest.raises(ConfigurationError, match=problem):
        PollConfig(**{**USUAL, **changes})


def test_whole_numbers_and_equal_intervals_are_in_range() -> None:
    """Equal intervals are a steady pace."""
    assert PollConfig(1, 2, 2, 0) == PollConfig(1.0, 2.0, 2.0, 0.0)


def test_a_followed_execution_gives_its_result() -> None:
    """The execution, whatever its terminal status is, or the error."""
    assert FollowedExecution(REFERENCE, EXECUTION).result() is EXECUTION
    error = WaitTimeoutError("over", execution=EXECUTION, polls=1, seconds=1.0)
    with pytest.raises(WaitTimeoutError) as caught:
        FollowedExecution(REFERENCE, EXECUTION, error).result()
    assert caught.value is error


def test_values_compare_hash_and_pickle() -> None:
    """They go where a program puts them."""
    report = PollReport(reference=REFERENCE, number=1, seconds=0.1, execution=EXECUTION, failure=None, pause=2.0)
    for value in (REFERENCE, FollowedExecution(REFERENCE, EXECUTION), report):
        twin = pickle.loads(pickle.dumps(value))
        assert twin == value
        assert hash(twin) == hash(value)
