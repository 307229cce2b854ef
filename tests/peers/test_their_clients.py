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


@pytest.fixture(params=["boto3", "aiobotocore", "awscli"])
def get(request: pytest.FixtureRequest, local_codepipeline: LocalCodePipeline, python_of: Callable[[str], Path]) -> Get:
    """Get an execution from the endpoint, which has one, through one peer."""
    peer: str = request.param
    local_codepipeline.put_execution(EXECUTION)

    def get_by_peer(name: str, execution_id: str, **changes: str) -> Mapping[str, Any]:
        by_awscli = ["-m", "awscli", "codepipeline", "get-pipeline-execution", "--output", "json"]
        by_awscli += ["--pipeline-name", name, "--pipeline-execution-id", execution_id]
        script = Path(__file__).parent / "theirs" / "get.py"
        done = subprocess.run(
            [python_of(peer), *(by_awscli if peer == "awscli" else [script, peer, name, execution_id])],
            env={**os.environ, **local_codepipeline.environ, **changes},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = re.search(r"An error .* \((\w+)\) when calling the GetPipelineExecution operation: (.*)", done.stderr)
        if told:  # by the AWS CLI, as a sentence
            return {"Error": {"Code": told[1], "Message": told[2]}}
        assert done.returncode == 0, done.stderr
        response: Mapping[str, Any] = json.loads(done.stdout)
        return response

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
    ("name", "execution_id", "changes", "code"),
    [
        ("other", ABSENT_ID, {}, "PipelineNotFoundException"),
        ("web", ABSENT_ID, {}, "PipelineExecutionNotFoundException"),
        ("we b", ABSENT_ID, {}, "ValidationException"),
        ("web", "first", {}, "ValidationException"),
        ("web", ABSENT_ID, {"AWS_SECRET_ACCESS_KEY": "guessed"}, "InvalidSignatureException"),
        ("web", ABSENT_ID, {"AWS_ACCESS_KEY_ID": "AKIASTRANGER"}, "UnrecognizedClientException"),
        ("web", ABSENT_ID, {"AWS_DEFAULT_REGION": "eu-north-1"}, "InvalidSignatureException"),
    ],
)
def test_peers_get_the_services_own_error_codes(
    get: Get, name: str, execution_id: str, changes: Mapping[str, str], code: str
) -> None:
    """A program tested against the endpoint takes the branches that it takes against the service."""
    error = get(name, execution_id, **changes)["Error"]
    assert error["Code"] == code
    assert error["Message"]
