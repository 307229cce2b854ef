"""
Compare what a call costs with bare httpx by counting, which gives the same result on a busy or a slow machine.

    python -m tests.benchmarks guard

Counts the byte-code instructions that a call runs and its peak memory, in memory and over loopback, in this process,
in seconds. It does not see waiting, work inside of C functions and other threads; the comparison does. It uses the
package's public names only.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Final, NamedTuple

import httpx

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient
from codepipeline_client.testing import LocalCodePipeline

from ..endpoint import EXECUTION, INPUT, options_for, settings_in
from . import table

Call = Callable[[], object]
Options = Mapping[str, Any]
NO_OPTIONS: Final[Options] = {}

HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
}
BODY: Final = json.dumps(
    {"pipelineName": EXECUTION.pipeline_name, "pipelineExecutionId": EXECUTION.pipeline_execution_id}
).encode()
WARM_UP: Final = 10
"""Calls before the first count, so that connections are open and caches are full."""

BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "sync, in memory": (1.0, 1.5),
    "async, in memory": (1.1, 1.5),
    "sync, loopback": (0.5, 1.5),
    "async, loopback": (0.6, 1.2),
}
"""Instructions and peak memory of a call, as multiples of bare httpx's: with room for new versions of Python and of
httpx, and over loopback none for httpx's own connection pool."""


class Cost(NamedTuple):
    """What one call costs."""

    instructions: int
    memory: int
    """Bytes at the peak, above what was in use before the call."""


class Comparison(NamedTuple):
    """The cost of one call of this package, and of one of bare httpx."""

    title: str
    ours: Cost
    httpx: Cost

    def ratios(self) -> tuple[float, float]:
        """Return ours over httpx's: instructions, memory."""
        return self.ours.instructions / self.httpx.instructions, self.ours.memory / self.httpx.memory

    def is_kept(self) -> bool:
        """Return whether both ratios are within their bounds."""
        return all(ratio <= bound for ratio, bound in zip(self.ratios(), BOUNDS[self.title], strict=True))


def main() -> int:
    for name in settings_in(os.environ):
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    comparisons = measure()
    rows: list[Sequence[str]] = [("ratio to bare httpx", "instructions", "at most", "peak memory", "at most", "")]
    for each in comparisons:
        row = [each.title]
        for ours, bare, ratio, bound in zip(each.ours, each.httpx, each.ratios(), BOUNDS[each.title], strict=True):
            row += [f"{ours} / {bare} = {ratio:.2f}", f"{bound}"]
        rows.append((*row, "met" if each.is_kept() else "MISSED"))
    print(table.columns(rows))
    return 0 if all(each.is_kept() for each in comparisons) else 1


def measure(*, sync_options: Options = NO_OPTIONS, async_options: Options = NO_OPTIONS) -> list[Comparison]:
    """Compare one call of each kind. The options are more arguments of this package's clients."""
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(EXECUTION)
        url = endpoint.endpoint_url
        given = options_for(endpoint, clock=None)
        with CodePipelineClient(**given) as client:
            body = json.dumps(client.get_pipeline_execution(**INPUT).raw).encode()
        mock = {"transport": httpx.MockTransport(lambda _: httpx.Response(200, headers=HEADERS, content=body))}
        return [
            Comparison(f"{kind}, {place}", *costs(url, {**given, **options, **transport}, transport))
            for place, transport in (("in memory", mock), ("loopback", NO_OPTIONS))
            for kind, costs, options in (("sync", sync_costs, sync_options), ("async", async_costs, async_options))
        ]


def sync_costs(url: str, options: Options, transport: Options) -> tuple[Cost, Cost]:
    with CodePipelineClient(**options) as client, httpx.Client(**transport) as bare:
        return (
            cost(lambda: client.get_pipeline_execution(**INPUT)),
            cost(lambda: bare.post(url, headers=HEADERS, content=BODY).json()),
        )


def async_costs(url: str, options: Options, transport: Options) -> tuple[Cost, Cost]:
    """Each call runs the event loop, whose own work for one task is in both."""
    client, bare = AsyncCodePipelineClient(**options), httpx.AsyncClient(**transport)

    async def post() -> object:
        return (await bare.post(url, headers=HEADERS, content=BODY)).json()

    with asyncio.Runner() as runner:
        costs = (
            cost(lambda: runner.run(client.get_pipeline_execution(**INPUT))),
            cost(lambda: runner.run(post())),
        )
        runner.run(client.aclose())
        runner.run(bare.aclose())
    return costs


def cost(call: Call) -> Cost:
    """Return what *call* costs once it is warm: the least of three, since garbage collection may run in one."""
    for _ in range(WARM_UP):
        call()
    _instructions(call)  # Python 3.12 and 3.13 miss what runs for the first time under a trace function
    return Cost(
        instructions=min(_instructions(call) for _ in range(3)),
        memory=min(_memory(call) for _ in range(3)),
    )


def _instructions(call: Call) -> int:
    """Count in this thread only: the endpoint runs in others."""
    counted = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal counted
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counted += event == "opcode"
        return trace

    before = sys.gettrace()  # a debugger's, or coverage's
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return counted


def _memory(call: Call) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
