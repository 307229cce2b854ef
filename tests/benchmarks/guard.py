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
import sys
import threading
import tracemalloc
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, TypedDict

import httpx

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

from . import table

Call = Callable[[], object]


class Input(TypedDict):
    """What every call asks for."""

    pipeline_name: str
    pipeline_execution_id: str


INPUT: Final = Input(pipeline_name="web", pipeline_execution_id="7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31")
HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
}
BODY: Final = json.dumps(
    {"pipelineName": INPUT["pipeline_name"], "pipelineExecutionId": INPUT["pipeline_execution_id"]}
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


@dataclass(frozen=True)
class Cost:
    """What one call costs."""

    instructions: int
    memory: int
    """Bytes at the peak, above what was in use before the call."""


@dataclass(frozen=True)
class Comparison:
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
    comparisons = measure()
    rows = [("ratio to bare httpx", "instructions", "at most", "peak memory", "at most", "")]
    for each in comparisons:
        (instructions, memory), (most_instructions, most_memory) = each.ratios(), BOUNDS[each.title]
        counted = f"{each.ours.instructions} / {each.httpx.instructions} = {instructions:.2f}"
        used = f"{each.ours.memory} / {each.httpx.memory} = {memory:.2f}"
        word = "met" if each.is_kept() else "MISSED"
        rows.append((each.title, counted, f"{most_instructions}", used, f"{most_memory}", word))
    print(table.columns(rows))
    return 0 if all(each.is_kept() for each in comparisons) else 1


def measure(
    *,
    sync_options: Mapping[str, Any] | None = None,
    async_options: Mapping[str, Any] | None = None,
) -> list[Comparison]:
    """Compare one call of each kind. The options are more arguments of this package's clients."""
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(make_pipeline_execution(pipeline_name=INPUT["pipeline_name"]))
        given: dict[str, Any] = {
            "region_name": endpoint.region_name,
            "endpoint_url": endpoint.endpoint_url,
            "credentials": endpoint.credentials,
        }
        with CodePipelineClient(**given) as client:
            body = json.dumps(client.get_pipeline_execution(**INPUT).raw).encode()
        mock = httpx.MockTransport(lambda _: httpx.Response(200, headers=HEADERS, content=body))
        comparisons: list[Comparison] = []
        for place, transport in (("in memory", {"transport": mock}), ("loopback", {})):
            for kind, calls, options in (("sync", sync_calls, sync_options), ("async", async_calls, async_options)):
                with calls(endpoint.endpoint_url, {**given, **(options or {}), **transport}, transport) as (ours, bare):
                    comparisons.append(Comparison(f"{kind}, {place}", cost(ours), cost(bare)))
        return comparisons


@contextmanager
def sync_calls(url: str, options: Mapping[str, Any], transport: Mapping[str, Any]) -> Generator[tuple[Call, Call]]:
    with CodePipelineClient(**options) as client, httpx.Client(**transport) as bare:
        yield (
            lambda: client.get_pipeline_execution(**INPUT),
            lambda: bare.post(url, headers=HEADERS, content=BODY).json(),
        )


@contextmanager
def async_calls(url: str, options: Mapping[str, Any], transport: Mapping[str, Any]) -> Generator[tuple[Call, Call]]:
    """Yield calls that run the event loop, whose own work for one task is in both."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner())
        client, bare = AsyncCodePipelineClient(**options), httpx.AsyncClient(**transport)
        stack.callback(lambda: runner.run(client.aclose()))
        stack.callback(lambda: runner.run(bare.aclose()))

        async def post() -> object:
            return (await bare.post(url, headers=HEADERS, content=BODY)).json()

        yield lambda: runner.run(client.get_pipeline_execution(**INPUT)), lambda: runner.run(post())


def cost(call: Call) -> Cost:
    """Return what *call* costs once it is warm: the least of three, since garbage collection may run in one."""
    for _ in range(WARM_UP):
        call()
    return Cost(
        instructions=min(_instructions(call) for _ in range(3)),
        memory=min(_memory(call) for _ in range(3)),
    )


def _instructions(call: Call) -> int:
    counted, here = 0, threading.get_ident()

    def step(*_: object) -> None:
        nonlocal counted
        counted += threading.get_ident() == here  # the endpoint runs in other threads

    with _each_instruction(step):
        call()
    return counted


if sys.version_info >= (3, 12):

    @contextmanager
    def _each_instruction(step: Callable[..., None]) -> Generator[None]:
        monitoring = sys.monitoring
        tool = next(number for number in range(6) if monitoring.get_tool(number) is None)
        monitoring.use_tool_id(tool, "guard")
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, step)
        monitoring.set_events(tool, monitoring.events.INSTRUCTION)
        try:
            yield
        finally:
            monitoring.set_events(tool, monitoring.events.NO_EVENTS)
            monitoring.register_callback(tool, monitoring.events.INSTRUCTION, None)
            monitoring.free_tool_id(tool)

else:

    @contextmanager
    def _each_instruction(step: Callable[..., None]) -> Generator[None]:
        def enter(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            if event == "opcode":
                step()
            return enter

        before = sys.gettrace()  # a debugger's, or coverage's
        sys.settrace(enter)
        try:
            yield
        finally:
            sys.settrace(before)


def _memory(call: Call) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
