"""respx at the door of both clients: what goes out, and what each documented answer becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest
import respx

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    ConnectionFailedError,
    Credentials,
    GetPipelineExecutionOutput,
    PipelineExecutionStatus,
    RequestTimeoutError,
    ServiceError,
    errors,
)
from codepipeline_client.operations import GET_PIPELINE_EXECUTION

URL = "https://codepipeline.eu-west-1.amazonaws.com/"
ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
KEYS = Credentials(access_key_id="AKID", secret_access_key="secret", session_token="token")
Ask = Callable[[], GetPipelineExecutionOutput]


@pytest.fixture(params=["sync", "asyncio", "trio"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Make one call to AWS's own address."""
    options: dict[str, Any] = {"region_name": "eu-west-1", "credentials": KEYS, "retry_mode": "off"}
    asked: dict[str, Any] = {"pipeline_name": "web", "pipeline_execution_id": ID}

    def go() -> GetPipelineExecutionOutput:
        if request.param == "sync":
            with CodePipelineClient(**options) as client:
                return client.get_pipeline_execution(**asked)

        async def main() -> GetPipelineExecutionOutput:
            async with AsyncCodePipelineClient(**options) as client:
                return await client.get_pipeline_execution(**asked)

        return anyio.run(main, backend=request.param)

    return go


def test_the_request_has_this_body_and_these_headers(ask: Ask, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(URL).respond(200, json={"pipelineExecution": {"status": "Succeeded"}})
    assert ask().pipeline_execution.status is PipelineExecutionStatus.SUCCEEDED
    request: httpx.Request = route.calls.last.request
    assert len(route.calls) == 1
    assert json.loads(request.content) == {"pipelineName": "web", "pipelineExecutionId": ID}
    assert sorted(request.headers) == [
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "user-agent",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
    ]
    assert request.headers["x-amz-target"] == "CodePipeline_20150709.GetPipelineExecution"
    assert request.headers["content-type"] == "application/x-amz-json-1.1"
    assert request.headers["host"] == "codepipeline.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("error", GET_PIPELINE_EXECUTION.errors, ids=lambda error: error.__name__)
def test_each_documented_error_becomes_its_class(
    ask: Ask, respx_mock: respx.MockRouter, error: type[ServiceError]
) -> None:
    body = {"__type": error.__name__, "message": "because"}
    respx_mock.post(URL).respond(400, json=body, headers={"x-amzn-RequestId": "r-1"})
    with pytest.raises(error) as caught:
        ask()
    found = caught.value
    assert (found.code, found.message, found.request_id) == (error.__name__, "because", "r-1")
    assert (found.http_status_code, found.operation_name) == (400, "GetPipelineExecution")


@pytest.mark.parametrize("code", sorted(errors.SERVICE_ERRORS))
def test_each_common_error_becomes_its_class(ask: Ask, respx_mock: respx.MockRouter, code: str) -> None:
    respx_mock.post(URL).respond(500, headers={"X-Amzn-ErrorType": f"{code}:http://internal.amazon.com/"})
    with pytest.raises(errors.SERVICE_ERRORS[code]):
        ask()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(ask: Ask, status: int) -> None:
    with respx.mock(assert_all_called=False) as router:
        elsewhere = router.route(host="elsewhere.test").respond(200)
        router.post(URL).respond(status, headers={"Location": "https://elsewhere.test/"})
        with pytest.raises(errors.ResponseDecodeError, match="never followed"):
            ask()
        assert not elsewhere.called


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpx.ConnectError("refused"), ConnectionFailedError), (httpx.ReadTimeout("slow"), RequestTimeoutError)],
    ids=["refused", "slow"],
)
def test_a_failing_network_becomes_a_transport_error(
    ask: Ask, respx_mock: respx.MockRouter, failure: Exception, error: type[Exception]
) -> None:
    respx_mock.post(URL).mock(side_effect=failure)
    with pytest.raises(error):
        ask()


def test_cookies_are_neither_kept_nor_sent(respx_mock: respx.MockRouter) -> None:
    answer = {"pipelineExecution": {"status": "Succeeded"}}
    route = respx_mock.post(URL).respond(200, json=answer, headers={"Set-Cookie": "a=b"})
    with CodePipelineClient(region_name="eu-west-1", credentials=KEYS) as client:
        for _ in range(2):
            client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=ID)
    last: httpx.Request = route.calls.last.request
    assert "cookie" not in last.headers
