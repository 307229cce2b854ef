"""
The rule of a service with a limit: who comes too fast is throttled, by a bucket of tokens and a clock of the test's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import inf, nan
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import CodePipelineClient, ThrottlingException
from codepipeline_client.testing import FakeClock, LocalCodePipeline, faults, make_pipeline_execution

EXECUTION: Final = make_pipeline_execution()
T: Final = faults.Throttling()


@pytest.mark.parametrize(
    ("rate", "burst", "pauses", "expected"),
    [
        pytest.param(2, 1, [0, 0, 0.5, 0, 0.5], [None, T, None, T, None], id="one-at-a-time"),
        pytest.param(2, 3, [0, 0, 0, 0, 0.5, 0], [None, None, None, T, None, T], id="full-at-first"),
        pytest.param(2, 2, [0, 0, 100, 0, 0], [None, None, None, None, T], id="no-more-than-full"),
        pytest.param(2, 1, [0, 0.25, 0.25], [None, T, None], id="a-throttled-request-takes-nothing"),
        pytest.param(0.1, 1, [0, 9, 1], [None, T, None], id="less-than-one-a-second"),
    ],
)
def test_what_comes_too_fast_is_throttled(
    rate: float, burst: int, pauses: list[float], expected: list[faults.Fault | None]
) -> None:
    """A request after each pause."""
    clock = FakeClock()
    rule = faults.above_rate(rate, burst=burst, now=clock.monotonic)
    got: list[faults.Fault | None] = []
    for pause in pauses:
        clock.advance(pause)
        got.append(rule(None))
    assert got == expected


def test_a_clock_that_is_set_back_gives_no_tokens_and_takes_none() -> None:
    """What follows is reckoned from there."""
    moments = iter([100.0, 100.0, 50.0, 50.5, 51.0])
    rule = faults.above_rate(1, now=lambda: next(moments))
    assert [rule(None) for _ in range(4)] == [None, T, T, None]


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_stretch_of_time_has_more_than_the_limit(rate: float, burst: int, pauses: list[float]) -> None:
    """However the requests come: *burst*, and what fills up meanwhile."""
    clock = FakeClock()
    rule = faults.above_rate(rate, burst=burst, now=clock.monotonic)
    taken: list[float] = []
    for pause in pauses:
        clock.advance(pause)
        if rule(None) is None:
            taken.append(clock.monotonic())
    assert taken
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - taken[first]) * rate + 1e-6


@pytest.mark.parametrize(
    ("rate", "burst"),
    [
        pytest.param(0, 1, id="never"),
        pytest.param(-1, 1, id="negative"),
        pytest.param(inf, 1, id="no-limit"),
        pytest.param(nan, 1, id="no-number"),
        pytest.param(1, 0, id="no-tokens"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_where_it_is_made(rate: float, burst: int) -> None:
    """The error is in the test, not in a thread that it does not see."""
    with pytest.raises(ValueError, match="above_rate needs calls a second above 0 and a burst of 1 or more"):
        faults.above_rate(rate, burst=burst)


def test_threads_that_share_an_endpoint_share_its_limit() -> None:
    """Exactly as many requests as there are tokens go through, and the machine's own clock is the usual one."""
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(EXECUTION)
        endpoint.inject_by(faults.above_rate(1e-6, burst=30))

        def ask(client: CodePipelineClient) -> str:
            try:
                output = client.get_pipeline_execution(
                    pipeline_name=EXECUTION.pipeline_name, pipeline_execution_id=EXECUTION.pipeline_execution_id
                )
            except ThrottlingException as error:
                return f"throttled {error.http_status_code}"
            return output.pipeline_execution.status

        with (
            CodePipelineClient(
                region_name=endpoint.region_name,
                endpoint_url=endpoint.endpoint_url,
                credentials=endpoint.credentials,
                retry_mode="off",
            ) as client,
            ThreadPoolExecutor(8) as threads,
        ):
            outcomes = list(threads.map(ask, [client] * 100))
        assert sorted(outcomes) == ["Succeeded"] * 30 + ["throttled 400"] * 70
