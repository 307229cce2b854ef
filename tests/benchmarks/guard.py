"""
Hold what a call costs against what bare httpx needs, by counting: the same on a busy machine and on a slow one.

    python -m tests.benchmarks guard

Counts the instructions of byte code that a call runs, and the memory that it has at its peak, in memory and over
loopback, in this process; takes no time of anything, asks no peer, and lasts seconds. Blind to what waits, to work
inside of C functions and to other threads: that is for the comparison. Knows of the package what its users know.
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

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, OnAttempt
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

from . import table

Act = Callable[[], object]


class Asked(TypedDict):
    """What every call asks for."""

    pipeline_name: str
    pipeline_execution_id: str


ASKED: Final = Asked(pipeline_name="web", pipeline_execution_id="7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31")
HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
}
BODY: Final = json.dumps(
    {"pipelineName": ASKED["pipeline_name"], "pipelineExecutionId": ASKED["pipeline_execution_id"]}
).encode()
WARM_UP: Final = 10
"""Calls before the first count, so that connections are open and caches are full."""

BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "sync, in memory": (1.0, 1.5),
    "async, in memory": (1.1, 1.5),
    "sync, loopback": (0.5, 1.5),
    "async, loopback": (0.6, 0.3),
}
"""How much of bare httpx's instructions and peak memory a call may take: with room for what comes with versions, and
none for a way through httpcore."""


@dataclass(frozen=True)
class Count:
    """What one call took."""

    instructions: int
    memory: int
    """Bytes at the peak, above what was there before."""


@dataclass(frozen=True)
class Finding:
    """What one call of this package took, and one of bare httpx."""

    title: str
    ours: Count
    httpx: Count

    def ratios(self) -> tuple[float, float]:
        """Return ours over httpx's: instructions, memory."""
        return self.ours.instructions / self.httpx.instructions, self.ours.memory / self.httpx.memory

    def is_kept(self) -> bool:
        """Return whether both are within their bounds."""
        return all(ratio <= bound for ratio, bound in zip(self.ratios(), BOUNDS[self.title], strict=True))


def main() -> int:
    findings = measure()
    rows = [("ratio to bare httpx", "instructions", "at most", "peak memory", "at most", "")]
    for each in findings:
        (instructions, memory), (most_instructions, most_memory) = each.ratios(), BOUNDS[each.title]
        told = f"{each.ours.instructions} / {each.httpx.instructions} = {instructions:.2f}"
        kept = f"{each.ours.memory} / {each.httpx.memory} = {memory:.2f}"
        rows.append((each.title, told, f"{most_instructions}", kept, f"{most_memory}", _word(each)))
    print(table.columns(rows))
    return 0 if all(each.is_kept() for each in findings) else 1


def _word(finding: Finding) -> str:
    return "kept" if finding.is_kept() else "BROKEN"


def measure(on_attempt: OnAttempt | None = None) -> list[Finding]:
    """Count one call of each kind. *on_attempt* is the client's, and its work counts as the client's own."""
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(make_pipeline_execution(pipeline_name=ASKED["pipeline_name"]))
        options: dict[str, Any] = {
            "region_name": endpoint.region_name,
            "endpoint_url": endpoint.endpoint_url,
            "credentials": endpoint.credentials,
            "on_attempt": on_attempt,
        }
        with CodePipelineClient(**options) as client:
            answer = json.dumps(client.get_pipeline_execution(**ASKED).raw).encode()
        in_memory = httpx.MockTransport(lambda _: httpx.Response(200, headers=HEADERS, content=answer))
        findings: list[Finding] = []
        for place, transport in (("in memory", in_memory), ("loopback", None)):
            for kind, calls in (("sync", sync_calls), ("async", async_calls)):
                with calls(endpoint.endpoint_url, transport, {**options, "transport": transport}) as (ours, bare):
                    findings.append(Finding(f"{kind}, {place}", count(ours), count(bare)))
        return findings


@contextmanager
def sync_calls(
    url: str, transport: httpx.MockTransport | None, options: Mapping[str, Any]
) -> Generator[tuple[Act, Act]]:
    with CodePipelineClient(**options) as client, httpx.Client(transport=transport) as bare:
        yield (
            lambda: client.get_pipeline_execution(**ASKED),
            lambda: bare.post(url, headers=HEADERS, content=BODY).json(),
        )


@contextmanager
def async_calls(
    url: str, transport: httpx.MockTransport | None, options: Mapping[str, Any]
) -> Generator[tuple[Act, Act]]:
    """Yield calls that run the event loop, whose own work for one task is in both."""
    with ExitStack() as behind:
        runner = behind.enter_context(asyncio.Runner())
        client, bare = AsyncCodePipelineClient(**options), httpx.AsyncClient(transport=transport)
        behind.callback(lambda: runner.run(client.aclose()))
        behind.callback(lambda: runner.run(bare.aclose()))

        async def post() -> object:
            return (await bare.post(url, headers=HEADERS, content=BODY)).json()

        yield lambda: runner.run(client.get_pipeline_execution(**ASKED)), lambda: runner.run(post())


def count(act: Act) -> Count:
    """Return what *act* takes once it is warm: the least of three, since the garbage collector may cut in."""
    for _ in range(WARM_UP):
        act()
    return Count(
        instructions=min(_instructions(act) for _ in range(3)),
        memory=min(_memory(act) for _ in range(3)),
    )


def _instructions(act: Act) -> int:
    counted, here = 0, threading.get_ident()

    def step(*_: object) -> None:
        nonlocal counted
        counted += threading.get_ident() == here  # the endpoint has threads of its own

    with _each_instruction(step):
        act()
    return counted


if sys.version_info >= (3, 12):

    @contextmanager
    def _each_instruction(step: Callable[..., None]) -> Generator[None]:
        tell = sys.monitoring
        tool = next(number for number in range(6) if tell.get_tool(number) is None)
        tell.use_tool_id(tool, "guard")
        tell.register_callback(tool, tell.events.INSTRUCTION, step)
        tell.set_events(tool, tell.events.INSTRUCTION)
        try:
            yield
        finally:
            tell.set_events(tool, tell.events.NO_EVENTS)
            tell.register_callback(tool, tell.events.INSTRUCTION, None)
            tell.free_tool_id(tool)

else:

    @contextmanager
    def _each_instruction(step: Callable[..., None]) -> Generator[None]:
        def enter(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            if event == "opcode":
                step()
            return enter

        before = sys.gettrace()  # of a debugger, or of what measures coverage
        sys.settrace(enter)
        try:
            yield
        finally:
            sys.settrace(before)


def _memory(act: Act) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        act()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
