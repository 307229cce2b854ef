"""A thousand executions at once, on a service that takes fewer calls than it is sent."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections import defaultdict
from itertools import islice
from typing import Any, Final

import httpx

from codepipeline_client import PollReport
from codepipeline_client.testing import FakeClock, faults
from tests.clients import Open
from tests.outcomes import references

NUMBER: Final = 1000
LIMIT: Final = 20.0
"""Calls a second that the service takes."""
ENDS: Final = ("Succeeded", "Failed", "Stopped", "Superseded", "Cancelled")
REFERENCES: Final = references(NUMBER)


def follow(client: Any, number: int = NUMBER, most: int = NUMBER, **more: Any) -> int:
    """Follow with more calls a second than the service takes, and return how many have ended as they should."""
    ends = client.wait_for_pipeline_executions(REFERENCES[:number], timeout=3600.0, max_calls_per_second=50.0, **more)
    return sum(end.result().status == ENDS[REFERENCES.index(end.reference) % len(ENDS)] for end in islice(ends, most))


def output(request: dict[str, str], place: int, *, ended: bool) -> httpx.Response:
    members = {
        **request,
        "status": ENDS[place % len(ENDS)] if ended else "InProgress",
        "variables": [{"name": "ImageTag", "resolvedValue": f"2026-01-02-{place}"}] * 2,
        "artifactRevisions": [{"name": "Source", "revisionId": f"{place:040}", "revisionSummary": f"Change {place}"}],
    }
    return httpx.Response(200, json={"pipelineExecution": members})


def test_a_thousand_executions_share_what_the_service_takes(open_client: Open, clock: FakeClock) -> None:
    """All end right, few calls are throttled, and none waits much longer than the others."""
    limit = faults.above_rate(LIMIT, burst=int(LIMIT), now=clock.monotonic)
    throttles: list[bool] = []
    moments = defaultdict[int, list[float]](list)

    def respond(request: httpx.Request) -> httpx.Response:
        members = json.loads(request.content)
        place = int(members["pipelineExecutionId"][:8], 16)
        moments[place].append(clock.monotonic())
        throttles.append(limit(request) is not None)
        if throttles[-1]:
            return httpx.Response(400, json={"__type": "ThrottlingException"})
        return output(members, place, ended=len(moments[place]) > 1 + (place % 5 == 0))

    with open_client(transport=httpx.MockTransport(respond)) as client:
        assert follow(client) == NUMBER
    assert any(throttles)
    settled = throttles[len(throttles) // 10 :]
    assert sum(settled) / len(settled) < 0.05
    assert len(throttles) / clock.monotonic() > 0.9 * LIMIT
    gaps = [later - earlier for each in moments.values() for earlier, later in zip([0.0, *each], each, strict=False)]
    assert max(gaps) < 1.5 * NUMBER / LIMIT


def test_an_execution_takes_little_memory(open_client: Open) -> None:
    """When each of three hundred has been polled: what the wait keeps of it, with its output, is below 4 KiB."""
    taken: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        members = json.loads(request.content)
        return output(members, int(members["pipelineExecutionId"][:8], 16), ended=bool(taken))

    def measure(report: PollReport) -> None:
        if report.number == 2 and not taken:
            gc.collect()
            taken.append(tracemalloc.get_traced_memory()[0])

    gc.collect()
    tracemalloc.start()
    try:
        with open_client(transport=httpx.MockTransport(respond)) as client:
            assert follow(client, 300, most=1, on_poll=measure) == 1
    finally:
        tracemalloc.stop()
    assert taken[0] / 300 < 4096
