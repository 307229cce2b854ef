"""
Mocks, recorders and tracers: each row of the table in docs/mocks-and-tracers.md, with the tools themselves.

Which replaced methods are noticed is in tests/_http/test_interception.py.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any, Final

import anyio
import httpx
import pytest
import respx
import vcr
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_httpx import HTTPXMock
from vcr.errors import CannotOverwriteExistingCassetteException

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    ConnectionFailedError,
    Credentials,
    GetPipelineExecutionOutput,
    RequestTimeoutError,
)
from codepipeline_client.testing import LocalCodePipeline, faults
from tests.endpoint import EXECUTION, INPUT, Ask, call, get, options_for
from tests.loops import LOOPS

pytest_plugins = ("pytester",)

URL: Final = "https://codepipeline.eu-west-1.amazonaws.com/"
"""As httpx shows it, so mocks that compare all of a URL match it."""
BODY: Final = {"pipelineExecution": {"status": "Succeeded"}}
AWS: Final[dict[str, Any]] = {
    "region_name": "eu-west-1",
    "credentials": Credentials(access_key_id="AKID", secret_access_key="secret", session_token="token"),
    "retry_mode": "off",
}
cassettes: Final[Any] = vcr
"""vcrpy ships no types."""
CANCELLED_CALLS: Final = int(os.environ.get("CANCELLED_CALLS", "400"))
CONNECTIONS: Final = 8

unfinished = pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")
"""Trio tells of the generators of httpx and httpcore, which only they could close when a call is cut off."""


@pytest.fixture
def ask(kind: str) -> Ask:
    """Make one call with a new client."""
    return partial(get, kind, **AWS)


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not holds():  # noqa: ASYNC110 - the endpoint runs in a thread, and has no event
            await anyio.sleep(0.01)


# respx


def test_respx_sees_calls_in_a_function_that_it_decorates_and_in_its_context(ask: Ask) -> None:
    @respx.mock
    def decorated() -> None:
        route = respx.post(URL).respond(json=BODY)
        assert ask().pipeline_execution.status.is_successful
        sent: httpx.Request = route.calls.last.request
        assert str(sent.url) == URL

    decorated()
    with respx.mock as router:
        route = router.post(URL).respond(json=BODY)
        assert ask().pipeline_execution.status.is_successful
        assert route.call_count == 1


@pytest.mark.parametrize("mocked", [0, 1], ids=["before-its-first-call", "when-it-has-a-connection"])
def test_respx_sees_calls_of_a_client_that_was_made_before(kind: str, service: LocalCodePipeline, mocked: int) -> None:
    """And the client goes back to its connections: it outlives many mocks, in a program whose tests share one."""
    router = respx.mock()
    router.post(f"{service.endpoint_url}/").respond(json={"pipelineExecution": {"status": "Stopped"}})
    numbers = itertools.count()

    def begin_or_end() -> None:
        number = next(numbers)
        if number == mocked:
            router.start()
        elif number == mocked + 1:
            router.stop()

    outcomes = call(LOOPS.get(kind), 3, before=begin_or_end, **options_for(service))
    seen = [str(each.pipeline_execution.status) for each in outcomes if isinstance(each, GetPipelineExecutionOutput)]
    assert seen == ["Stopped" if number == mocked else "Succeeded" for number in range(3)]
    assert len(service.requests) == 2


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "https://proxy.example", "socks5://proxy.example"])
def test_a_mock_sees_calls_that_would_go_through_a_proxy(ask: Ask, proxy: str, respx_mock: respx.MockRouter) -> None:
    """None is looked up, and none is connected to."""
    respx_mock.post(URL).respond(json=BODY)
    assert ask(proxy=proxy).pipeline_execution.status.is_successful


def test_what_respx_says_of_a_request_without_a_route_passes(ask: Ask) -> None:
    """It is an AssertionError, and so fails the test, whatever the code under test catches of ours."""
    with respx.mock(assert_all_called=False) as router:
        router.post("https://elsewhere.example/").respond(json=BODY)
        with pytest.raises(AssertionError, match="not mocked"):
            ask()


# pytest-httpx


def test_pytest_httpx_sees_calls(ask: Ask, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(method="POST", url=URL, json=BODY)
    assert ask().pipeline_execution.status.is_successful
    sent = httpx_mock.get_request()
    assert sent
    assert str(sent.url) == URL
    assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


@pytest.mark.httpx_mock(assert_all_requests_were_expected=False, assert_all_responses_were_requested=False)
def test_what_pytest_httpx_says_of_a_request_without_a_response_is_in_the_error(
    ask: Ask, httpx_mock: HTTPXMock
) -> None:
    """It raises httpx's TimeoutException, so the error is one of ours."""
    httpx_mock.add_response(url="https://elsewhere.example/")
    with pytest.raises(RequestTimeoutError) as caught:
        ask()
    said = str(caught.value)
    assert "No response can be found for POST request on https://codepipeline.eu-west-1.amazonaws.com/" in said
    assert "https://elsewhere.example/" in said, "which responses there are"


# vcrpy: tests/peers runs these over an older version as well


def test_a_cassette_records_a_call_and_plays_it(ask: Ask, service: LocalCodePipeline, tmp_path: Path) -> None:
    cassette = str(tmp_path / "execution.yaml")
    hidden = ["authorization", "x-amz-security-token"]
    with cassettes.use_cassette(cassette, filter_headers=hidden) as recorded:
        first = ask(**options_for(service))
    with cassettes.use_cassette(cassette, filter_headers=hidden, record_mode="none") as played:
        second = ask(**options_for(service))
    assert first.pipeline_execution == second.pipeline_execution == EXECUTION
    assert (len(recorded), recorded.play_count, played.play_count) == (1, 0, 1)
    assert len(service.requests) == 1, "what is played is not sent"
    assert "AWS4-HMAC-SHA256" not in (tmp_path / "execution.yaml").read_text(encoding="utf-8")


def test_a_cassette_of_another_client_is_played(ask: Ask, tmp_path: Path) -> None:
    """By its exact URL."""
    cassette = tmp_path / "execution.yaml"
    request: dict[str, Any] = {"body": None, "headers": {}, "method": "POST", "uri": URL}
    response = {"body": {"string": json.dumps(BODY)}, "headers": {}, "status": {"code": 200, "message": "OK"}}
    content = {"interactions": [{"request": request, "response": response}], "version": 1}
    cassette.write_text(json.dumps(content), encoding="utf-8")  # which is YAML, too
    with cassettes.use_cassette(str(cassette), record_mode="none", match_on=["method", "uri"]):
        assert ask().pipeline_execution.status.is_successful


def test_what_a_cassette_says_of_a_request_that_it_has_not_passes(
    ask: Ask, service: LocalCodePipeline, tmp_path: Path
) -> None:
    """Nothing is sent, and vcrpy's own error explains it."""
    with (
        cassettes.use_cassette(str(tmp_path / "empty.yaml"), record_mode="none"),
        pytest.raises(CannotOverwriteExistingCassetteException, match="POST"),
    ):
        ask(**options_for(service))
    assert service.accepted_connections == 0


# OpenTelemetry


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What a program that is instrumented exports."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield exporter
    finally:
        instrumentor.uninstrument()
        provider.shutdown()


def test_opentelemetry_makes_a_span_of_each_attempt_and_sends_its_context(
    ask: Ask, service: LocalCodePipeline, spans: InMemorySpanExporter
) -> None:
    """The service accepts the signature: what is added to a request later is not signed."""
    service.inject(faults.ErrorResponse(code="InternalServerError"))
    assert ask(**options_for(service, retry_mode="standard")).pipeline_execution == EXECUTION
    sent = [request.headers["traceparent"].split("-") for request in service.requests]
    made = spans.get_finished_spans()
    assert [span.name for span in made] == ["POST", "POST"]
    contexts = [span.context for span in made]
    assert [(f"{context.trace_id:032x}", f"{context.span_id:016x}") for context in contexts if context] == [
        (trace_id, span_id) for _, trace_id, span_id, _ in sent
    ]


def test_an_instrumented_sync_call_ends_in_time_when_it_had_to_wait_for_a_connection(
    service: LocalCodePipeline, spans: object
) -> None:
    """What is left of its time counts when it is sent, not what it had when it began."""
    service.inject(faults.Hang(), times=None)
    with CodePipelineClient(**options_for(service, max_connections=1)) as client, ThreadPoolExecutor(1) as other:
        holder = other.submit(client.get_pipeline_execution, **INPUT, timeout=1.4)
        while not service.requests:
            time.sleep(0.01)
        began = time.monotonic()
        with pytest.raises(RequestTimeoutError):
            client.get_pipeline_execution(**INPUT, timeout=2.0)
        assert time.monotonic() - began < 3.2, "the upper bound leaves room for a busy machine"
        assert isinstance(holder.exception(), RequestTimeoutError)
    assert len(service.requests) == 2


@unfinished
@pytest.mark.anyio
async def test_cancelled_calls_of_an_instrumented_program_lose_no_connection(
    service: LocalCodePipeline, spans: InMemorySpanExporter
) -> None:
    """
    Cancel some hundred calls at random moments, then use as many connections as there may be at once.

    The long form, with 10,000 cancelled calls on each event loop:

        CANCELLED_CALLS=10000 python -m pytest tests/test_interception.py -k cancelled
    """
    random, cancelled = Random(7), 0

    async with AsyncCodePipelineClient(**options_for(service, max_connections=CONNECTIONS)) as client:

        async def cancel() -> None:
            nonlocal cancelled
            while cancelled < CANCELLED_CALLS:
                with anyio.move_on_after(random.uniform(0, 0.05)) as scope:
                    await client.get_pipeline_execution(**INPUT)
                cancelled += scope.cancelled_caught

        async with anyio.create_task_group() as tasks:
            for _ in range(4 * CONNECTIONS):
                tasks.start_soon(cancel)

        before = len(service.requests)
        service.inject(faults.Hang(), times=CONNECTIONS)
        async with anyio.create_task_group() as tasks:
            for _ in range(CONNECTIONS):
                tasks.start_soon(lambda: client.get_pipeline_execution(**INPUT))
            await until(lambda: len(service.requests) - before >= CONNECTIONS)
            tasks.cancel_scope.cancel()
        assert (await client.get_pipeline_execution(**INPUT)).pipeline_execution == EXECUTION
    await until(lambda: service.open_connections == 0)
    made = len(spans.get_finished_spans())
    print(f"{cancelled} calls were cancelled, {made} requests were traced, {service.accepted_connections} connections")
    assert made >= CONNECTIONS


def test_a_mocks_own_timeout_keeps_its_words(ask: Ask, respx_mock: respx.MockRouter) -> None:
    respx_mock.post(URL).mock(side_effect=TimeoutError("the mock says so"))
    with pytest.raises(RequestTimeoutError, match="was silent for longer than read_timeout: the mock says so"):
        ask()


def test_an_error_that_a_mock_raises_from_itself_ends_the_call(ask: Ask, respx_mock: respx.MockRouter) -> None:
    """respx does so with what a function raises. Who follows its causes must not do so for ever."""

    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("the mock says so", request=request)

    respx_mock.post(URL).mock(side_effect=fail)
    with pytest.raises(ConnectionFailedError, match="the mock says so"):
        ask()


# pytest-socket: in a process of its own, since it takes away what the other tests of a process guard the network with


def test_pytest_socket_forbids_calls(pytester: pytest.Pytester) -> None:
    """Its error reaches the test, in a group where anyio makes one."""
    (pytester.path / "test_of_a_user.py").write_text(
        dedent("""
        import anyio
        import pytest
        from pytest_socket import SocketBlockedError, SocketConnectBlockedError

        from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, Credentials

        INPUT = {"pipeline_name": "web", "pipeline_execution_id": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"}
        CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key="secret")


        def failure(way, endpoint_url=None):
            options = {"region_name": "eu-west-1", "credentials": CREDENTIALS, "endpoint_url": endpoint_url}

            async def main():
                async with AsyncCodePipelineClient(**options) as client:
                    await client.get_pipeline_execution(**INPUT)

            with pytest.raises(Exception) as caught:
                if way == "sync":
                    with CodePipelineClient(**options) as client:
                        client.get_pipeline_execution(**INPUT)
                else:
                    anyio.run(main, backend=way)
            error = caught.value
            while isinstance(error, ExceptionGroup):
                (error,) = error.exceptions
            return type(error)


        another = pytest.mark.allow_hosts(["127.0.0.2"])


        @pytest.mark.parametrize("way", ["sync", "asyncio", "trio"])
        @pytest.mark.parametrize(
            ("url", "error"),
            [
                pytest.param(None, SocketBlockedError),
                pytest.param("http://127.0.0.1:9", SocketBlockedError),
                pytest.param("http://127.0.0.1:9", SocketConnectBlockedError, marks=another),
            ],
        )
        def test_its_error_arrives(way, url, error):
            assert failure(way, url) is error
        """),
        encoding="utf-8",
    )
    plain = ("-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:xdist")
    result = pytester.runpytest_subprocess(*plain, "--disable-socket", "--allow-unix-socket")
    result.assert_outcomes(passed=9)


# What cannot see the client


def test_what_a_mock_keeps_has_no_credentials(ask: Ask, respx_mock: respx.MockRouter) -> None:
    """Mocks keep their responses, and some write them down."""
    route = respx_mock.post(URL).respond(json=BODY)
    ask()
    assert AWS["credentials"] not in route.calls.last.response.extensions.values()


def test_respx_using_httpx_sees_nothing(ask: Ask, service: LocalCodePipeline) -> None:
    """Nor does Sentry: a client of this package has no `httpx.Client`, which is what both hook."""
    with respx.mock(using="httpx", assert_all_called=False) as router:
        route = router.post(f"{service.endpoint_url}/").respond(json=BODY)
        assert ask(**options_for(service)).pipeline_execution == EXECUTION
        assert not route.called
