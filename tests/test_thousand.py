"""
A thousand executions at once, on a service that does not take as many calls as it is asked for.

The clock is the client's and the service's, so that nothing is waited for. The rules have their tests in test_budget
and test_convoy.
"""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from typing import Any, Final, TypeAlias

import anyio
import httpx
import pytest
from attrs import define, field

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    FollowedExecution,
    PipelineExecutionReference,
    PollReport,
    ResolvedPipelineVariable,
)
from codepipeline_client.testing import FakeClock, IncomingRequest, LocalCodePipeline, faults, make_pipeline_execution
from codepipeline_client.testing.executions import to_wire

NUMBER: Final = 1000
LIMIT: Final = 20.0
"""Calls a second that the service takes."""
ASKED_FOR: Final = 50.0
"""Calls a second that the client may make, as far as it was told."""
KIB: Final = 1024
ENDS: Final = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
OPTIONS: Final[dict[str, Any]] = {"timeout": 3600.0, "max_calls_per_second": ASKED_FOR}

References: TypeAlias = Iterable[PipelineExecutionReference]
Journey: TypeAlias = Callable[..., list[FollowedExecution]]
"""Follows references, with the options of a client and of the wait, and returns how they ended: so many at most."""


def sync(
    references: References, client: dict[str, Any], options: dict[str, Any], *, ends: int = NUMBER
) -> list[FollowedExecution]:
    with CodePipelineClient(**client) as asking:
        return list(islice(asking.wait_for_pipeline_executions(references, **options), ends))


def on(backend: str) -> Journey:
    def journey(
        references: References, client: dict[str, Any], options: dict[str, Any], *, ends: int = NUMBER
    ) -> list[FollowedExecution]:
        async def main() -> list[FollowedExecution]:
            found: list[FollowedExecution] = []
            async with AsyncCodePipelineClient(**client) as asking:
                async for end in asking.wait_for_pipeline_executions(references, **options):
                    found.append(end)
                    if len(found) == ends:
                        break
            return found

        return anyio.run(main, backend=backend)

    return journey


EACH_WAY: Final = pytest.mark.parametrize(
    "journey",
    [pytest.param(sync, id="sync"), pytest.param(on("asyncio"), id="asyncio"), pytest.param(on("trio"), id="trio")],
)


def execution_id(place: int) -> str:
    return f"{place:08x}-0000-4000-8000-000000000000"


@define
class Gate:
    """The service's limit, and what came to it."""

    clock: FakeClock
    limit: Callable[[object], faults.Fault | None]
    moments: dict[object, list[float]] = field(factory=dict[object, list[float]])
    """When each execution was asked about."""
    throttles: list[bool] = field(factory=list[bool])
    """Which calls were throttled."""

    def judge(self, request: IncomingRequest) -> faults.Fault | None:
        assert request.input is not None
        self.moments.setdefault(request.input["pipelineExecutionId"], []).append(self.clock.monotonic())
        fault = self.limit(request)
        self.throttles.append(fault is not None)
        return fault


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(clock: FakeClock) -> Iterator[LocalCodePipeline]:
    with LocalCodePipeline(now=clock.time) as endpoint:
        yield endpoint


@EACH_WAY
def test_a_thousand_executions_share_what_the_service_takes(
    journey: Journey, clock: FakeClock, service: LocalCodePipeline
) -> None:
    """All end right, hardly a call is throttled, and none waits much longer than the others."""
    expected: dict[PipelineExecutionReference, str] = {}
    for place, status in zip(range(NUMBER), cycle(ENDS), strict=False):
        steps = [*["InProgress"] * (2 if place % 5 == 0 else 1), status]
        expected[service.script_execution(steps, pipeline_execution_id=execution_id(place))] = status
    gate = Gate(clock, faults.above_rate(LIMIT, burst=int(LIMIT), now=clock.monotonic))
    service.inject_by(gate.judge)
    client = {
        "region_name": service.region_name,
        "endpoint_url": service.endpoint_url,
        "credentials": service.credentials,
        "clock": clock,
    }
    before = time.monotonic()
    ends = journey(expected, client, OPTIONS)
    assert time.monotonic() - before < clock.monotonic()  # or else something really waited

    assert {end.reference: end.result().status for end in ends} == expected
    assert len(ends) == NUMBER

    settled = gate.throttles[len(gate.throttles) // 10 :]
    assert any(gate.throttles)
    assert sum(settled) / len(settled) < 0.05
    assert len(gate.throttles) / clock.monotonic() > 0.9 * LIMIT

    fair = NUMBER / LIMIT
    gaps = [
        later - earlier
        for moments in gate.moments.values()
        for earlier, later in zip([0.0, *moments], moments, strict=False)
    ]
    assert len(gate.moments) == NUMBER
    assert max(gaps) < 1.5 * fair  # three times would do


@EACH_WAY
def test_an_execution_takes_little_memory(journey: Journey, clock: FakeClock) -> None:
    """When each of a thousand has been polled, with all that there is to tell about it: what the wait keeps of it."""
    variables = [
        ResolvedPipelineVariable(name="Environment", resolved_value="staging"),
        ResolvedPipelineVariable(name="ImageTag", resolved_value="2026-01-02-5f2c9d1e"),
    ]
    whole = dict(to_wire(make_pipeline_execution(status="InProgress", variables=variables)))
    taken: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        status = "Succeeded" if taken else "InProgress"
        return httpx.Response(200, json={"pipelineExecution": {**whole, **asked, "status": status}})

    def measure(report: PollReport) -> None:
        if report.number == 2 and not taken:
            gc.collect()
            taken.append(tracemalloc.get_traced_memory()[0])

    references = (PipelineExecutionReference(f"web-{place}", execution_id(place)) for place in range(NUMBER))
    client = {
        "region_name": "us-east-1",
        "credentials": LocalCodePipeline().credentials,
        "clock": clock,
        "transport": httpx.MockTransport(answer),
    }
    gc.collect()
    tracemalloc.start()
    try:
        [end] = journey(references, client, {**OPTIONS, "on_poll": measure}, ends=1)
    finally:
        tracemalloc.stop()
    assert end.result().variables
    assert taken[0] / NUMBER < 4 * KIB
