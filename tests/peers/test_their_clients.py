"""boto3, aiobotocore and the AWS CLI take LocalCodePipeline for the service, as they come, told only by environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from codepipeline_client.testing import LocalCodePipeline, make_action_execution
from tests.operations.test_service_model import plain
from tests.testing.endpoint_client import FULL

Call = Callable[..., Mapping[str, Any]]
"""Calls with changes to the environment, and returns the response as botocore has it, or the error."""

ABSENT_ID: Final = "ffffffff-89ab-4cde-8f01-23456789abcd"
OF_NO_EXECUTION: Final = {"pipelineName": "web", "filter": {"pipelineExecutionId": ABSENT_ID}}
GET: Final = "get_pipeline_execution"


def execution_of(name: str, execution_id: str = ABSENT_ID) -> Mapping[str, object]:
    return {"pipelineName": name, "pipelineExecutionId": execution_id}


@pytest.fixture(params=["boto3", "aiobotocore", "awscli"])
def call(
    request: pytest.FixtureRequest, local_codepipeline: LocalCodePipeline, python_of: Callable[[str], Path]
) -> Call:
    """Call a method of a peer's client for the endpoint, which has one execution."""
    peer: str = request.param
    local_codepipeline.put_execution(FULL)

    def call_peer(method: str, arguments: Mapping[str, object], **changes: str) -> Mapping[str, Any]:
        given = json.dumps(arguments)
        by_awscli = ["-m", "awscli", "codepipeline", method.replace("_", "-"), "--output", "json"]
        by_awscli += ["--cli-input-json", given]
        script = Path(__file__).parent / "theirs" / "call.py"
        done = subprocess.run(
            [python_of(peer), *(by_awscli if peer == "awscli" else [script, peer, method, given])],
            env={**os.environ, **local_codepipeline.environ, **changes},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = re.search(r"An error .* \((\w+)\) when calling the \w+ operation: (.*)", done.stderr)
        if told:  # by the AWS CLI, as a sentence
            return {"Error": {"Code": told[1], "Message": told[2]}}
        assert done.returncode == 0, done.stderr
        response: Mapping[str, Any] = json.loads(done.stdout)
        return response

    return call_peer


def test_peers_get_the_execution_whole(call: Call, local_codepipeline: LocalCodePipeline) -> None:
    """Each member that was put there comes out under its name on the wire, and it took one request."""
    response = call(GET, execution_of("web", FULL.pipeline_execution_id))["pipelineExecution"]
    assert response == plain(attrs.asdict(FULL))
    assert [request.status_code for request in local_codepipeline.requests] == [200]


def test_peers_start_once_list_and_see_why_it_failed(call: Call, local_codepipeline: LocalCodePipeline) -> None:
    """The AWS CLI and the SDKs send a token of their own unless they are given one."""
    failed = make_action_execution(status="Failed", error_code="JobFailed", error_message="1 of 24 checks")
    local_codepipeline.script_starts(["Failed"], pipeline_name="web", actions=[failed])
    given = {"name": "web", "clientRequestToken": "mine", "variables": [{"name": "stage", "value": "live"}]}
    started = [call("start_pipeline_execution", given)["pipelineExecutionId"] for _ in range(2)]
    assert started[0] == started[1]
    assert call("start_pipeline_execution", {"name": "web"})["pipelineExecutionId"] != started[0]
    listed = call("list_pipeline_executions", {"pipelineName": "web"})["pipelineExecutionSummaries"]
    assert [each["status"] for each in listed] == ["Failed", "Failed", "Stopped"]
    assert listed[1]["pipelineExecutionId"] == started[0]
    assert listed[1]["trigger"]["triggerType"] == "StartPipelineExecution"
    chosen = {"pipelineName": "web", "filter": {"pipelineExecutionId": started[0]}}
    (action,) = call("list_action_executions", chosen)["actionExecutionDetails"]
    assert (action["stageName"], action["actionName"], action["status"]) == ("Build", "Compile", "Failed")
    assert action["output"]["executionResult"]["errorDetails"] == {"code": "JobFailed", "message": "1 of 24 checks"}


@pytest.mark.parametrize(
    ("method", "arguments", "changes", "code"),
    [
        (GET, execution_of("other"), {}, "PipelineNotFoundException"),
        (GET, execution_of("web"), {}, "PipelineExecutionNotFoundException"),
        (GET, execution_of("we b"), {}, "ValidationException"),
        (GET, execution_of("web", "first"), {}, "ValidationException"),
        (GET, execution_of("web"), {"AWS_SECRET_ACCESS_KEY": "guessed"}, "InvalidSignatureException"),
        (GET, execution_of("web"), {"AWS_ACCESS_KEY_ID": "AKIASTRANGER"}, "UnrecognizedClientException"),
        (GET, execution_of("web"), {"AWS_DEFAULT_REGION": "eu-north-1"}, "InvalidSignatureException"),
        ("start_pipeline_execution", {"name": "other"}, {}, "PipelineNotFoundException"),
        ("start_pipeline_execution", {"name": "web", "clientRequestToken": "a b"}, {}, "ValidationException"),
        ("list_pipeline_executions", {"pipelineName": "web", "nextToken": "x"}, {}, "InvalidNextTokenException"),
        ("list_action_executions", OF_NO_EXECUTION, {}, "PipelineExecutionNotFoundException"),
    ],
)
def test_peers_get_the_services_own_error_codes(
    call: Call, method: str, arguments: Mapping[str, object], changes: Mapping[str, str], code: str
) -> None:
    """A program tested against the endpoint takes the branches that it takes against the service."""
    error = call(method, arguments, **changes)["Error"]
    assert error["Code"] == code
    assert error["Message"]
