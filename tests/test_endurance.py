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
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from random import Random
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread
import pytest
import trio

from codepipeline_client import (
    AsyncCodePipelineClient,
    AttemptReport,
    CodePipelineClient,
    CodePipelineError,
    ConfigurationError,
    ConnectionFailedError,
    GetPipelineExecutionOutput,
    RequestTimeoutError,
)
from codepipeline_client._call import base_client
from codepipeline_client._http import TransportOptions
from codepipeline_client._protocol.messages import Response
from codepipeline_client.clock import SystemClock
from codepipeline_client.models import PipelineExecution
from codepipeline_client.testing import IncomingRequest, LocalCodePipeline, faults, make_pipeline_execution
from tests.endpoint import Outcome, options_for

CALLS: Final = int(os.environ.get("CALLS", "2000"))
MIB: Final = 1024 * 1024
SOON: Final = 5.0
"""Seconds that nothing here takes, unless it hangs."""

T = TypeVar("T")
BACKENDS: Final = pytest.mark.parametrize("backend", ["asyncio", "trio"])
CAN_FORK: Final = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
MAY_WARN_OF_FORKS: Final = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def input_of(execution: PipelineExecution) -> dict[str, Any]:
    return {"pipeline_name": execution.pipeline_name, "pipeline_execution_id": execution.pipeline_execution_id}


def called(client: CodePipelineClient, execution: PipelineExecution, **more: Any) -> Outcome:
    try:
        return client.get_pipeline_execution(**input_of(execution), **more)
    except CodePipelineError as error:
        return error


async def acalled(client: AsyncCodePipelineClient, execution: PipelineExecution, **more: Any) -> Outcome:
    try:
        return await client.get_pipeline_execution(**input_of(execution), **more)
    except CodePipelineError as error:
        return error


def good(outcome: Outcome, execution: PipelineExecution) -> bool:
    assert isinstance(outcome, GetPipelineExecutionOutput), outcome
    return outcome.pipeline_execution == execution


# Memory and processor

GLUTTON: Final = """
import sys
import tracemalloc
import anyio
from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, Credentials, ResponseDecodeError

kind, url, name, execution_id, key, secret = sys.argv[1:]
wanted = {"pipeline_name": name, "pipeline_execution_id": execution_id}
credentials = Credentials(access_key_id=key, secret_access_key=secret)
options = {"region_name": "us-east-1", "endpoint_url": url, "credentials": credentials, "retry_mode": "off"}

def note(number):
    global before
    if number == 5:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()

def sync():
    with CodePipelineClient(**options) as client:
        for number in range(5 + 9):
            note(number)
            try:
                client.get_pipeline_execution(**wanted)
            except ResponseDecodeError:
                assert number >= 5

async def main():
    async with AsyncCodePipelineClient(**options) as client:
        for number in range(5 + 9):
            note(number)
            try:
                await client.get_pipeline_execution(**wanted)
            except ResponseDecodeError:
                assert number >= 5

tracemalloc.start()
sync() if kind == "sync" else anyio.run(main, backend=kind)
print(tracemalloc.get_traced_memory()[1] - before)
"""
"""Five good calls, then nine that fail; prints the most memory that these took at any moment, in bytes."""


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_bodies_without_end_cost_little_memory(service: LocalCodePipeline, kind: str) -> None:
    """By tracemalloc's peak, in a process of its own: the resident peak would begin with that of the parent."""
    huge = (faults.GzipBomb(), faults.EndlessBody(), faults.OversizeBody())
    service.inject_by(lambda request: huge[request.number % 3] if request.number > 5 else None)
    execution, secrets = make_pipeline_execution(), service.credentials
    about = (*input_of(execution).values(), secrets.access_key_id, secrets.secret_access_key)
    ran = subprocess.run(
        [sys.executable, "-c", GLUTTON, kind, service.endpoint_url, *about], check=True, capture_output=True, text=True
    )
    assert len(service.requests) == 5 + 9
    assert int(ran.stdout) < 8 * MIB


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_a_failed_call_keeps_nothing_of_the_response(service: LocalCodePipeline, kind: str) -> None:
    """Not in its error's frames, nor in a cycle of the error with them: the garbage collector may come late."""
    service.inject(faults.OversizeBody(), times=None)
    options = options_for(service, retry_mode="off")
    execution = make_pipeline_execution()

    async def main() -> Outcome:
        async with AsyncCodePipelineClient(**options) as client:
            return await acalled(client, execution)

    gc.collect()
    known = [each for each in gc.get_objects() if isinstance(each, Response)]  # those of other tests' tables
    gc.disable()
    try:
        if kind == "sync":
            with CodePipelineClient(**options) as client:
                outcome = called(client, execution)
        else:
            outcome = anyio.run(main, backend=kind)
        assert isinstance(outcome, CodePipelineError)
        assert not [
            each for each in gc.get_objects() if isinstance(each, Response) and not any(each is one for one in known)
        ]
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
        outcome = called(client, make_pipeline_execution())
        took = time.thread_time() - began
    assert isinstance(outcome, CodePipelineError)
    assert not isinstance(outcome, RequestTimeoutError)
    assert took < 1.0, "seconds of processor time of this thread"


# Many tasks


@BACKENDS
def test_cancelled_calls_take_no_connection_along(
    service: LocalCodePipeline, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A random half of the calls is cancelled or timed out, at any moment; thirty at a time, over ten connections."""
    execution = make_pipeline_execution()
    chance = Random(3)
    service.inject_by(faults.at_random(faults.Delay(seconds=0.003), probability=0.3, random=Random(4)))
    left = iter(range(CALLS))
    ends = {"well": 0, "cancelled": 0, "timed out": 0}

    async def disturbed(client: AsyncCodePipelineClient) -> str:
        moment = chance.uniform(0, 0.03)
        if chance.random() < 0.5:
            with anyio.move_on_after(moment):
                return "well" if good(await acalled(client, execution), execution) else "wrong"
            return "cancelled"
        outcome = await acalled(client, execution, timeout=moment)
        if isinstance(outcome, RequestTimeoutError):
            assert outcome.limit == "timeout"
            return "timed out"
        return "well" if good(outcome, execution) else "wrong"

    async def several(client: AsyncCodePipelineClient) -> None:
        for _ in left:
            if chance.random() < 0.5:
                ends[await disturbed(client)] += 1
            else:
                assert good(await acalled(client, execution), execution)

    async def main() -> None:
        tasks_before = count_tasks(backend)
        async with AsyncCodePipelineClient(**options_for(service, max_connections=10, timeout=None)) as client:
            assert good(await acalled(client, execution), execution)
            async with anyio.create_task_group() as tasks:
                for _ in range(30):
                    tasks.start_soon(several, client)
            service.clear_faults()
            for _ in range(100):
                assert good(await acalled(client, execution), execution)
            assert service.open_connections <= 10
            assert 0 < open_sockets(service) <= 10
            assert count_tasks(backend) == tasks_before
        assert count_tasks(backend) == tasks_before
        assert open_sockets(service) == 0
        assert service.open_connections == 0

    with caplog.at_level(logging.WARNING):
        anyio.run(main, backend=backend)
        gc.collect()
    assert min(ends["cancelled"], ends["timed out"]) > CALLS // 50, f"not much of each: {ends}"
    assert not caplog.records


def count_tasks(backend: str) -> int:
    return len(asyncio.all_tasks()) if backend == "asyncio" else trio.lowlevel.current_statistics().tasks_living


def open_sockets(service: LocalCodePipeline) -> int:
    """Return how many sockets of this process are connected to the service, also those that nothing refers to."""
    address = ("127.0.0.1", int(service.endpoint_url.rpartition(":")[2]))
    count = 0
    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.fileno() >= 0:
            with suppress(OSError):
                count += each.getpeername() == address
    return count


# Forks

PARENT: Final = make_pipeline_execution(pipeline_name="parent")
CHILD: Final = make_pipeline_execution(pipeline_name="child")


@pytest.fixture
def family(service: LocalCodePipeline) -> LocalCodePipeline:
    service.put_execution(PARENT)
    service.put_execution(CHILD)
    return service


def in_child(action: Callable[[], bool]) -> bool:
    """Return what *action* returns in a forked process. It ends there without what a process does at its end."""
    child = os.fork()
    if child == 0:  # no test may go on here
        result = False
        try:
            result = action()
        finally:
            os._exit(0 if result else 1)
    return os.waitpid(child, 0)[1] == 0


def connections_of(service: LocalCodePipeline, execution: PipelineExecution) -> set[int]:
    name = execution.pipeline_name
    return {each.connection_number for each in service.requests if each.input and each.input["pipelineName"] == name}


@CAN_FORK
@MAY_WARN_OF_FORKS
def test_a_forked_child_makes_connections_of_its_own(family: LocalCodePipeline) -> None:
    """And when it closes the client, that is its own copy: the parent's connection goes on."""
    with CodePipelineClient(**options_for(family, timeout=SOON)) as client:

        def child() -> bool:
            are_good = all(good(called(client, CHILD), CHILD) for _ in range(3))
            client.close()
            return are_good and isinstance(called(client, CHILD), ConfigurationError)

        assert good(called(client, PARENT), PARENT)
        assert in_child(child)
        assert good(called(client, PARENT), PARENT)
        assert in_child(child)
        assert good(called(client, PARENT), PARENT)
    assert len(connections_of(family, PARENT)) == 1
    assert len(connections_of(family, CHILD)) == 2
    assert not connections_of(family, PARENT) & connections_of(family, CHILD)


@CAN_FORK
@MAY_WARN_OF_FORKS
def test_a_fork_in_the_middle_of_a_call_harms_neither(family: LocalCodePipeline) -> None:
    """The only connection is in use when the child begins: it waits for nobody, and the call in the parent goes on."""
    arrived = threading.Event()
    family.inject_by(once(arrived, faults.Hang()))
    options = options_for(family, max_connections=1, timeout=SOON)
    with CodePipelineClient(**options) as client, ThreadPoolExecutor(1) as threads:
        pending = threads.submit(called, client, PARENT)
        assert arrived.wait(SOON)
        assert in_child(lambda: good(called(client, CHILD), CHILD))
        assert not pending.done()
        family.close_connections()
        assert good(pending.result(SOON), PARENT)
    assert not connections_of(family, PARENT) & connections_of(family, CHILD)


@CAN_FORK
@MAY_WARN_OF_FORKS
@BACKENDS
def test_a_forked_childs_event_loop_makes_connections_of_its_own(family: LocalCodePipeline, backend: str) -> None:
    client = AsyncCodePipelineClient(**options_for(family, timeout=SOON))

    async def twice(execution: PipelineExecution) -> bool:
        return good(await acalled(client, execution), execution) and good(await acalled(client, execution), execution)

    async def child() -> bool:
        result = await twice(CHILD)
        await client.aclose()
        return result

    assert anyio.run(twice, PARENT, backend=backend)
    assert in_child(lambda: anyio.run(child, backend=backend))
    assert anyio.run(twice, PARENT, backend=backend)
    assert len(connections_of(family, CHILD)) == 1
    assert not connections_of(family, PARENT) & connections_of(family, CHILD)
    anyio.run(client.aclose, backend=backend)


@CAN_FORK
@MAY_WARN_OF_FORKS
def test_a_forked_child_that_goes_on_with_the_event_loop_makes_connections_of_its_own(
    family: LocalCodePipeline,
) -> None:
    """As workers do that are forked after a first call: all of them have the loop that was made before."""
    client = AsyncCodePipelineClient(**options_for(family, timeout=SOON))

    def twice(execution: PipelineExecution) -> bool:
        return all(good(runner.run(acalled(client, execution)), execution) for _ in range(2))

    with asyncio.Runner() as runner:
        assert twice(PARENT)
        assert in_child(lambda: twice(CHILD))
        assert twice(PARENT)
        runner.run(client.aclose())
    assert len(connections_of(family, PARENT)) == 1
    assert len(connections_of(family, CHILD)) == 1
    assert not connections_of(family, PARENT) & connections_of(family, CHILD)


def once(arrived: threading.Event, fault: faults.Fault) -> Callable[[IncomingRequest], faults.Fault | None]:
    """Return a rule that lets *fault* happen to the first request, and tells that it *arrived*."""

    def rule(request: IncomingRequest) -> faults.Fault | None:
        is_first = not arrived.is_set()
        arrived.set()
        return fault if is_first else None

    return rule


# Closing in the middle


@dataclass
class Closing:
    """What a call is in the middle of when its client is closed."""

    service: LocalCodePipeline
    patch: pytest.MonkeyPatch
    has_begun: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    """Lets go what is waited for in the end: a call that a close does not end must fail here, not hang."""

    def waits(self, *_: object) -> Any:
        """Begin, and wait until the end."""
        self.has_begun.set()
        self.release.wait()
        return self.service.credentials


Begin = Callable[[Closing], dict[str, Any]]
"""Prepares the middle of a call, and returns options of the client."""


def in_a_response(fault: faults.Fault) -> Begin:
    def begin(closing: Closing) -> dict[str, Any]:
        closing.service.inject_by(once(closing.has_begun, fault))
        return {"max_connections": 1}

    return begin


def in_a_connect(closing: Closing) -> dict[str, Any]:
    """To a listener whose queue is full: the system takes part in no more handshakes."""
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    weakref.finalize(closing, full.close)
    for _ in range(4):
        waiting = socket.socket()
        weakref.finalize(closing, waiting.close)
        waiting.setblocking(False)
        waiting.connect_ex(full.getsockname())

    def provider() -> Any:
        closing.has_begun.set()
        return closing.service.credentials

    return {"endpoint_url": f"http://127.0.0.1:{full.getsockname()[1]}", "credentials": provider}


def in_a_pause(closing: Closing) -> dict[str, Any]:
    """Which would have lasted for days."""

    def very_long(*_: object, **__: object) -> float:
        return 1e6

    def begins(_: AttemptReport) -> None:
        closing.has_begun.set()

    closing.patch.setattr("codepipeline_client._call.retry.backoff", very_long)
    closing.service.put_error("ThrottlingException")
    return {"on_attempt": begins, "clock": SystemClock()}


def in_a_wait_for_credentials(closing: Closing) -> dict[str, Any]:
    return {"credentials": closing.waits}


def in_a_wait_for_settings(closing: Closing) -> dict[str, Any]:
    """In a file that is a pipe, say, or on a disk that does not respond."""
    closing.patch.setattr(base_client, "resolve", closing.waits)
    return {}


def in_a_wait_for_ca_files(closing: Closing) -> dict[str, Any]:
    closing.patch.setattr(TransportOptions, "tls_context", closing.waits)
    return {"endpoint_url": closing.service.endpoint_url.replace("http:", "https:")}


MIDDLES: Final = {
    "silence": (in_a_response(faults.Hang()), 2, 1),
    "body": (in_a_response(faults.SlowBody(seconds_per_byte=9)), 2, 1),
    "connect": (in_a_connect, 1, 1),
    "pause": (in_a_pause, 1, 1),
    "credentials": (in_a_wait_for_credentials, 3, 0),
    "ca-files": (in_a_wait_for_ca_files, 3, 1),
    "settings": (in_a_wait_for_settings, 3, 0),
}
"""What begins it, how many calls there are, and how many attempts each of them has made."""


@pytest.mark.parametrize(
    ("kind", "middle"),
    # A sync client reads the settings in the thread of the call.
    [each for each in product(["sync", "asyncio", "trio"], MIDDLES) if each != ("sync", "settings")],
)
def test_closing_ends_calls_at_once(
    service: LocalCodePipeline, kind: str, middle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those in flight, those that wait for the only connection, and those that wait for anything else."""
    begin, calls, attempts = MIDDLES[middle]
    closing = Closing(service, monkeypatch)
    options = {"timeout": None, "connect_timeout": None, "read_timeout": None, **begin(closing)}
    outcomes = closed(kind, options_for(service, **options), closing, calls=calls)
    assert len(outcomes) == calls
    for outcome in outcomes:
        assert isinstance(outcome, ConnectionFailedError), outcome
        assert "the client was closed" in str(outcome)
        assert not outcome.may_pass
        assert outcome.attempts == attempts
    assert len(service.requests) <= 1


def let_settle(threads: Iterable[threading.Thread]) -> None:
    """Return when none of *threads* has moved for a while: each waits for something."""
    seen: list[tuple[int, int]] = []
    still = 0
    while still < 10:
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented, in spite of its name
        now = [(id(frames[thread.ident]), frames[thread.ident].f_lasti) for thread in threads if thread.ident in frames]
        still = still + 1 if now == seen else 0
        seen = now
        time.sleep(0.01)


def closed(kind: str, options: dict[str, Any], closing: Closing, *, calls: int) -> list[Outcome]:
    """Return how *calls* end when the client is closed while the first of them is in flight."""
    execution = make_pipeline_execution()
    outcomes: list[Outcome] = []

    async def one(client: AsyncCodePipelineClient) -> None:
        outcomes.append(await acalled(client, execution))

    async def main() -> None:
        client = AsyncCodePipelineClient(**options)
        with anyio.fail_after(SOON):
            async with anyio.create_task_group() as tasks:
                for _ in range(calls):
                    tasks.start_soon(one, client)
                await anyio.to_thread.run_sync(closing.has_begun.wait, SOON)
                await anyio.wait_all_tasks_blocked()
                await client.aclose()

    def threaded() -> list[Outcome]:
        client = CodePipelineClient(**options)
        with ThreadPoolExecutor(calls) as threads:
            try:
                pending: list[Future[Outcome]] = [
                    threads.submit(partial(called, client, execution)) for _ in range(calls)
                ]
                assert closing.has_begun.wait(SOON)
                let_settle(threads._threads)
                client.close()
                return [each.result(SOON) for each in pending]
            finally:  # before the threads are waited for
                closing.release.set()

    if kind == "sync":
        return threaded()
    try:
        anyio.run(main, backend=kind)
    finally:
        closing.release.set()
    return outcomes


# Few file descriptors

FEW_FILES: Final = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
import anyio
from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, Credentials, ConnectionFailedError

kind, url, name, execution_id, key, secret = sys.argv[1:]
wanted = {"pipeline_name": name, "pipeline_execution_id": execution_id}
credentials = Credentials(access_key_id=key, secret_access_key=secret)
options = {"region_name": "us-east-1", "endpoint_url": url, "credentials": credentials, "max_connections": 100}

def sync():
    with CodePipelineClient(**options) as client, ThreadPoolExecutor(100) as threads:
        client.get_pipeline_execution(**wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        calls = [threads.submit(client.get_pipeline_execution, **wanted) for _ in range(100)]
        outcomes = [call.exception() for call in calls]
        return outcomes, [client.get_pipeline_execution(**wanted) for _ in range(3)]

async def tasks():
    async with AsyncCodePipelineClient(**options) as client:
        outcomes = []
        await client.get_pipeline_execution(**wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

        async def call():
            try:
                await client.get_pipeline_execution(**wanted)
            except Exception as error:
                outcomes.append(error)
            else:
                outcomes.append(None)

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(call)
        return outcomes, [await client.get_pipeline_execution(**wanted) for _ in range(3)]

outcomes, after = sync() if kind == "sync" else anyio.run(tasks, backend=kind)
failures = [each for each in outcomes if each is not None]
print(len(outcomes), len(failures) > 0, {type(each).__name__ for each in failures}, len(after))
"""
"""A hundred calls at once where 64 files may be open: prints how they ended, and whether calls after it do well."""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_too_few_file_descriptors_end_in_typed_errors_and_heal(service: LocalCodePipeline, kind: str) -> None:
    execution = make_pipeline_execution()
    service.put_execution(execution)
    service.inject(faults.Delay(seconds=0.3), times=None)
    arguments = [kind, service.endpoint_url, execution.pipeline_name, execution.pipeline_execution_id]
    secrets = [service.credentials.access_key_id, service.credentials.secret_access_key]
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES, *arguments, *secrets], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("100 True {'ConnectionFailedError'} 3\n", "")
