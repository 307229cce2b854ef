"""GetPipelineExecution: what is checked, what goes on the wire, and how a response is read."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import (
    Credentials,
    ExecutionMode,
    GetPipelineExecutionInput,
    GetPipelineExecutionOutput,
    ParameterViolation,
    PipelineExecution,
    PipelineExecutionStatus,
    ResponseDecodeError,
    ResponseMetadata,
    TriggerType,
)
from codepipeline_client._protocol.awsjson import decode, encode
from codepipeline_client._protocol.messages import Response
from tests.endpoint import get

ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
REQUEST = GetPipelineExecutionInput(pipeline_name="MyFirstPipeline", pipeline_execution_id=ID)
METADATA = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=1)

JsonValue = Any  # what json.loads gives


def read(payload: object, request: GetPipelineExecutionInput = REQUEST) -> GetPipelineExecutionOutput:
    response = Response(status_code=200, headers={}, body=json.dumps(payload).encode())
    return GetPipelineExecutionOutput.from_wire(
        decode("GetPipelineExecution", response), request, METADATA, "eu-west-1"
    )


def execution(request: GetPipelineExecutionInput = REQUEST, **members: object) -> PipelineExecution:
    return read({"pipelineExecution": {"status": "Succeeded", **members}}, request).pipeline_execution


# Input


NAME, EXECUTION_ID = "pipeline_name", "pipeline_execution_id"
NAME_RULE = r"must match [A-Za-z0-9.@\-_]+, not "
UUID_RULE = "must be a UUID in lower case, [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}, not "


@pytest.mark.parametrize(
    ("parameter", "value", "rule"),
    [
        pytest.param(NAME, "A.z-0_@", None, id="every-kind-of-letter"),
        pytest.param(NAME, "x" * 100, None, id="longest"),
        pytest.param(NAME, "", "must have 1 to 100 characters, not 0", id="empty-name"),
        pytest.param(NAME, "x" * 101, "must have 1 to 100 characters, not 101", id="too-long"),
        pytest.param(NAME, "my pipeline", f"{NAME_RULE}'my pipeline'", id="space"),
        pytest.param(NAME, "web\n", rf"{NAME_RULE}'web\n'", id="name-with-a-line-break"),
        pytest.param(NAME, "wéb", f"{NAME_RULE}'wéb'", id="accent"),
        pytest.param(NAME, None, "is required", id="no-name"),
        pytest.param(NAME, b"web", "must be a string, not bytes", id="bytes"),
        pytest.param(EXECUTION_ID, ID, None, id="uuid"),
        pytest.param(EXECUTION_ID, ID.upper(), f"{UUID_RULE}{ID.upper()!r}", id="upper-case"),
        pytest.param(EXECUTION_ID, f"{ID}\n", rf"{UUID_RULE}'{ID}\n'", id="line-break-at-the-end"),
        pytest.param(EXECUTION_ID, f"x{ID}", f"{UUID_RULE}'x{ID}'", id="more-before"),
        pytest.param(EXECUTION_ID, "", f"{UUID_RULE}''", id="empty"),
        pytest.param(EXECUTION_ID, "y" * 5000, f"{UUID_RULE}'{'y' * 100}…'", id="long-values-are-cut"),
        pytest.param(EXECUTION_ID, None, "is required", id="absent"),
        pytest.param(EXECUTION_ID, 1.5, "must be a string, not float", id="number"),
    ],
)
def test_a_parameter_is_checked(parameter: str, value: Any, rule: str | None) -> None:
    parameters: dict[str, Any] = {"pipeline_name": "web", "pipeline_execution_id": ID, parameter: value}
    violations = GetPipelineExecutionInput(**parameters).violations()
    assert violations == (() if rule is None else (ParameterViolation(parameter, rule),))


def test_without_strictness_any_string_goes_but_nothing_else() -> None:
    assert GetPipelineExecutionInput(pipeline_name="", pipeline_execution_id="?").violations(strict=False) == ()
    wrong: Any = None
    found = GetPipelineExecutionInput(pipeline_name=wrong, pipeline_execution_id="?").violations(strict=False)
    assert [each.rule for each in found] == ["is required"]


# What botocore makes of the same

loaders: Any = import_module("botocore.loaders")  # botocore ships no types
model: Any = import_module("botocore.model")
parsers: Any = import_module("botocore.parsers")
serialize: Any = import_module("botocore.serialize")

MODEL = model.ServiceModel(loaders.Loader().load_service_model("codepipeline", "service-2"), "codepipeline")
OPERATION = MODEL.operation_model("GetPipelineExecution")


@given(st.text(), st.text())
def test_the_request_is_what_botocore_sends(name: str, execution_id: str) -> None:
    request = GetPipelineExecutionInput(pipeline_name=name, pipeline_execution_id=execution_id)
    headers, body = encode("GetPipelineExecution", request.to_wire())
    serializer = serialize.create_serializer("json", include_validation=False)
    theirs = serializer.serialize_to_request({"pipelineName": name, "pipelineExecutionId": execution_id}, OPERATION)
    assert json.loads(body) == json.loads(theirs["body"])
    assert dict(headers) == theirs["headers"]
    assert theirs["method"] == "POST"


def texts() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def optional(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.none() | each for name, each in members.items()})


EXECUTIONS = st.builds(
    dict[str, Any],
    optional(
        artifactRevisions=st.lists(
            optional(
                created=st.integers(0, 4_000_000_000) | st.floats(0, 4_000_000_000),
                **dict.fromkeys(
                    ("name", "revisionId", "revisionChangeIdentifier", "revisionSummary", "revisionUrl", "unheardOf"),
                    texts(),
                ),
            ),
            max_size=3,
        ),
        executionMode=texts(),
        executionType=texts(),
        pipelineVersion=st.integers(),
        rollbackMetadata=optional(rollbackTargetPipelineExecutionId=texts()),
        statusSummary=texts(),
        trigger=optional(triggerDetail=texts(), triggerType=texts()),
        variables=st.lists(optional(name=texts(), resolvedValue=texts()), max_size=3),
        unheardOf=st.lists(st.integers()),
    ),
    status=st.sampled_from([str(each) for each in PipelineExecutionStatus]) | texts(),
)


def with_wire_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {re.sub("_(.)", lambda match: match[1].upper(), name): value for name, value in pairs}


@given(EXECUTIONS)
def test_a_response_has_the_values_that_botocore_reads(members: JsonValue) -> None:
    body = json.dumps({"pipelineExecution": members}).encode()
    parser = parsers.create_parser("json")
    theirs = parser.parse({"body": body, "headers": {}, "status_code": 200}, OPERATION.output_shape)
    ours = attrs.asdict(execution(**members), filter=lambda _, value: value not in (None, ()))
    requested = {"pipelineName": REQUEST.pipeline_name, "pipelineExecutionId": REQUEST.pipeline_execution_id}
    expected = requested | {name: value for name, value in theirs["pipelineExecution"].items() if value != []}
    assert json.loads(json.dumps(ours, default=str), object_pairs_hook=with_wire_names) == json.loads(
        json.dumps(expected | {"regionName": "eu-west-1"}, default=str)
    )


def test_our_rules_and_values_are_the_service_models() -> None:
    shapes = {name: MODEL.shape_for(name).metadata for name in ("PipelineName", "PipelineExecutionId")}
    assert shapes["PipelineName"]["pattern"] == r"[A-Za-z0-9.@\-_]+"
    assert shapes["PipelineName"]["max"] == 100
    assert f" {shapes['PipelineExecutionId']['pattern']}, " in UUID_RULE
    for ours, theirs in (
        (PipelineExecutionStatus, "PipelineExecutionStatus"),
        (TriggerType, "TriggerType"),
        (ExecutionMode, "ExecutionMode"),
    ):
        assert sorted(ours) == sorted(MODEL.shape_for(theirs).metadata["enum"])


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
