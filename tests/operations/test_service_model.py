"""Each operation agrees with the service model that botocore ships, and with botocore's serializer and parser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any, Final, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import (
    GetPipelineExecutionInput,
    PipelineExecutionStatus,
    PipelineVariable,
    ResponseDecodeError,
    ResponseMetadata,
    SourceRevisionOverride,
    SourceRevisionType,
)
from codepipeline_client._protocol.awsjson import decode, encode
from codepipeline_client._protocol.messages import Response
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.models import OpenEnum
from codepipeline_client.operations import (
    GET_PIPELINE_EXECUTION,
    LIST_ACTION_EXECUTIONS,
    LIST_PIPELINE_EXECUTIONS,
    START_PIPELINE_EXECUTION,
    Operation,
)
from codepipeline_client.operations.list_action_executions import ListActionExecutionsInput, StartTimeRange
from codepipeline_client.operations.list_pipeline_executions import ListPipelineExecutionsInput
from codepipeline_client.operations.start_pipeline_execution import StartPipelineExecutionInput

loaders: Any = import_module("botocore.loaders")  # botocore ships no types
model: Any = import_module("botocore.model")
parsers: Any = import_module("botocore.parsers")
serialize: Any = import_module("botocore.serialize")

MODEL = model.ServiceModel(loaders.Loader().load_service_model("codepipeline", "service-2"), "codepipeline")
METADATA = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=1)
ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
GET = GetPipelineExecutionInput(pipeline_name="web", pipeline_execution_id=ID)
LIST = ListPipelineExecutionsInput(pipeline_name="web")
START = StartPipelineExecutionInput(pipeline_name="web")
ACTIONS = ListActionExecutionsInput(pipeline_name="web")

NEEDED = {"pipelineExecution", "pipelineExecutionId", "status"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
ROWS = [
    pytest.param(GET_PIPELINE_EXECUTION, GET, id="get"),
    pytest.param(LIST_PIPELINE_EXECUTIONS, LIST, id="list"),
    pytest.param(START_PIPELINE_EXECUTION, START, id="start"),
    pytest.param(LIST_ACTION_EXECUTIONS, ACTIONS, id="actions"),
]


def values_of(shape: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for what the service may send as *shape*. No member is promised, so any may be absent."""
    if shape.name == "PipelineExecutionId":
        return st.uuids().map(str)
    match shape.type_name:
        case "structure":
            members = {name: st.none() | values_of(member) for name, member in shape.members.items()}
            needed = {name: values_of(shape.members[name]) for name in NEEDED & {*members}}
            others = {name: values for name, values in members.items() if name not in needed}
            return st.fixed_dictionaries(needed, optional={**others, "unheardOf": st.lists(st.integers())})
        case "list":
            return st.lists(values_of(shape.member), max_size=2)
        case "map":
            return st.dictionaries(TEXTS, TEXTS, max_size=2)
        case "timestamp":
            return st.integers(0, 4_000_000_000) | st.floats(0, 4_000_000_000)
        case "integer":
            return st.integers()
        case _:
            assert shape.type_name == "string"
    return st.sampled_from(shape.metadata.get("enum", [""])) | TEXTS


def whole(shape: Any) -> Any:
    """Return a value of a *shape* that has every member."""
    match shape.type_name:
        case "structure":
            return {name: whole(member) for name, member in shape.members.items()}
        case "list":
            return [whole(shape.member)]
        case "map":
            return {"x": "y"}
        case "string":
            return ID if shape.name == "PipelineExecutionId" else shape.metadata.get("enum", ["z"])[0]
        case _:
            return 7


def plain(value: Any) -> Any:
    """Return *value* as JSON, without what is None or empty, under the names of the wire."""
    if isinstance(value, dict):
        members = {wire_name(name): plain(member) for name, member in cast("dict[str, Any]", value).items()}
        return {name: member for name, member in members.items() if member not in (None, [], {})}
    if isinstance(value, list | tuple):
        return [plain(each) for each in cast("list[Any]", value)]
    return value.timestamp() if isinstance(value, datetime) else value


def wire_name(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name).replace("logStreamArn", "logStreamARN")


def read(operation: Operation[Any, Any], request: Any, payload: object) -> Any:
    response = Response(status_code=200, headers={}, body=json.dumps(payload).encode())
    return decode(operation.name, response, partial(operation.from_wire, request, METADATA, None))


@pytest.mark.parametrize(("operation", "request_"), ROWS)
@given(st.data())
def test_a_response_has_the_values_that_botocore_reads(
    operation: Operation[Any, Any], request_: Any, data: st.DataObject
) -> None:
    shape = MODEL.operation_model(operation.name).output_shape
    payload = data.draw(values_of(shape) | st.just(whole(shape)))
    payload.get("pipelineExecution", {}).update(pipelineName="web", pipelineExecutionId=ID)  # as requested
    body = json.dumps(payload).encode()
    theirs = parsers.create_parser("json").parse({"body": body, "headers": {}, "status_code": 200}, shape)
    output = read(operation, request_, payload)
    ours = plain(attrs.asdict(output, filter=lambda field, _: field.name not in {"raw", "response_metadata"}))
    names = [ours, *ours.get("pipelineExecutionSummaries", [])]  # these come from the request
    assert {each.pop("pipelineName", "web") for each in names} == {"web"}
    del theirs["ResponseMetadata"]
    assert ours == plain(theirs)
    assert (output.raw, output.response_metadata) == (payload, METADATA)


@pytest.mark.parametrize(("operation", "_"), ROWS)
def test_each_documented_error_has_a_class_of_its_own(operation: Operation[Any, Any], _: object) -> None:
    documented = {shape.name for shape in MODEL.operation_model(operation.name).error_shapes}
    assert documented
    assert documented <= SERVICE_ERRORS.keys()


@pytest.mark.parametrize("enum", OpenEnum.__subclasses__())
def test_the_values_of_an_enum_are_the_models(enum: Any) -> None:
    assert sorted(enum) == sorted(MODEL.shape_for(enum.__name__).metadata["enum"])


VARIABLES = st.lists(st.builds(PipelineVariable, name=TEXTS, value=TEXTS), max_size=2)
REVISIONS = st.builds(
    SourceRevisionOverride, action_name=TEXTS, revision_type=st.sampled_from(SourceRevisionType), revision_value=TEXTS
)
PAGE = {"pipeline_name": TEXTS, "max_results": st.none() | st.integers(), "next_token": st.none() | TEXTS}
GETS = st.builds(GetPipelineExecutionInput, pipeline_name=TEXTS, pipeline_execution_id=TEXTS)
LISTS = st.builds(ListPipelineExecutionsInput, **PAGE, succeeded_in_stage=st.none() | TEXTS)
STARTS = st.builds(
    StartPipelineExecutionInput,
    pipeline_name=TEXTS,
    variables=VARIABLES,
    source_revisions=st.lists(REVISIONS, max_size=2),
    client_request_token=st.none() | TEXTS,
)
ALL_ACTIONS = st.builds(ListActionExecutionsInput, **PAGE, pipeline_execution_id=st.none() | TEXTS)
LATEST = st.builds(
    ListActionExecutionsInput, **PAGE, pipeline_execution_id=TEXTS, start_time_range=st.sampled_from(StartTimeRange)
)
IN_STAGE = {"succeededInStage": "filter.succeededInStage.stageName"}
OF_ONE = {"pipelineExecutionId": "filter.pipelineExecutionId"}
LATEST_OF_ONE = {
    "pipelineExecutionId": "filter.latestInPipelineExecution.pipelineExecutionId",
    "startTimeRange": "filter.latestInPipelineExecution.startTimeRange",
}


def placed(members: dict[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """Return *members* where botocore wants them."""
    found: dict[str, Any] = {}
    for name, value in members.items():
        *way, last = paths.get(name, name).split(".")
        inner = found
        for each in way:
            inner = inner.setdefault(each, {})
        inner[last] = value
    return found


@pytest.mark.parametrize(
    ("operation", "inputs", "paths"),
    [
        pytest.param(GET_PIPELINE_EXECUTION, GETS, {}, id="get"),
        pytest.param(LIST_PIPELINE_EXECUTIONS, LISTS, IN_STAGE, id="list"),
        pytest.param(START_PIPELINE_EXECUTION, STARTS, {"pipelineName": "name"}, id="start"),
        pytest.param(LIST_ACTION_EXECUTIONS, ALL_ACTIONS, OF_ONE, id="actions"),
        pytest.param(LIST_ACTION_EXECUTIONS, LATEST, LATEST_OF_ONE, id="latest-actions"),
    ],
)
@given(st.data())
def test_the_request_is_what_botocore_sends(
    operation: Operation[Any, Any], inputs: st.SearchStrategy[Any], paths: Mapping[str, str], data: st.DataObject
) -> None:
    request = data.draw(inputs)
    sent = placed(plain(attrs.asdict(request)), paths)
    serializer = serialize.create_serializer("json", include_validation=False)
    theirs = serializer.serialize_to_request(sent, MODEL.operation_model(operation.name))
    headers, body = encode(operation.name, request.to_wire())
    assert json.loads(body) == json.loads(theirs["body"])
    assert (dict(headers), theirs["method"]) == (theirs["headers"], "POST")


EDGES = st.text(st.sampled_from("aZ0.@-_/ é\n"), max_size=4) | st.integers(0, 2200).map(lambda length: "x" * length)


def follows(member: Any, value: str | int) -> bool:
    rules = member.metadata
    size = value if isinstance(value, int) else len(value)
    pattern = rules.get("pattern")
    is_within = rules.get("min", 0) <= size <= rules.get("max", 10_000) and value in rules.get("enum", [value])
    return is_within and (pattern is None or bool(re.fullmatch(pattern, str(value))))


def start(**revision: Any) -> StartPipelineExecutionInput:
    fields: dict[str, Any] = {"action_name": "x", "revision_type": "COMMIT_ID", "revision_value": "x", **revision}
    return attrs.evolve(START, source_revisions=[SourceRevisionOverride(**fields)])


PLACES: Final[Mapping[str, tuple[Callable[[Any], Any], st.SearchStrategy[Any]]]] = {
    "PipelineName": (lambda value: attrs.evolve(LIST, pipeline_name=value), EDGES),
    "MaxResults": (lambda value: attrs.evolve(LIST, max_results=value), st.integers(-1, 102)),
    "NextToken": (lambda value: attrs.evolve(ACTIONS, next_token=value), EDGES),
    "StageName": (lambda value: attrs.evolve(LIST, succeeded_in_stage=value), EDGES),
    "PipelineExecutionId": (lambda value: attrs.evolve(ACTIONS, pipeline_execution_id=value), EDGES | st.just(ID)),
    "ClientRequestToken": (lambda value: attrs.evolve(START, client_request_token=value), EDGES),
    "PipelineVariableName": (lambda value: attrs.evolve(START, variables={value: "x"}), EDGES),
    "PipelineVariableValue": (lambda value: attrs.evolve(START, variables={"x": value}), EDGES),
    "ActionName": (lambda value: start(action_name=value), EDGES),
    "SourceRevisionType": (lambda value: start(revision_type=value), EDGES | st.sampled_from(SourceRevisionType)),
    "StartTimeRange": (
        lambda value: attrs.evolve(ACTIONS, pipeline_execution_id=ID, start_time_range=value),
        EDGES | st.sampled_from(StartTimeRange),
    ),
    "Revision": (lambda value: start(revision_value=value), EDGES),
}
"""From a shape of the model to where it is in an input, and what to try."""


@pytest.mark.parametrize("shape", PLACES)
@given(st.data())
def test_an_input_is_refused_exactly_if_it_breaks_a_rule_of_the_model(shape: str, data: st.DataObject) -> None:
    put, values = PLACES[shape]
    value = data.draw(values)
    assert (put(value).violations() == ()) is follows(MODEL.shape_for(shape), value)


BAD_EXECUTIONS: Final[list[tuple[object, str]]] = [
    (None, ": it is absent"),
    ([], ": an object was expected"),
    ({}, r"\.status: it is absent"),
    ({"status": "Failed", "pipelineName": "x"}, r"\.pipelineName: .* about 'x', and 'web' was requested"),
    ({"status": "Failed", "pipelineExecutionId": "x"}, rf"\..*Id: .* about 'x', and '{ID}' was requested"),
    ({"status": "Failed", "artifactRevisions": [{"created": "x"}]}, r"\.artifactRevisions\[0\]\.created: a number of"),
]


@pytest.mark.parametrize(
    ("operation", "request_", "payload", "problem"),
    [
        pytest.param(GET_PIPELINE_EXECUTION, GET, {}, "pipelineExecution: it is absent", id="no-execution"),
        *(
            pytest.param(GET_PIPELINE_EXECUTION, GET, {"pipelineExecution": members}, f"pipelineExecution{problem}")
            for members, problem in BAD_EXECUTIONS
        ),
        pytest.param(START_PIPELINE_EXECUTION, START, {}, "pipelineExecutionId: it is absent", id="start"),
        pytest.param(START_PIPELINE_EXECUTION, START, {"pipelineExecutionId": ""}, "it must be a UUID", id="empty-id"),
        pytest.param(
            LIST_PIPELINE_EXECUTIONS,
            LIST,
            {"pipelineExecutionSummaries": [{"status": "Failed"}]},
            r"pipelineExecutionSummaries\[0\]\.pipelineExecutionId: it is absent",
            id="list",
        ),
        pytest.param(
            LIST_ACTION_EXECUTIONS,
            ACTIONS,
            {"actionExecutionDetails": [{"input": {"configuration": {"x": 1}}}]},
            r"actionExecutionDetails\[0\]\.input\.configuration\.x: a string was expected, not a number",
            id="actions",
        ),
    ],
)
def test_a_response_of_another_shape_is_not_trusted(
    operation: Operation[Any, Any], request_: Any, payload: object, problem: str
) -> None:
    """Nor one to another request."""
    with pytest.raises(ResponseDecodeError, match=problem):
        read(operation, request_, payload)


def test_action_executions_are_of_the_execution_that_was_requested() -> None:
    request = attrs.evolve(ACTIONS, pipeline_execution_id=ID)
    silent: dict[str, str] = {}
    (detail,) = read(LIST_ACTION_EXECUTIONS, request, {"actionExecutionDetails": [silent]}).action_execution_details
    assert detail.pipeline_execution_id == ID
    words = (
        r"actionExecutionDetails\[0\]\.pipelineExecutionId: the response is about 'other', and '3137.* was requested"
    )
    with pytest.raises(ResponseDecodeError, match=words):
        read(LIST_ACTION_EXECUTIONS, request, {"actionExecutionDetails": [{"pipelineExecutionId": "other"}]})


SCALARS = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
NAMES = st.sampled_from(["status", "created", "trigger", "variables", "artifactRevisions", "name"])
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)


@given(JSON)
def test_no_shape_of_json_raises_anything_raw(payload: object) -> None:
    with suppress(ResponseDecodeError):
        found = read(GET_PIPELINE_EXECUTION, GET, {"pipelineExecution": payload})
        assert isinstance(found.pipeline_execution.status, PipelineExecutionStatus)
