"""
Left running: many calls, threads, tasks, loops and processes on one client, and answers made to use it up.

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
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from itertools import cycle
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
    ServiceError,
    ThrottlingException,
)
from codepipeline_client._call import base_client
from codepipeline_client._call.retry import RetryPolicy
from codepipeline_client._http import TransportOptions
from codepipeline_client._protocol.messages import Response
from codepipeline_client._protocol.sigv4 import sign
from codepipeline_client.clock import SystemClock
from codepipeline_client.models import PipelineExecution
from codepipeline_client.testing import IncomingRequest, LocalCodePipeline, faults, make_pipeline_execution

CALLS: Final = int(os.environ.get("CALLS", "2000"))
MIB: Final = 1024 * 1024
SOON: Final = 5.0
"""Seconds that nothing here takes, unless it hangs."""

Outcome = GetPipelineExecutionOutput | CodePipelineError
T = TypeVar("T")
BACKENDS: Final = pytest.mark.parametrize("backend", ["asyncio", "trio"])
CAN_FORK: Final = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
MAY_WARN_OF_FORKS: Final = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class NoPause:
    """The machine's clock, but sleeping takes no time."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None: ...

    async def sleep_async(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


@pytest.fixture
def service() -> Iterator[LocalCodePipeline]:
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(make_pipeline_execution())
        yield endpoint


def pointed_at(service: LocalCodePipeline, **more: object) -> dict[str, Any]:
    options = {
        "region_name": service.region_name,
        "endpoint_url": service.endpoint_url,
        "credentials": service.credentials,
        "clock": NoPause(),
    }
    return {**options, **more}


def asked(execution: PipelineExecution) -> dict[str, Any]:
    return {"pipeline_name": execution.pipeline_name, "pipeline_execution_id": execution.pipeline_execution_id}


def called(client: CodePipelineClient, execution: PipelineExecution, **more: Any) -> Outcome:
    try:
        return client.get_pipeline_execution(**asked(execution), **more)
    except CodePipelineError as error:
        return error


async def acalled(client: AsyncCodePipelineClient, execution: PipelineExecution, **more: Any) -> Outcome:
    try:
        return await client.get_pipeline_execution(**asked(execution), **more)
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
asked = {"pipeline_name": name, "pipeline_execution_id": execution_id}
keys = Credentials(access_key_id=key, secret_access_key=secret)
options = {"region_name": "us-east-1", "endpoint_url": url, "credentials": keys, "retry_mode": "off"}

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
                client.get_pipeline_execution(**asked)
            except ResponseDecodeError:
                assert number >= 5

async def main():
    async with AsyncCodePipelineClient(**options) as client:
        for number in range(5 + 9):
            note(number)
            try:
                await client.get_pipeline_execution(**asked)
            except ResponseDecodeError:
                assert number >= 5

tracemalloc.start()
sync() if kind == "sync" else anyio.run(main, backend=kind)
print(tracemalloc.get_traced_memory()[1] - before)
"""
"""Five good calls, then nine that fail; prints the most memory that these took at any moment, in bytes."""


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_answers_without_end_cost_little_memory(service: LocalCodePipeline, kind: str) -> None:
    """By tracemalloc's peak, in a process of its own: the resident peak would begin with that of the parent."""
    huge = (faults.GzipBomb(), faults.EndlessBody(), faults.OversizeBody())
    service.inject_by(lambda request: huge[request.number % 3] if request.number > 5 else None)
    execution, keys = make_pipeline_execution(), service.credentials
    about = (*asked(execution).values(), keys.access_key_id, keys.secret_access_key)
    ran = subprocess.run(
        [sys.executable, "-c", GLUTTON, kind, service.endpoint_url, *about], check=True, capture_output=True, text=True
    )
    assert len(service.requests) == 5 + 9
    assert int(ran.stdout) < 8 * MIB


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_a_failed_call_keeps_nothing_of_the_answer(service: LocalCodePipeline, kind: str) -> None:
    """Not in its error's frames, nor in a cycle of the error with them: the garbage collector may come late."""
    service.inject(faults.OversizeBody(), times=None)
    options = pointed_at(service, retry_mode="off")
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
def test_an_answer_that_wears_out_the_parser_is_typed_soon(
    service: LocalCodePipeline, body: bytes, status_code: int
) -> None:
    service.put_response(body=body, status_code=status_code)
    with CodePipelineClient(**pointed_at(service, retry_mode="off")) as client:
        began = time.thread_time()
        outcome = called(client, make_pipeline_execution())
        took = time.thread_time() - began
    assert isinstance(outcome, CodePipelineError)
    assert not isinstance(outcome, RequestTimeoutError)
    assert took < 1.0, "seconds of processor time of this thread"


# Many threads


def test_threads_under_faults_get_their_answers_and_the_quota_is_exact(service: LocalCodePipeline) -> None:
    """
    Fifty threads with an execution each; of ten calls, one meets faults.

    What a call takes from the quota and gives back follows from its reports. The schedule keeps the quota between
    empty and full, where the sum does not depend on who came first.
    """
    executions = [make_pipeline_execution(pipeline_name=f"p{number}") for number in range(50)]
    for execution in executions:
        service.put_execution(execution)
    service.inject_by(Schedule())
    told: dict[int, list[AttemptReport]] = {}

    def take_note(report: AttemptReport) -> None:
        told.setdefault(threading.get_ident(), []).append(report)

    options = pointed_at(service, max_attempts=2, max_connections=10, timeout=None, connect_timeout=None)
    with CodePipelineClient(**options, on_attempt=take_note) as client:
        assert good(called(client, executions[0]), executions[0])
        parts = client._runtime  # pyright: ignore[reportPrivateUsage] - the quota is nobody else's business
        assert parts is not None
        policy = parts.defaults.retry
        assert isinstance(policy, RetryPolicy)
        assert policy.quota.take(250)
        told.clear()

        def run(execution: PipelineExecution) -> int:
            outcomes = [called(client, execution) for _ in range(100)]
            lost = [outcome for outcome in outcomes if isinstance(outcome, CodePipelineError)]
            assert all(isinstance(each, ServiceError | ConnectionFailedError) and each.attempts == 2 for each in lost)
            assert all(good(each, execution) for each in outcomes if not isinstance(each, CodePipelineError))
            return len(lost)

        with ThreadPoolExecutor(50) as threads:
            lost = sum(threads.map(run, executions))
    reports = [report for own in told.values() for report in own]
    assert 300 < lost < 400, "two calls of 31, as scheduled"
    assert sum(report.pause is None for report in reports) == 5000
    assert policy.quota.left == 250 + sum(changes(own) for own in told.values())


class Schedule:
    """
    Of 31 calls for a pipeline two fail for good and one fails once; each pipeline starts elsewhere.

    That takes 28 from the quota, and the 28 that go well at once give it back.
    """

    def __init__(self) -> None:
        self._calls: dict[str, tuple[int, str]] = {}
        self._faults = cycle([faults.ServerError(), faults.ResetInBody(), faults.CloseBeforeAnswer()])

    def __call__(self, request: IncomingRequest) -> faults.Fault | None:
        name = str((request.input or {})["pipelineName"])
        if name == "web":
            return None
        count, call = self._calls.get(name, (int(name[1:]) * 7, ""))
        is_first = call != request.headers["amz-sdk-invocation-id"]
        count += is_first
        self._calls[name] = count, request.headers["amz-sdk-invocation-id"]
        if count % 31 in (3, 18):
            return next(self._faults)
        return faults.Throttling() if count % 31 == 9 and is_first else None


def changes(reports: list[AttemptReport]) -> int:
    """Return by how much a thread's calls changed the quota, by the rules of the AWS SDKs."""
    total = taken = 0
    for report in reports:
        if report.pause is not None:
            taken = 5 if report.error_code == "ThrottlingException" else 14
            total -= taken
        else:
            total += 0 if report.error_code else taken or 1
            taken = 0
    return total


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_a_full_outage_is_not_made_worse(service: LocalCodePipeline, kind: str) -> None:
    """A thousand calls, by ten at a time, cost no more retries than the quota holds."""
    service.inject(faults.ServerError(), times=None)
    options = pointed_at(service, max_connections=10)
    execution = make_pipeline_execution()
    outcomes: list[Outcome] = []

    async def main() -> None:
        async with AsyncCodePipelineClient(**options) as client, anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(several, client)

    async def several(client: AsyncCodePipelineClient) -> None:
        outcomes.extend([await acalled(client, execution) for _ in range(100)])

    if kind == "sync":
        with CodePipelineClient(**options) as client, ThreadPoolExecutor(10) as threads:
            outcomes.extend(threads.map(partial(called, client), [execution] * 1000))
    else:
        anyio.run(main, backend=kind)
    assert len(outcomes) == 1000
    assert all(isinstance(outcome, ServiceError) for outcome in outcomes)
    assert len(service.requests) == 1000 + 500 // 14


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
        async with AsyncCodePipelineClient(**pointed_at(service, max_connections=10, timeout=None)) as client:
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
    """Return how many sockets of this process are connected to the service, those included that nobody has any more."""
    address = ("127.0.0.1", int(service.endpoint_url.rpartition(":")[2]))
    count = 0
    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.fileno() >= 0:
            with suppress(OSError):
                count += each.getpeername() == address
    return count


def test_two_event_loops_one_after_the_other_share_a_client(service: LocalCodePipeline) -> None:
    """Of asyncio, of trio, and of asyncio again; the client is not closed in between, and no old connection stays."""
    execution = make_pipeline_execution()
    client = AsyncCodePipelineClient(**pointed_at(service, max_connections=3))

    async def three() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(one)

    async def one() -> None:
        assert good(await acalled(client, execution), execution)

    asyncio.run(three())
    asyncio.run(three())
    anyio.run(three, backend="trio")
    asyncio.run(three())
    assert service.open_connections <= 3
    asyncio.run(client.aclose())
    assert service.open_connections == 0


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
    with CodePipelineClient(**pointed_at(family, timeout=SOON)) as client:

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
    options = pointed_at(family, max_connections=1, timeout=SOON)
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
    client = AsyncCodePipelineClient(**pointed_at(family, timeout=SOON))

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


def once(arrived: threading.Event, fault: faults.Fault) -> Callable[[IncomingRequest], faults.Fault | None]:
    """Return a rule that lets *fault* happen to the first request, and tells that it *arrived*."""

    def rule(request: IncomingRequest) -> faults.Fault | None:
        is_first = not arrived.is_set()
        arrived.set()
        return fault if is_first else None

    return rule


# Closing in the middle


@pytest.mark.parametrize(
    "fault", [faults.Hang(), faults.SlowHeaders(seconds_per_byte=9), faults.SlowBody(seconds_per_byte=9)], ids=repr
)
@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_closing_ends_a_call_in_flight_and_one_that_waits(
    service: LocalCodePipeline, kind: str, fault: faults.Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one in flight has the only connection; both end with a typed error, at once."""
    arrived, signed, under_way = threading.Event(), threading.Semaphore(0), threading.Event()

    def counted(**parts: Any) -> Any:
        signed.release()
        return sign(**parts)

    def both() -> None:
        for _ in range(2):  # the first may have arrived before the second has its keys
            signed.acquire(timeout=SOON)
        arrived.wait(SOON)
        under_way.set()

    monkeypatch.setattr("codepipeline_client.transport.sign", counted)
    threading.Thread(target=both, daemon=True).start()
    service.inject_by(once(arrived, fault))
    options = pointed_at(service, max_connections=1, timeout=None, read_timeout=None, connect_timeout=None)
    outcomes = closed(kind, options, under_way, calls=2)
    assert all(isinstance(outcome, ConnectionFailedError) for outcome in outcomes), outcomes
    assert sorted(outcome.attempts for outcome in outcomes if isinstance(outcome, CodePipelineError)) == [1, 1]
    latest = time.monotonic() + SOON
    while not service.requests and time.monotonic() < latest:
        time.sleep(0)  # the service's thread may not have taken note yet
    assert len(service.requests) == 1


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_closing_ends_a_call_that_connects(service: LocalCodePipeline, kind: str) -> None:
    """To a listener whose queue is full: the system takes part in no more handshakes."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        asking = threading.Event()
        url = f"http://127.0.0.1:{full.getsockname()[1]}"

        def provider() -> Any:
            asking.set()
            return service.credentials

        options = pointed_at(service, endpoint_url=url, credentials=provider, timeout=None, connect_timeout=None)
        (outcome,) = closed(kind, options, asking, calls=1)
        assert isinstance(outcome, ConnectionFailedError), outcome


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_closing_ends_a_pause(service: LocalCodePipeline, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would have lasted for days; no request comes after it, and none is reported."""

    def very_long(retry: int, *, base: float, chance: Callable[[], float]) -> float:
        return 1e6

    monkeypatch.setattr("codepipeline_client._call.retry.backoff", very_long)
    pausing = threading.Event()
    reports: list[AttemptReport] = []

    def told(report: AttemptReport) -> None:
        reports.append(report)
        pausing.set()

    service.put_error("ThrottlingException")
    options = pointed_at(service, timeout=None, on_attempt=told, clock=SystemClock())
    (outcome,) = closed(kind, options, pausing, calls=1)
    assert isinstance(outcome, ConnectionFailedError), outcome
    assert str(outcome) == "the client was closed"
    assert isinstance(outcome.__cause__, ThrottlingException)
    assert outcome.attempts == len(service.requests) == len(reports) == 1


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_closing_ends_a_wait_for_keys(service: LocalCodePipeline, kind: str) -> None:
    """All of them; the source is not asked to stop, and nobody waits for it."""
    asked, told = threading.Event(), threading.Event()

    def provider() -> Any:
        asked.set()
        told.wait()
        return service.credentials

    outcomes = closed(kind, pointed_at(service, credentials=provider, timeout=None), asked, calls=3, release=told)
    assert [str(outcome) for outcome in outcomes] == ["the client was closed"] * 3
    assert service.requests == ()


@pytest.mark.parametrize(
    ("kind", "work"),
    [
        pytest.param("asyncio", (base_client, "resolve"), id="asyncio-settings"),
        pytest.param("trio", (base_client, "resolve"), id="trio-settings"),
        pytest.param("sync", (TransportOptions, "tls_context"), id="sync-ca-files"),
        pytest.param("asyncio", (TransportOptions, "tls_context"), id="asyncio-ca-files"),
        pytest.param("trio", (TransportOptions, "tls_context"), id="trio-ca-files"),
    ],
)
def test_closing_ends_a_wait_for_files(
    service: LocalCodePipeline, kind: str, work: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is a pipe, say, or on a disk that does not answer. It is left to its thread."""
    original = getattr(*work)
    reading, read = threading.Event(), threading.Event()

    def hang(*arguments: Any) -> Any:
        reading.set()
        read.wait()
        return original(*arguments)

    monkeypatch.setattr(*work, hang)
    url = service.endpoint_url.replace("http:", "https:")
    options = pointed_at(service, endpoint_url=url, timeout=None, connect_timeout=None)
    outcomes = closed(kind, options, reading, calls=3, release=read)
    assert all(isinstance(outcome, ConnectionFailedError) for outcome in outcomes), outcomes
    assert not any(outcome.may_pass for outcome in outcomes if isinstance(outcome, ConnectionFailedError))
    assert [str(outcome) for outcome in outcomes] == ["the client was closed"] * 3
    assert service.accepted_connections == 0


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


def closed(
    kind: str,
    options: dict[str, Any],
    under_way: threading.Event,
    *,
    calls: int,
    release: threading.Event | None = None,
) -> list[Outcome]:
    """
    Return how *calls* end when the client is closed while the first of them is *under_way*.

    At the end, *release* lets go what they wait for: a call that a close does not end must fail here, not hang.
    """
    release = release or threading.Event()
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
                await anyio.to_thread.run_sync(under_way.wait, SOON)
                await anyio.wait_all_tasks_blocked()
                await client.aclose()

    def threaded() -> list[Outcome]:
        client = CodePipelineClient(**options)
        with ThreadPoolExecutor(calls) as threads:
            try:
                pending: list[Future[Outcome]] = [
                    threads.submit(partial(called, client, execution)) for _ in range(calls)
                ]
                assert under_way.wait(SOON)
                let_settle(threads._threads)
                client.close()
                return [each.result(SOON) for each in pending]
            finally:  # before the threads are waited for
                release.set()

    if kind == "sync":
        return threaded()
    try:
        anyio.run(main, backend=kind)
    finally:
        release.set()
    return outcomes


# Few file descriptors

FEW_FILES: Final = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
import anyio
from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, Credentials, ConnectionFailedError

kind, url, name, execution_id, key, secret = sys.argv[1:]
asked = {"pipeline_name": name, "pipeline_execution_id": execution_id}
keys = Credentials(access_key_id=key, secret_access_key=secret)
options = {"region_name": "us-east-1", "endpoint_url": url, "credentials": keys, "max_connections": 100}

def sync():
    with CodePipelineClient(**options) as client, ThreadPoolExecutor(100) as threads:
        client.get_pipeline_execution(**asked)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        calls = [threads.submit(client.get_pipeline_execution, **asked) for _ in range(100)]
        outcomes = [call.exception() for call in calls]
        return outcomes, [client.get_pipeline_execution(**asked) for _ in range(3)]

async def tasks():
    async with AsyncCodePipelineClient(**options) as client:
        outcomes = []
        await client.get_pipeline_execution(**asked)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

        async def call():
            try:
                await client.get_pipeline_execution(**asked)
            except Exception as error:
                outcomes.append(error)
            else:
                outcomes.append(None)

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(call)
        return outcomes, [await client.get_pipeline_execution(**asked) for _ in range(3)]

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
    keys = [service.credentials.access_key_id, service.credentials.secret_access_key]
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES, *arguments, *keys], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.stdout, done.stderr) == ("100 True {'ConnectionFailedError'} 3\n", "")
