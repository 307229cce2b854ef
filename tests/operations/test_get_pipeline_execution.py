"""GetPipelineExecution: how a response is read. See `test_service_model` for what operations have in common."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import (
    Credentials,
    GetPipelineExecutionInput,
    GetPipelineExecutionOutput,
    PipelineExecutionStatus,
    ResponseDecodeError,
    ResponseMetadata,
)
from codepipeline_client._protocol.awsjson import decode
from codepipeline_client._protocol.messages import Response
from tests.endpoint import get

ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
REQUEST = GetPipelineExecutionInput(pipeline_name="MyFirstPipeline", pipeline_execution_id=ID)
METADATA = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=1)


def read(payload: object, request: GetPipelineExecutionInput = REQUEST) -> GetPipelineExecutionOutput:
    response = Response(status_code=200, headers={}, body=json.dumps(payload).encode())
    return GetPipelineExecutionOutput.from_wire(
        decode("GetPipelineExecution", response), request, METADATA, "eu-west-1"
    )


# Output

SAMPLE = {
    "pipelineExecution": {
        "artifactRevisions": [
            {
                "created": 1427298837.7689769,
                "name": "MyApp",
                "revisionChangeIdentifier": "1427298921.3976923",
                "revisionId": "7636d59f3c461cEXAMPLE8417dbc6371",
                "revisionSummary": "Updating the application for feature 12-4820",
                "revisionUrl": "",
            }
        ],
        "pipelineExecutionId": "3137f7cb-7cf7-039j-s83l-d7eu3EXAMPLE",
        "pipelineName": "MyFirstPipeline",
        "pipelineVersion": 2,
        "status": "Succeeded",
    }
}


def test_the_sample_of_the_api_reference_is_read() -> None:
    request = GetPipelineExecutionInput(
        pipeline_name="MyFirstPipeline", pipeline_execution_id="3137f7cb-7cf7-039j-s83l-d7eu3EXAMPLE"
    )
    output = read(SAMPLE, request)
    (revision,) = output.pipeline_execution.artifact_revisions
    assert output.pipeline_execution.status is PipelineExecutionStatus.SUCCEEDED
    assert revision.created == datetime(2015, 3, 25, 15, 53, 57, 768977, tzinfo=UTC)
    assert revision.revision_url == ""
    assert (output.raw, output.response_metadata) == (SAMPLE, METADATA)


def test_an_output_becomes_a_dictionary_that_json_takes() -> None:
    """The headers are left out."""
    output = read({"pipelineExecution": {"status": "Succeeded"}})
    assert json.loads(json.dumps(output.to_dict())) == {
        "pipeline_execution": output.pipeline_execution.to_dict(),
        "response_metadata": {"request_id": None, "http_status_code": 200, "attempts": 1},
    }


@pytest.mark.parametrize("kind", ["sync", "asyncio"])
@pytest.mark.parametrize("region_name", ["us-gov-west-1", None], ids=["argument", "environment"])
def test_an_execution_has_the_region_that_it_was_read_from(
    region_name: str | None, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response itself does not tell the region, and is kept as it came."""
    monkeypatch.setenv("AWS_REGION", "us-gov-west-1")
    response = {"pipelineExecution": {"status": "Succeeded"}}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=response))
    credentials = Credentials(access_key_id="AKID", secret_access_key="secret")
    output = get(kind, region_name=region_name, credentials=credentials, transport=transport)
    assert output.pipeline_execution.region_name == "us-gov-west-1"
    assert "//us-gov-west-1.console.amazonaws-us-gov.com/" in (output.pipeline_execution.console_url or "")
    assert output.raw == response


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        pytest.param({}, "pipelineExecution: it is absent", id="no-execution"),
        pytest.param({"pipelineExecution": None}, "pipelineExecution: it is absent", id="null-execution"),
        pytest.param({"pipelineExecution": []}, "pipelineExecution: an object was expected", id="list"),
        pytest.param({"pipelineExecution": {}}, r"pipelineExecution\.status: it is absent", id="no-status"),
        *(
            pytest.param({"pipelineExecution": {"status": "Failed", **members}}, rf"pipelineExecution\.{problem}")
            for members, problem in (
                ({"pipelineName": "x"}, "pipelineName: the response is about 'x', and 'MyFirstPipeline' was requested"),
                ({"pipelineExecutionId": "x"}, "pipelineExecutionId: the response is about 'x', and '3137f7cb-"),
                ({"artifactRevisions": [{"created": "x"}]}, r"artifactRevisions\[0\]\.created: a number of seconds si"),
            )
        ),
    ],
)
def test_a_response_to_another_request_is_not_trusted(payload: object, problem: str) -> None:
    with pytest.raises(ResponseDecodeError, match=problem):
        read(payload)


SCALARS = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
NAMES = st.sampled_from(["status", "created", "trigger", "variables", "artifactRevisions", "name"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)


@given(JSON)
def test_no_shape_of_json_raises_anything_raw(payload: object) -> None:
    with suppress(ResponseDecodeError):
        found = read({"pipelineExecution": payload})
        assert isinstance(found.pipeline_execution.status, PipelineExecutionStatus)
