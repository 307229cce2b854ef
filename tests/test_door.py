"""respx at the door of both clients: what goes out, and what each documented error becomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx
import pytest
import respx

from codepipeline_client import (
    CodePipelineClient,
    Credentials,
    GetPipelineExecutionOutput,
    PipelineExecutionStatus,
    errors,
)
from tests.endpoint import INPUT, Ask

URL = "https://codepipeline.eu-west-1.amazonaws.com/"
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key="secret", session_token="token")
OPTIONS: Mapping[str, Any] = {"region_name": "eu-west-1", "credentials": CREDENTIALS}
REDIRECTS = (301, 302, 303, 307, 308)
ELSEWHERE = {"Location": "https://elsewhere.test/"}
SUCCEEDED = b'{"pipelineExecution": {"status": "Succeeded"}}'
TWICE = b'{"pipelineExecution": {"status": "Failed", "status": "Stopped"}}'
Call = Callable[[], GetPipelineExecutionOutput]


@pytest.fixture
def call(ask: Ask) -> Call:
    """Make one call to AWS's own address."""
    return partial(ask, **OPTIONS, retry_mode="off")


def test_the_request_has_this_body_and_these_headers(call: Call, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(URL).respond(200, content=SUCCEEDED)
    assert call().pipeline_execution.status is PipelineExecutionStatus.SUCCEEDED
    assert len(route.calls) == 1
    request: httpx.Request = route.calls.last.request
    assert json.loads(request.content) == {"pipelineName": "web", "pipelineExecutionId": INPUT["pipeline_execution_id"]}
    expected = {
        "content-type": "application/x-amz-json-1.1",
        "host": "codepipeline.eu-west-1.amazonaws.com",
        "x-amz-security-token": "token",
        "x-amz-target": "CodePipeline_20150709.GetPipelineExecution",
    }
    assert {name: request.headers[name] for name in expected} == expected
    others = "accept-encoding amz-sdk-invocation-id amz-sdk-request authorization content-length user-agent x-amz-date"
    assert {*request.headers} == {*expected, *others.split()}


@pytest.mark.parametrize(
    "error",
    [errors.ValidationException, errors.PipelineNotFoundException, errors.PipelineExecutionNotFoundException],
    ids=lambda error: error.__name__,
)
def test_each_documented_error_becomes_its_class(
    call: Call, respx_mock: respx.MockRouter, error: type[errors.ServiceError]
) -> None:
    body = {"__type": error.__name__, "message": "because"}
    respx_mock.post(URL).respond(400, json=body, headers={"x-amzn-RequestId": "r-1"})
    with pytest.raises(error) as caught:
        call()
    found = caught.value
    assert (found.code, found.message, found.request_id) == (error.__name__, "because", "r-1")
    assert (found.http_status_code, found.operation_name) == (400, "GetPipelineExecution")


@pytest.mark.parametrize(
    ("response", "error", "problem"),
    [
        *(
            (httpx.Response(status, headers=ELSEWHERE), errors.ResponseDecodeError, "never followed")
            for status in REDIRECTS
        ),
        (httpx.Response(200, content=TWICE), errors.ResponseDecodeError, "duplicate"),
        (httpx.Response(206, content=SUCCEEDED), errors.ResponseDecodeError, "a partial response"),
        (httpx.ConnectError("refused"), errors.ConnectionFailedError, "refused"),
        (httpx.ReadTimeout("slow"), errors.RequestTimeoutError, "read"),
    ],
    ids=[*map(str, REDIRECTS), "twice", "partial", "refused", "slow"],
)
def test_what_is_no_response_of_the_service_is_an_error(
    call: Call,
    respx_mock: respx.MockRouter,
    response: httpx.Response | Exception,
    error: type[Exception],
    problem: str,
) -> None:
    """One request is sent: a redirect to another host is not followed."""
    route = respx_mock.post(URL).mock(side_effect=[response])
    with pytest.raises(error, match=problem):
        call()
    assert len(route.calls) == 1


def test_cookies_are_neither_kept_nor_sent(respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post(URL).respond(200, content=SUCCEEDED, headers={"Set-Cookie": "a=b"})
    with CodePipelineClient(**OPTIONS) as client:
        for _ in range(2):
            client.get_pipeline_execution(**INPUT)
    last: httpx.Request = route.calls.last.request
    assert "cookie" not in last.headers
