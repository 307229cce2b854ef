"""boto3, aiobotocore and the AWS CLI take LocalCodePipeline for the service, as they come, told only by environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

Get = Callable[..., Mapping[str, Any]]
"""Gets an execution with changes to the environment, and returns the response as botocore has it, or the error."""

EXECUTION: Final = make_pipeline_execution(
    pipeline_name="web",
    pipeline_execution_id="01234567-89ab-4cde-8f01-23456789abcd",
    status="Stopped",
    pipeline_version=7,
    status_summary="Not today, José",
    variables=[{"name": "stage", "resolved_value": "live"}],
    execution_mode="QUEUED",
    execution_type="ROLLBACK",
    rollback_metadata={"rollback_target_pipeline_execution_id": "11111111-89ab-4cde-8f01-23456789abcd"},
)
ABSENT_ID: Final = "ffffffff-89ab-4cde-8f01-23456789abcd"


def get_by_script(python: str, script: Path, environ: Mapping[str, str], *names: str) -> Mapping[str, Any]:
    """Run a peer's script, which prints the response as JSON, or the error."""
    done = subprocess.run(
        [python, script, *names],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    response: Mapping[str, Any] = json.loads(done.stdout)
    return response


def get_by_awscli(python: str, environ: Mapping[str, str], *names: str) -> Mapping[str, Any]:
    """Run the AWS CLI, which prints the response as JSON, or the error as a sentence."""
    command = [python, "-m", "awscli", "codepipeline", "get-pipeline-execution", "--output", "json"]
    for option, name in zip(("--pipeline-name", "--pipeline-execution-id"), names, strict=True):
        command += [option, name]
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 0:
        response: Mapping[str, Any] = json.loads(done.stdout)
        return response
    told = re.search(r"An error occurred \((\w+)\) when calling the GetPipelineExecution operation: (.*)", done.stderr)
    assert told, done.stderr
    return {"Error": {"Code": told[1], "Message": told[2]}}


@pytest.fixture(params=["boto3", "aiobotocore", "awscli"])
def get(
    request: pytest.FixtureRequest,
    local_codepipeline: LocalCodePipeline,
    python_of: Callable[[str], str],
    theirs: Path,
) -> Get:
    """Get an execution from the endpoint, which has one, through one peer."""
    peer: str = request.param
    local_codepipeline.put_execution(EXECUTION)

    def get_by_peer(pipeline_name: str, pipeline_execution_id: str, **changes: str) -> Mapping[str, Any]:
        environ = {**local_codepipeline.environ, **changes}
        python, names = python_of(peer), (pipeline_name, pipeline_execution_id)
        if peer == "awscli":
            return get_by_awscli(python, environ, *names)
        return get_by_script(python, theirs / f"get_by_{peer}.py", environ, *names)

    return get_by_peer


def test_peers_get_the_execution_whole(get: Get, local_codepipeline: LocalCodePipeline) -> None:
    """Each member that was put there comes out under its name on the wire, and it took one request."""
    assert EXECUTION.trigger
    (revision,) = EXECUTION.artifact_revisions
    assert revision.created
    response = get("web", EXECUTION.pipeline_execution_id)["pipelineExecution"]
    assert response == {
        "pipelineName": "web",
        "pipelineExecutionId": EXECUTION.pipeline_execution_id,
        "pipelineVersion": 7,
        "status": "Stopped",
        "statusSummary": "Not today, José",
        "artifactRevisions": [
            {
                "name": revision.name,
                "revisionId": revision.revision_id,
                "revisionChangeIdentifier": revision.revision_change_identifier,
                "revisionSummary": revision.revision_summary,
                "created": revision.created.timestamp(),
                "revisionUrl": revision.revision_url,
            }
        ],
        "variables": [{"name": "stage", "resolvedValue": "live"}],
        "trigger": {
            "triggerType": EXECUTION.trigger.trigger_type,
            "triggerDetail": EXECUTION.trigger.trigger_detail,
        },
        "executionMode": "QUEUED",
        "executionType": "ROLLBACK",
        "rollbackMetadata": {"rollbackTargetPipelineExecutionId": "11111111-89ab-4cde-8f01-23456789abcd"},
    }
    assert [request.status_code for request in local_codepipeline.requests] == [200]


@pytest.mark.parametrize(
    ("pipeline_name", "pipeline_execution_id", "changes", "code"),
    [
        pytest.param("other", ABSENT_ID, {}, "PipelineNotFoundException", id="absent-pipeline"),
        pytest.param("web", ABSENT_ID, {}, "PipelineExecutionNotFoundException", id="absent-execution"),
        pytest.param("we b", ABSENT_ID, {}, "ValidationException", id="name-with-a-space"),
        pytest.param("web", "first", {}, "ValidationException", id="id-of-no-uuid"),
        pytest.param(
            *("web", ABSENT_ID, {"AWS_SECRET_ACCESS_KEY": "guessed"}, "InvalidSignatureException"),
            id="wrong-secret",
        ),
        pytest.param(
            *("web", ABSENT_ID, {"AWS_ACCESS_KEY_ID": "AKIASTRANGER"}, "UnrecognizedClientException"),
            id="unknown-key",
        ),
        pytest.param(
            *("web", ABSENT_ID, {"AWS_DEFAULT_REGION": "eu-north-1"}, "InvalidSignatureException"),
            id="other-region",
        ),
    ],
)
def test_peers_get_the_services_own_error_codes(
    get: Get, pipeline_name: str, pipeline_execution_id: str, changes: Mapping[str, str], code: str
) -> None:
    """A program tested against the endpoint takes the branches that it takes against the service."""
    error = get(pipeline_name, pipeline_execution_id, **changes)["Error"]
    assert error["Code"] == code
    assert error["Message"]
