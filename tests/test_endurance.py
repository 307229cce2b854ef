"""
Left running: many calls, threads, tasks, loops and processes on one client, and responses made to use it up.

Single faults are in test_faults. `CALLS=10000 python -m pytest tests/test_endurance.py -k cancelled` makes that many
calls where the suite makes 2 000.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, Final

import anyio
import pytest

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, Credentials, errors
from codepipeline_client._call import base_client, retry
from codepipeline_client._http import TransportOptions
from codepipeline_client._protocol.messages import Response
from codepipeline_client.clock import SystemClock
from codepipeline_client.models import PipelineExecution
from codepipeline_client.testing import IncomingRequest, LocalCodePipeline, faults, make_pipeline_execution
from tests._http.peer import full_listener
from tests.clients import KINDS, Blocking, let_settle, opened
from tests.endpoint import EXECUTION, Outcome, options_for, outcome_of, succeeded
from tests.forks import CAN_FORK, MAY_WARN_OF_FORKS, in_child

CALLS: Final = int(os.environ.get("CALLS", "2000"))
MIB: Final = 1024 * 1024
SOON: Final = 5.0
"""Seconds that nothing here takes, unless it hangs."""


def called(client: CodePipelineClient, execution: PipelineExecution = EXECUTION) -> Outcome:
    return outcome_of(client, pipeline_name=execution.pipeline_name)


async def acalled(client: AsyncCodePipelineClient, execution: PipelineExecution = EXECUTION, **more: Any) -> Outcome:
    name, execution_id = execution.pipeline_name, execution.pipeline_execution_id
    try:
        return await client.get_pipeline_execution(pipeline_name=name, pipeline_execution_id=execution_id, **more)
    except errors.CodePipelineError as error:
        return error


def in_process(action: Callable[..., object], kind: str, service: LocalCodePipeline) -> str:
    """Return what *action* prints in a process of its own."""
    secrets = service.credentials
    code = f"import sys; from tests.test_endurance import {action.__name__}; {action.__name__}(*sys.argv[1:])"
    arguments = [kind, service.endpoint_url, secrets.access_key_id, secrets.secret_access_key]
    root = Path(__file__).parents[1]
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, check=False, cwd=root, capture_output=True, text=True, timeout=60)
    assert not done.stderr
    return done.stdout


def options_of(url: str, key: str, secret: str) -> dict[str, Any]:
    credentials = Credentials(access_key_id=key, secret_access_key=secret)
    return {"region_name": "us-east-1", "endpoint_url": url, "credentials": credentials}


def print_memory(kind: str, *endpoint: str) -> None:
    """Print the most memory that nine failed calls took at any moment, in bytes. Five good ones come before."""
    with opened(kind, retry_mode="off", **options_of(*endpoint)) as client:
        assert all(succeeded(called(client), 1) for _ in range(5))
        tracemalloc.start()
        assert all(isinstance(called(client), errors.CodePipelineError) for _ in range(9))
        print(tracemalloc.get_traced_memory()[1])


def test_bodies_without_end_cost_little_memory(service: LocalCodePipeline, kind: str) -> None:
    """By tracemalloc's peak, in a process without the service."""
    huge = (faults.GzipBomb(), faults.EndlessBody(), faults.OversizeBody())
    service.inject_by(lambda request: huge[request.number % 3] if request.number > 5 else None)
    assert int(in_process(print_memory, kind, service)) < 8 * MIB
    assert len(service.requests) == 5 + 9


def test_a_failed_call_keeps_nothing_of_the_response(service: LocalCodePipeline, kind: str) -> None:
    """Not in its error's frames, nor in a cycle of the error with them: the garbage collector may come late."""
    service.inject(faults.OversizeBody(), times=None)
    gc.collect()
    known = {id(each): each for each in gc.get_objects() if isinstance(each, Response)}  # of other tests' tables
    gc.disable()
    try:
        with opened(kind, **options_for(service, retry_mode="off")) as client:
            outcome = called(client)
        assert isinstance(outcome, errors.CodePipelineError)
        assert not [each for each in gc.get_objects() if isinstance(each, Response) and id(each) not in known]
    finally:
        gc.enable()


LISTING: Final = b'{"pipelineExecution":{"status":"x","artifactRevisions":[%s]}}'

WEARING: Final = [
    pytest.param(b"{" + b",".join([b'"a":1'] * 1_000_000) + b"}", id="10^6-duplicate-keys"),
    pytest.param(b"{" + b",".join([b'"":0'] * 400_000) + b"}", id="as-many-duplicate-keys-as-fit"),
    pytest.param(b"{" + b",".join(b'"%x":0' % key for key in range(200_000)) + b"}", id="as-many-keys-as-fit"),
    pytest.param(b'{"":[' + b",".join([b"[]"] * 690_000) + b"]}", id="as-many-lists-as-fit"),
    pytest.param(LISTING % b",".join([b"{}"] * 690_000), id="as-many-revisions-as-fit"),
    pytest.param(b"[" * 100_000, id="lists-100000-deep"),
    pytest.param(b'{"a":' * 100_000, id="objects-100000-deep"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, id="lists-100000-deep-and-closed"),
    pytest.param(b'{"pipelineExecution":{"status":"x","pipelineVersion":' + b"9" * 5000 + b"}}", id="5000-digits"),
    pytest.param(b"1." + b"1" * 2_000_000, id="2000000-decimals"),
    pytest.param(b'{"message":"' + b"\\u0001" * 340_000 + b'"}', id="340000-control-characters"),
    pytest.param(b'{"message":"' + b"\\ud800" * 340_000 + b'"}', id="340000-half-characters"),
    pytest.param(b"\n\r\n" * 690_000, id="blank-lines"),
]


@pytest.mark.parametrize("status_code", [200, 400])
@pytest.mark.parametrize("body", WEARING)
def test_a_response_that_wears_out_the_parser_is_typed_soon(
    service: LocalCodePipeline, body: bytes, status_code: int
) -> None:
    service.put_response(body=body, status_code=status_code)
    with CodePipelineClient(**options_for(service, retry_mode="off")) as client:
        began = time.thread_time()
        outcome = called(client)
        took = time.thread_time() - began
    assert isinstance(outcome, errors.CodePipelineError)
    assert not isinstance(outcome, errors.RequestTimeoutError)
    assert took < 1.0, "seconds of processor time of this thread"


@pytest.mark.anyio
async def test_cancelled_calls_take_no_connection_along(
    service: LocalCodePipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """A random half of the calls is cancelled or timed out, at any moment; thirty at a time, over ten connections."""
    chance, ends, left = Random(3), Counter[str](), iter(range(CALLS))
    service.inject_by(faults.at_random(faults.Delay(seconds=0.003), probability=0.3, random=Random(4)))

    async def several(client: AsyncCodePipelineClient) -> None:
        for _ in left:
            moment, disturbance = chance.uniform(0, 0.03), chance.choice(["", "", "cancelled", "timeout"])
            with anyio.move_on_after(moment if disturbance == "cancelled" else None) as scope:
                outcome = await acalled(client, timeout=moment if disturbance == "timeout" else None)
                if isinstance(outcome, errors.RequestTimeoutError):
                    ends[outcome.limit] += 1
                else:
                    assert succeeded(outcome, 1)
            ends["cancelled"] += scope.cancelled_caught

    tasks_before = {*anyio.get_running_tasks()}
    async with AsyncCodePipelineClient(**options_for(service, max_connections=10, timeout=None)) as client:
        assert succeeded(await acalled(client), 1)
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(several, client)
        service.clear_faults()
        for _ in range(100):
            assert succeeded(await acalled(client), 1)
        assert service.open_connections <= 10
        assert 0 < open_sockets(service) <= 10
        assert {*anyio.get_running_tasks()} == tasks_before
    assert {*anyio.get_running_tasks()} == tasks_before
    assert open_sockets(service) == 0
    assert service.open_connections == 0
    gc.collect()
    assert set(ends) == {"cancelled", "timeout"}
    assert min(ends.values()) > CALLS // 50, f"not much of each: {ends}"
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def open_sockets(service: LocalCodePipeline) -> int:
    """Return how many sockets of this process are connected to the service, also those that nothing refers to."""
    address = ("127.0.0.1", int(service.endpoint_url.rpartition(":")[2]))
    count = 0
    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.fileno() >= 0:
            with suppress(OSError):
                count += each.getpeername() == address
    return count


PARENT: Final = make_pipeline_execution(pipeline_name="parent")
CHILD: Final = make_pipeline_execution(pipeline_name="child")


def good(outcome: Outcome, execution: PipelineExecution) -> bool:
    return not isinstance(outcome, errors.CodePipelineError) and outcome.pipeline_execution == execution


def connections_of(service: LocalCodePipeline, execution: PipelineExecution) -> set[int]:
    name = execution.pipeline_name
    return {each.connection_number for each in service.requests if each.input and each.input["pipelineName"] == name}


@CAN_FORK
@MAY_WARN_OF_FORKS
@pytest.mark.parametrize("kind", [*KINDS, "same-loop"])
def test_a_forked_child_makes_connections_of_its_own(service: LocalCodePipeline, kind: str) -> None:
    """
    And when it closes the client, that is its own copy: the parent's connection goes on.

    Workers that are forked after a first call go on with the event loop that was made before.
    """
    service.put_execution(PARENT)
    service.put_execution(CHILD)
    options = options_for(service, timeout=SOON)
    client, async_client, runner = CodePipelineClient(**options), AsyncCodePipelineClient(**options), asyncio.Runner()

    async def twice_async(execution: PipelineExecution, closes: bool) -> bool:
        is_good = all([good(await acalled(async_client, execution), execution) for _ in range(2)])
        if closes:
            await async_client.aclose()
            return is_good and isinstance(await acalled(async_client, execution), errors.ConfigurationError)
        return is_good

    def twice(execution: PipelineExecution, *, closes: bool = False) -> bool:
        if kind == "same-loop":
            return runner.run(twice_async(execution, closes))
        if kind != "sync":
            return anyio.run(twice_async, execution, closes, backend=kind)
        is_good = all(good(called(client, execution), execution) for _ in range(2))
        if closes:
            client.close()
            return is_good and isinstance(called(client, execution), errors.ConfigurationError)
        return is_good

    with runner:
        for _ in range(2):
            assert twice(PARENT)
            assert in_child(lambda: twice(CHILD, closes=True))
        assert twice(PARENT, closes=True)
    assert len(connections_of(service, PARENT)) == (3 if kind in ("asyncio", "trio") else 1)
    assert len(connections_of(service, CHILD)) == 2
    assert not connections_of(service, PARENT) & connections_of(service, CHILD)


@CAN_FORK
@MAY_WARN_OF_FORKS
def test_a_fork_in_the_middle_of_a_call_harms_neither(service: LocalCodePipeline) -> None:
    """The only connection is in use when the child begins: it waits for nobody, and the call in the parent goes on."""
    service.put_execution(PARENT)
    service.put_execution(CHILD)
    arrived = threading.Event()
    service.inject_by(once(arrived, faults.Hang()))
    options = options_for(service, max_connections=1, timeout=SOON)
    with CodePipelineClient(**options) as client, ThreadPoolExecutor(1) as threads:
        pending = threads.submit(called, client, PARENT)
        assert arrived.wait(SOON)
        assert in_child(lambda: good(called(client, CHILD), CHILD))
        assert not pending.done()
        service.close_connections()
        assert good(pending.result(SOON), PARENT)
    assert not connections_of(service, PARENT) & connections_of(service, CHILD)


def once(arrived: threading.Event, fault: faults.Fault) -> Callable[[IncomingRequest], faults.Fault | None]:
    """Return a rule that lets *fault* happen to the first request, and tells that it *arrived*."""

    def rule(request: IncomingRequest) -> faults.Fault | None:
        is_first = not arrived.is_set()
        arrived.set()
        return fault if is_first else None

    return rule


def begin(
    middle: str, service: LocalCodePipeline, patch: pytest.MonkeyPatch, has_begun: threading.Event, stack: ExitStack
) -> dict[str, Any]:
    """Prepare the middle of a call, which sets *has_begun*, and return options of the client."""
    release = threading.Event()
    stack.callback(release.set)  # a call that a close does not end must fail, not hang

    def waits(*_: object) -> Any:
        has_begun.set()
        release.wait()

    def begins(*_: object) -> Credentials:
        has_begun.set()
        return service.credentials

    def very_long(*_: object, **__: object) -> float:
        return 1e6

    match middle:
        case "silence" | "body":
            fault = faults.Hang() if middle == "silence" else faults.SlowBody(seconds_per_byte=9)
            service.inject_by(once(has_begun, fault))
            return {"max_connections": 1}
        case "connect":
            url = f"http://127.0.0.1:{stack.enter_context(full_listener())}"
            return {"endpoint_url": url, "credentials": begins}
        case "pause":
            patch.setattr(retry, "backoff", very_long)
            service.put_error("ThrottlingException")
            return {"on_attempt": begins, "clock": SystemClock()}
        case "credentials":
            return {"credentials": waits}
        case "ca-files":
            patch.setattr(TransportOptions, "tls_context", waits)
            return {"endpoint_url": service.endpoint_url.replace("http:", "https:")}
        case _:  # in a file that is a pipe, say, or on a disk that does not respond
            patch.setattr(base_client, "resolve", waits)
            return {}


MIDDLES: Final = {
    "silence": (2, 1),
    "body": (2, 1),
    "connect": (1, 1),
    "pause": (1, 1),
    "credentials": (3, 0),
    "ca-files": (3, 1),
    "settings": (3, 0),
}
"""How many calls there are, and how many attempts each of them has made."""


@pytest.mark.parametrize(
    ("kind", "middle"),
    # A sync client reads the settings in the thread of the call.
    [each for each in product(KINDS, MIDDLES) if each != ("sync", "settings")],
)
def test_closing_ends_calls_at_once(
    service: LocalCodePipeline, kind: str, middle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those in flight, those that wait for the only connection, and those that wait for anything else."""
    calls, attempts = MIDDLES[middle]
    has_begun = threading.Event()
    with ThreadPoolExecutor(calls) as threads, ExitStack() as stack:
        options = begin(middle, service, monkeypatch, has_begun, stack)
        limits = {"timeout": None, "connect_timeout": None, "read_timeout": None}
        client = stack.enter_context(opened(kind, **options_for(service, **limits, **options)))
        pending = [threads.submit(called, client) for _ in range(calls)]
        assert has_begun.wait(SOON)
        let_settle(threads._threads)
        if isinstance(client, Blocking):
            client.portal.call(anyio.wait_all_tasks_blocked)
            client.aclose()
        else:
            client.close()
        outcomes = [each.result(SOON) for each in pending]
    for outcome in outcomes:
        assert isinstance(outcome, errors.ConnectionFailedError), outcome
        assert "the client was closed" in str(outcome)
        assert not outcome.may_pass
        assert outcome.attempts == attempts
    assert len(service.requests) <= 1


def print_outcomes(kind: str, *endpoint: str) -> None:
    """Make a hundred calls at once where 64 files may be open, and three calls after them."""
    import resource

    options = options_of(*endpoint)
    with opened(kind, max_connections=100, **options) as client, ThreadPoolExecutor(100) as threads:
        called(client)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        outcomes = list(threads.map(called, [client] * 100))
        print(len(outcomes), {type(each).__name__ for each in outcomes if isinstance(each, Exception)})
        print([succeeded(called(client), 1) for _ in range(3)])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_too_few_file_descriptors_end_in_typed_errors_and_heal(service: LocalCodePipeline, kind: str) -> None:
    service.inject(faults.Delay(seconds=0.3), times=None)
    printed = in_process(print_outcomes, kind, service)
    assert printed == "100 {'ConnectionFailedError'}\n[True, True, True]\n"
