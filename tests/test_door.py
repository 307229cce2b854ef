"""respx at the door of both clients: what goes out, and what each documented error becomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import httpx
import pytest
import respx

from codepipeline_client import (
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
from tests.endpoint import get

URL = "https://codepipeline.eu-west-1.amazonaws.com/"
ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key="secret", session_token="token")
Call = Callable[[], GetPipelineExecutionOutput]


@pytest.fixture(params=["sync", "asyncio", "trio"])
def call(request: pytest.FixtureRequest) -> Call:
    """Make one call to AWS's own address."""
    arguments = {"pipeline_name": "web", "pipeline_execution_id": ID}
    options = {"region_name": "eu-west-1", "credentials": CREDENTIALS, "retry_mode": "off"}
    return partial(get, request.param, arguments, **options)


def test_the_request_has_this_body_and_these_headers(call: Call, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(URL).respond(200, json={"pipelineExecution": {"status": "Succeeded"}})
    assert call().pipeline_execution.status is PipelineExecutionStatus.SUCCEEDED
    assert len(route.calls) == 1
    request: httpx.Request = route.calls.last.request
    assert json.loads(request.content) == {"pipelineName": "web", "pipelineExecutionId": ID}
    expected = {
        "content-type": "application/x-amz-json-1.1",
        "host": "codepipeline.eu-west-1.amazonaws.com",
        "x-amz-security-token": "token",
        "x-amz-target": "CodePipeline_20150709.GetPipelineExecution",
    }
    assert {name: request.headers[name] for name in expected} == expected
    others = "accept-encoding amz-sdk-invocation-id amz-sdk-request authorization content-length user-agent x-amz-date"
    assert {*request.headers} == {*expected, *others.split()}


@pytest.mark.parametrize("error", GET_PIPELINE_EXECUTION.errors, ids=lambda error: error.__name__)
def test_each_documented_error_becomes_its_class(
    call: Call, respx_mock: respx.MockRouter, error: type[ServiceError]
) -> None:
    body = {"__type": error.__name__, "message": "because"}
    respx_mock.post(URL).respond(400, json=body, headers={"x-amzn-RequestId": "r-1"})
    with pytest.raises(error) as caught:
        call()
    found = caught.value
    assert (found.code, found.message, found.request_id) == (error.__name__, "because", "r-1")
    assert (found.http_status_code, found.operation_name) == (400, "GetPipelineExecution")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(call: Call, status: int) -> None:
    with respx.mock(assert_all_called=False) as router:
        elsewhere = router.route(host="elsewhere.test").respond(200)
        router.post(URL).respond(status, headers={"Location": "https://elsewhere.test/"})
        with pytest.raises(errors.ResponseDecodeError, match="never followed"):
            call()
        assert not elsewhere.called


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        pytest.param(200, b'{"pipelineExecution": {"status": "Failed", "status": "Stopped"}}', "duplicate", id="twice"),
        pytest.param(206, b'{"pipelineExecution": {"status": "Succeeded"}}', "a partial response", id="partial"),
    ],
)
def test_a_response_with_two_meanings_is_refused(
    call: Call, respx_mock: respx.MockRouter, status: int, body: bytes, problem: str
) -> None:
    respx_mock.post(URL).respond(status, content=body)
    with pytest.raises(errors.ResponseDecodeError, match=problem):
        call()


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpx.ConnectError("refused"), ConnectionFailedError), (httpx.ReadTimeout("slow"), RequestTimeoutError)],
    ids=["refused", "slow"],
)
def test_a_failing_network_becomes_a_transport_error(
    call: Call, respx_mock: respx.MockRouter, failure: Exception, error: type[Exception]
) -> None:
    respx_mock.post(URL).mock(side_effect=failure)
    with pytest.raises(error):
        call()


def test_cookies_are_neither_kept_nor_sent(respx_mock: respx.MockRouter) -> None:
    response = {"pipelineExecution": {"status": "Succeeded"}}
    route = respx_mock.post(URL).respond(200, json=response, headers={"Set-Cookie": "a=b"})
    with CodePipelineClient(region_name="eu-west-1", credentials=CREDENTIALS) as client:
        for _ in range(2):
            client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=ID)
    last: httpx.Request = route.calls.last.request
    assert "cookie" not in last.headers
