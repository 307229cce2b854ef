"""The clients: their arguments and settings, what they do at once and what later, and how they are closed."""

from __future__ import annotations

import copy
import inspect
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import anyio
import httpx
import pytest
import respx
from anyio.from_thread import start_blocking_portal
from attrs import evolve

import codepipeline_client
from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    Credentials,
    PipelineExecutionReference,
    PipelineExecutionStatus,
    errors,
)
from codepipeline_client._config.settings import ClientArguments, Settings, resolve
from codepipeline_client._config.sources import Environment
from codepipeline_client._threads import SharedFuture, run_in_thread
from codepipeline_client.clock import Clock, SystemClock
from codepipeline_client.operations import GET_PIPELINE_EXECUTION
from codepipeline_client.testing import FakeClock, LocalCodePipeline, faults
from tests.clients import opened
from tests.endpoint import EXECUTION, INPUT, Ask, get, options_for

WANTED = INPUT
UNKNOWN = "00000000-0000-0000-0000-000000000000"
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key="secret")
GOOD = httpx.Response(200, json={"pipelineExecution": {"status": "Failed"}})
MOCK = httpx.MockTransport(lambda _: GOOD)
ON_THE_TRANSPORT = "configure proxy, verify and max_connections on the transport, not the client"
Client = CodePipelineClient | AsyncCodePipelineClient


@pytest.fixture
def make(kind: str) -> Callable[..., Client]:
    return CodePipelineClient if kind == "sync" else AsyncCodePipelineClient


# Calls


def test_a_call_gets_the_execution(ask: Ask, service: LocalCodePipeline) -> None:
    output = ask(**options_for(service))
    assert output.pipeline_execution == EXECUTION
    assert output.response_metadata.attempts == 1
    assert output.response_metadata.http_status_code == 200
    assert output.response_metadata.request_id == output.response_metadata.http_headers["x-amzn-requestid"]


@pytest.mark.parametrize("region_name", ["us-gov-west-1", None], ids=["argument", "environment"])
def test_an_execution_has_the_region_that_it_was_read_from(
    ask: Ask, region_name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response itself does not tell the region, and is kept as it came. JSON takes all but the headers."""
    monkeypatch.setenv("AWS_REGION", "us-gov-west-1")
    output = ask(region_name=region_name, credentials=CREDENTIALS, transport=MOCK)
    assert output.pipeline_execution.region_name == "us-gov-west-1"
    assert "//us-gov-west-1.console.amazonaws-us-gov.com/" in (output.pipeline_execution.console_url or "")
    assert output.raw == GOOD.json()
    assert json.loads(json.dumps(output.to_dict())) == {
        "pipeline_execution": output.pipeline_execution.to_dict(),
        "response_metadata": {"request_id": None, "http_status_code": 200, "attempts": 1},
    }


@pytest.mark.anyio
async def test_calls_at_once_and_one_after_the_other_share_a_client(
    service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings are read once, while all wait. Each call is an invocation of its own."""
    started, read = threading.Event(), list[ClientArguments]()

    def slowly(arguments: ClientArguments, environ: Environment) -> Settings:
        started.wait(10)
        read.append(arguments)
        return resolve(arguments, environ)

    monkeypatch.setattr("codepipeline_client._call.base_client.resolve", slowly)

    async with AsyncCodePipelineClient(**options_for(service, connect_timeout=None, read_timeout=None)) as client:
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(lambda: client.get_pipeline_execution(**WANTED))
            await anyio.wait_all_tasks_blocked()
            started.set()
        await client.get_pipeline_execution(**WANTED)
    assert len(read) == 1
    assert [received.error_code for received in service.requests] == [None] * 51
    assert len({received.headers["amz-sdk-invocation-id"] for received in service.requests}) == 51


@pytest.mark.parametrize(
    ("wrong", "options", "error"),
    [
        pytest.param({"pipeline_name": "other"}, {}, errors.PipelineNotFoundException, id="pipeline"),
        pytest.param({"pipeline_execution_id": UNKNOWN}, {}, errors.PipelineExecutionNotFoundException, id="execution"),
        pytest.param({}, {"credentials": CREDENTIALS}, errors.UnrecognizedClientException, id="access-key"),
        pytest.param({"pipeline_name": "?"}, {"parameter_validation": False}, errors.ValidationException, id="input"),
    ],
)
def test_a_documented_error_is_raised_as_its_class(
    ask: Ask,
    service: LocalCodePipeline,
    wrong: dict[str, str],
    options: dict[str, Any],
    error: type[errors.ServiceError],
) -> None:
    with pytest.raises(error) as caught:
        ask({**WANTED, **wrong}, **options_for(service, **options))
    found, received = caught.value, service.requests[-1]
    assert (found.code, found.http_status_code) == (received.error_code, received.status_code)
    assert (found.operation_name, found.attempts) == ("GetPipelineExecution", 1)
    assert found.message
    assert found.request_id


def test_a_bad_input_does_not_leave_the_machine(ask: Ask, service: LocalCodePipeline) -> None:
    with pytest.raises(errors.ParameterValidationError, match=r"pipeline_name .*; pipeline_execution_id "):
        ask({"pipeline_name": "", "pipeline_execution_id": "x"}, **options_for(service))
    assert service.requests == ()


@pytest.mark.parametrize("is_idempotent", [True, False])
def test_a_lost_connection_is_replaced_only_if_the_operation_is_idempotent(
    kind: str, service: LocalCodePipeline, is_idempotent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may close an idle connection at the same moment, or after it has carried the request out."""
    operation = GET_PIPELINE_EXECUTION._replace(is_read_only=is_idempotent)
    monkeypatch.setattr("codepipeline_client.operations.GET_PIPELINE_EXECUTION", operation)
    service.inject_by(lambda request: faults.CloseBeforeAnswer() if request.number == 2 else None)

    with opened(kind, **options_for(service)) as client:
        client.get_pipeline_execution(**WANTED)
        if is_idempotent:
            assert client.get_pipeline_execution(**WANTED).response_metadata.attempts == 1
        else:
            with pytest.raises(errors.ConnectionFailedError):
                client.get_pipeline_execution(**WANTED)
    assert len(service.requests) == (3 if is_idempotent else 2)


# Settings


def test_a_missing_region_is_told_by_the_first_call(ask: Ask, make: Callable[..., Client]) -> None:
    make()
    with pytest.raises(errors.ConfigurationError, match="region"):
        ask(credentials=CREDENTIALS)


class AsyncCaller:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"region_name": 1}, "region_name must be str or None, not int", id="region-type"),
        pytest.param(
            {"region_name": "a_b"}, "'a_b' is not a region: letters, digits and .* only, at most", id="region"
        ),
        pytest.param({"profile_name": b"x"}, "profile_name must be str or None, not bytes", id="profile"),
        pytest.param({"use_fips_endpoint": "yes"}, "use_fips_endpoint must be bool or None, not str", id="fips"),
        pytest.param({"trust_env": None}, "trust_env must be bool, not NoneType", id="trust-env"),
        pytest.param({"endpoint_url": "x"}, "endpoint_url 'x' cannot be used: it must begin with https://", id="url"),
        pytest.param(
            {"endpoint_url": "http://localhost:1", "use_dualstack_endpoint": True},
            "endpoint_url 'http://localhost:1' cannot be combined with use_dualstack_endpoint; choose one or the other",
            id="url-and-dualstack",
        ),
        pytest.param({"verify": False}, "verify=False is not supported: give the path of the CA file", id="no-verify"),
        pytest.param({"verify": b"x"}, r"verify must be bool or str or ssl\.SSLContext, not bytes", id="verify-type"),
        pytest.param({"retry_mode": "x"}, "retry_mode must be standard or adaptive or off, not 'x'", id="retry-mode"),
        pytest.param({"max_attempts": 0}, "max_attempts must be a whole number of 1 or more, not 0", id="attempts"),
        pytest.param({"max_attempts": "3"}, "max_attempts must be int or None, not str", id="attempts-type"),
        pytest.param({"connect_timeout": 0}, "connect_timeout must be a number of seconds above 0", id="zero"),
        pytest.param({"clock": object()}, "clock must have time", id="clock"),
        pytest.param({"parameter_validation": "no"}, "parameter_validation must be True or False", id="validation"),
        pytest.param({"max_connections": 0}, "max_connections must be a whole number of 1 or more, not 0", id="none"),
        pytest.param({"max_connections": True}, "must be a whole number of 1 or more, not True", id="bool"),
        pytest.param({"max_connections": 1.0}, r"must be a whole number of 1 or more, not 1\.0", id="float"),
        pytest.param({"transport": object()}, "transport must be an httpx", id="transport"),
        pytest.param({"transport": MOCK, "proxy": "http://127.0.0.1:1"}, ON_THE_TRANSPORT, id="transport-and-proxy"),
        pytest.param({"transport": MOCK, "verify": "/ca.pem"}, ON_THE_TRANSPORT, id="transport-and-verify"),
        pytest.param({"transport": MOCK, "max_connections": 4}, ON_THE_TRANSPORT, id="transport-and-connections"),
        pytest.param({"credentials": 3}, "credentials", id="credentials"),
        pytest.param({"on_attempt": 42}, "on_attempt must be a plain function", id="on-attempt"),
        pytest.param({"on_attempt": AsyncCaller()}, r"a plain function \(not async\)", id="on-attempt-async-object"),
        pytest.param({"on_attempt": anyio.sleep}, "on_attempt must be a plain function", id="on-attempt-async"),
    ],
)
def test_a_bad_argument_is_told_at_once(make: Callable[..., Client], options: dict[str, Any], problem: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=problem):
        make(**options)


def test_an_argument_that_does_not_exist_is_pythons_own_error(make: Callable[..., Client]) -> None:
    """It names the class that was called, and not one that this inherits from."""
    name = make.__name__
    with pytest.raises(TypeError, match=rf"^{name}\.__init__\(\) got an unexpected keyword argument 'region'"):
        make(region="eu-west-1")
    client: Any = make(region_name="eu-west-1")
    with pytest.raises(TypeError, match=rf"^{name}\.get_pipeline_execution\(\) got an unexpected keyword argument"):
        client.get_pipeline_execution(name="web")
    assert list(inspect.signature(make).parameters)[:2] == ["region_name", "profile_name"]


def test_a_client_is_not_pickled_or_copied(make: Callable[..., Client]) -> None:
    for attempt in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match=f"^{make.__name__} objects cannot be pickled or copied"):
            attempt(make())


def test_a_timeout_may_be_a_timedelta(kind: str, service: LocalCodePipeline) -> None:
    """That of a client, of a call and of a wait."""
    moment, minute = timedelta(milliseconds=1), timedelta(minutes=1)
    options = options_for(service, timeout=moment, connect_timeout=minute, read_timeout=minute)
    with opened(kind, **{**options, "timeout": minute}) as client:
        assert client.wait_for_pipeline_execution(**WANTED, timeout=minute) == EXECUTION
    with opened(kind, **options) as client:
        assert client.get_pipeline_execution(**WANTED, timeout=minute).pipeline_execution == EXECUTION
        service.inject(faults.Hang(), times=None)
        with pytest.raises(errors.RequestTimeoutError, match=r"its timeout of 0\.001 seconds"):
            client.get_pipeline_execution(**WANTED)
    with pytest.raises(errors.ConfigurationError, match="timeout must be a number of seconds"):
        CodePipelineClient(timeout=-minute)


def test_each_kind_wants_a_transport_of_its_kind(make: Callable[..., Client], kind: str) -> None:
    transport = httpx.AsyncHTTPTransport() if kind == "sync" else httpx.HTTPTransport()
    wanted = "BaseTransport, not AsyncHTTP" if kind == "sync" else "AsyncBaseTransport, not HTTP"
    with pytest.raises(errors.ConfigurationError, match=rf"transport must be an httpx\.{wanted}Transport"):
        make(transport=transport)


def test_a_warning_that_is_an_error_stops_every_call(kind: str) -> None:
    """Nothing is sent, not by an iterator that is resumed either."""
    transport: Any = httpx.MockTransport(lambda _: pytest.fail("it was sent"))
    options: dict[str, Any] = {"region_name": "a", "credentials": CREDENTIALS, "endpoint_url": "http://other.test"}
    with warnings.catch_warnings(), opened(kind, **options, transport=transport) as client:
        warnings.simplefilter("error", errors.InsecureEndpointWarning)
        watch = client.watch_pipeline_execution(**WANTED, timeout=60)
        batch = client.wait_for_pipeline_executions([PipelineExecutionReference(**WANTED)], timeout=60)
        for resume in (partial(client.get_pipeline_execution, **WANTED), partial(next, watch), partial(next, batch)):
            for _ in range(2):
                with pytest.raises(errors.InsecureEndpointWarning):
                    resume()


def test_a_failed_first_call_does_not_spoil_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "dev")
    with CodePipelineClient(region_name="eu-west-1", credentials=CREDENTIALS, transport=MOCK) as client:
        with pytest.raises(errors.ConfigurationError, match="'dev' does not exist"):
            client.get_pipeline_execution(**WANTED)
        (tmp_path / "config").write_text("[profile dev]", encoding="utf-8")
        assert client.get_pipeline_execution(**WANTED).pipeline_execution.status == "Failed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5h://127.0.0.1:1"),
        ("HTTPS_PROXY", "nonsense://x"),
        ("AWS_CA_BUNDLE", "/absent"),
        ("REQUESTS_CA_BUNDLE", "/absent"),
        ("SSL_CERT_FILE", "/absent"),
    ],
)
def test_proxies_and_ca_files_are_a_transports_own(
    ask: Ask, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "socksio", None)  # as without httpx[socks]
    output = ask(region_name="eu-west-1", credentials=CREDENTIALS, transport=MOCK)
    assert output.pipeline_execution.status == "Failed"


def test_a_balancer_with_a_wrong_clock_does_not_spoil_a_good_one(kind: str) -> None:
    """It responds itself to most requests, and the service refuses what is signed for another time."""
    clock, statuses = FakeClock(), itertools.cycle([503, 200, 503, 503, 200])

    def handle(request: httpx.Request) -> httpx.Response:
        if next(statuses) == 503:
            return httpx.Response(503, headers={"date": formatdate(clock.time() - 3600, usegmt=True)})
        signed = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%S%z").timestamp()
        if abs(signed - clock.time()) > 300:
            return httpx.Response(403, json={"__type": "InvalidSignatureException"})
        body = {"pipelineExecution": {"status": "InProgress" if clock.monotonic() < 600 else "Failed"}}
        return httpx.Response(200, json=body, headers={"date": formatdate(clock.time(), usegmt=True)})

    options = {"region_name": "eu-west-1", "credentials": CREDENTIALS, "transport": httpx.MockTransport(handle)}
    with opened(kind, clock=clock, **options) as client:
        assert client.wait_for_pipeline_execution(**WANTED, timeout=3600).status == "Failed"


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()], ids=["system-clock", "fake-clock"])
@pytest.mark.parametrize("transport", [None, MOCK], ids=["own-engine", "mock"])
def test_a_timeout_that_credentials_use_up_says_so(
    ask: Ask, clock: Clock, transport: httpx.MockTransport | None
) -> None:
    """Also with a clock of a test: a provider takes real time."""
    over = threading.Event()

    def provider() -> Credentials:
        over.wait(10)
        return CREDENTIALS

    options: dict[str, Any] = {"transport": transport, "clock": clock, "timeout": 0.1}
    with pytest.raises(
        errors.RequestTimeoutError, match=r"within its timeout of 0\.1 seconds: the credentials"
    ) as caught:
        ask(region_name="eu-west-1", credentials=provider, endpoint_url="http://127.0.0.1:9", **options)
    over.set()
    assert (caught.value.limit, caught.value.attempts) == ("timeout", 0)


# At the door, with respx: what goes out to AWS

URL = "https://codepipeline.eu-west-1.amazonaws.com/"
AT_AWS: dict[str, Any] = {"region_name": "eu-west-1", "credentials": evolve(CREDENTIALS, session_token="token")}
SUCCEEDED = b'{"pipelineExecution": {"status": "Succeeded"}}'


def test_the_request_has_this_body_and_these_headers(ask: Ask, respx_mock: respx.MockRouter) -> None:
    """As AWS SDKs send them. The kit's endpoint checks the signature."""
    route = respx_mock.post(URL).respond(200, content=SUCCEEDED)
    output = ask(**AT_AWS, user_agent_app_id="my-gate")
    assert output.pipeline_execution.status is PipelineExecutionStatus.SUCCEEDED
    assert len(route.calls) == 1
    request: httpx.Request = route.calls.last.request
    assert json.loads(request.content) == {
        "pipelineName": "web",
        "pipelineExecutionId": EXECUTION.pipeline_execution_id,
    }
    headers = dict(request.headers)
    signed = headers.pop("authorization").partition("SignedHeaders=")[2].partition(",")[0]
    assert signed == "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
    agent = headers.pop("user-agent")
    assert agent.startswith(f"codepipeline-client/{codepipeline_client.__version__} ua/2.1 os/")
    assert agent.endswith(" app/my-gate")
    assert len(headers.pop("amz-sdk-invocation-id")) == 36
    assert headers.pop("x-amz-date").endswith("Z")
    assert headers == {
        "host": "codepipeline.eu-west-1.amazonaws.com",
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "CodePipeline_20150709.GetPipelineExecution",
        "x-amz-security-token": "token",
        "amz-sdk-request": "attempt=1; max=3",
        "accept-encoding": "identity",
        "content-length": str(len(request.content)),
    }


def test_cookies_are_neither_kept_nor_sent(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(URL).respond(200, content=SUCCEEDED, headers={"Set-Cookie": "a=b"})
    with CodePipelineClient(**AT_AWS) as client:
        for _ in range(2):
            client.get_pipeline_execution(**WANTED)
    last: httpx.Request = route.calls.last.request
    assert "cookie" not in last.headers


# The end


def test_a_closed_client_says_so(kind: str, service: LocalCodePipeline) -> None:
    """To close it again does nothing, which the end of the block does here."""
    close, enter = ("close", "__enter__") if kind == "sync" else ("aclose", "__aenter__")
    with opened(kind, **options_for(service)) as client:
        getattr(client, close)()
        with pytest.raises(errors.ConfigurationError, match=r"this \w+Client is closed"):
            client.get_pipeline_execution(**WANTED)
        with pytest.raises(errors.ConfigurationError, match="closed"):
            getattr(client, enter)()
        many = partial(client.wait_for_pipeline_executions, [PipelineExecutionReference(**WANTED)])
        one = [
            partial(each, **WANTED) for each in (client.wait_for_pipeline_execution, client.watch_pipeline_execution)
        ]
        for wait in (many, *one):
            with pytest.raises(errors.ConfigurationError, match="is closed"):
                wait(timeout=600)


class Closing(httpx.MockTransport):
    """Counts how often it is closed. It has a length, so it counts as false."""

    closed = 0

    def __len__(self) -> int:
        return 0

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("name", ["web", ""], ids=["used", "not-used"])
def test_a_users_own_transport_is_closed(ask: Ask, name: str) -> None:
    transport = Closing(lambda _: GOOD)
    with suppress(errors.ParameterValidationError):
        ask({**WANTED, "pipeline_name": name}, region_name="a", credentials=CREDENTIALS, transport=transport)
    assert transport.closed == 1


@pytest.mark.anyio
async def test_closing_ends_a_call_over_a_transport_of_ones_own() -> None:
    """Which never responds, and heeds neither limits nor its own end."""
    requested = anyio.Event()

    async def respond(_: httpx.Request) -> httpx.Response:
        requested.set()
        await anyio.sleep_forever()
        return GOOD

    async def call() -> None:
        with pytest.raises(errors.ConnectionFailedError, match="the client was closed") as caught:
            await client.get_pipeline_execution(**WANTED)
        assert (caught.value.may_pass, caught.value.attempts) == (False, 1)

    options: dict[str, Any] = {"region_name": "eu-west-1", "credentials": CREDENTIALS, "timeout": None}
    client = AsyncCodePipelineClient(transport=httpx.MockTransport(respond), **options)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await requested.wait()
            await client.aclose()


def test_a_client_that_is_closed_during_its_first_call_sends_nothing(
    service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = CodePipelineClient(**options_for(service))

    def closing(arguments: ClientArguments, environ: Environment) -> Settings:
        client.close()
        return resolve(arguments, environ)

    monkeypatch.setattr("codepipeline_client._call.base_client.resolve", closing)
    with pytest.raises(errors.ConnectionFailedError, match="the client was closed") as caught:
        client.get_pipeline_execution(**WANTED)
    assert (caught.value.may_pass, caught.value.attempts) == (False, 0)
    assert service.requests == ()


def test_closing_ends_first_calls_that_two_event_loops_made_at_once(
    service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=10)

    def at_once(work: Callable[[], Any], *, name: str) -> SharedFuture[Any]:
        both.wait()
        return run_in_thread(work, name=name)

    monkeypatch.setattr("codepipeline_client._call.base_client.run_in_thread", at_once)
    service.inject(faults.Hang(), times=None)
    client = AsyncCodePipelineClient(**options_for(service, timeout=10))
    with start_blocking_portal("asyncio") as one, start_blocking_portal("trio") as two:
        calls = [portal.start_task_soon(lambda: client.get_pipeline_execution(**WANTED)) for portal in (one, two)]
        while len(service.requests) < len(calls):
            time.sleep(0.001)
        anyio.run(client.aclose)
        for call in calls:
            with pytest.raises(errors.ConnectionFailedError, match="the client was closed"):
                call.result(5)


def test_the_repr_says_where_to_and_nothing_secret(make: Callable[..., Client]) -> None:
    shown = repr(make(region_name="eu-west-1", credentials=CREDENTIALS, proxy="http://u:planted@127.0.0.1"))
    assert "region_name='eu-west-1'" in shown
    assert "planted" not in shown
    assert "secret" not in shown


def test_a_program_with_credentials_in_its_environment_loads_no_botocore(service: LocalCodePipeline) -> None:
    """And it may call as it ends, in a function that it registered before its first call."""
    program = (
        "import atexit, sys, codepipeline_client as c\n"
        "client = c.CodePipelineClient()\n"
        f"call = atexit.register(lambda: client.get_pipeline_execution(**{WANTED!r}))\n"
        "assert call().pipeline_execution.status.is_successful\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('botocore', 'asyncio')])"
    )
    command, environ = [sys.executable, "-c", program], {**os.environ, **service.environ}
    result = subprocess.run(command, capture_output=True, check=False, env=environ, text=True)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_a_sync_call_waits_for_the_settings_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread reads them, from a file system that hangs, say."""
    reading, over = threading.Event(), threading.Event()

    def hang(arguments: ClientArguments, environ: Environment) -> Settings:
        reading.set()
        over.wait(10)
        return resolve(arguments, environ)

    monkeypatch.setattr("codepipeline_client._call.base_client.resolve", hang)
    with CodePipelineClient(region_name="eu-west-1", credentials=CREDENTIALS, transport=MOCK) as client:
        reader = threading.Thread(target=lambda: client.get_pipeline_execution(**WANTED))
        reader.start()
        assert reading.wait(10)
        with pytest.raises(errors.RequestTimeoutError, match="did not end within its timeout") as caught:
            client.get_pipeline_execution(**WANTED, timeout=0.05)
        over.set()
        reader.join()
        assert client.get_pipeline_execution(**WANTED).response_metadata.attempts == 1
    assert (caught.value.limit, caught.value.attempts) == ("timeout", 0)


def test_without_a_thread_for_the_settings_an_async_call_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = Mock(side_effect=RuntimeError("can't start new thread"))
    monkeypatch.setattr("codepipeline_client._call.base_client.run_in_thread", refusal)
    with pytest.raises(errors.ConfigurationError, match="no thread could be started to read the settings"):
        get("asyncio", region_name="eu-west-1", credentials=CREDENTIALS)
