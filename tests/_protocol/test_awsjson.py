"""AWS JSON 1.1: codes and messages wherever a response has them, and no response that is trusted too much."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from codepipeline_client import ResponseDecodeError, ServiceError, errors
from codepipeline_client._protocol.awsjson import decode, encode
from codepipeline_client._protocol.messages import Response

NAME = "GetPipelineExecution"


def response(body: bytes | str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        status_code=status,
        headers={"x-amzn-requestid": "r-1"} if headers is None else headers,
        body=body.encode() if isinstance(body, str) else body,
    )


def test_a_request_has_the_protocols_headers_and_a_lean_body() -> None:
    headers, body = encode(NAME, {"b": "ü", "a": None})
    assert dict(headers) == {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
    }
    assert body == b'{"b":"\\u00fc","a":null}'


CODE = "PipelineNotFoundException"
URI = "http://internal.amazon.com/coral/com.amazon.coral.validate/"


@pytest.mark.parametrize(
    "text", [CODE, f"{CODE}:{URI}", f"aws.protocoltests#{CODE}", f"aws.protocoltests#{CODE}:{URI}"]
)
@pytest.mark.parametrize("place", ["x-amzn-errortype", "code", "__type"])
def test_an_error_code_is_read_without_namespace_and_uri(place: str, text: str) -> None:
    headers, body = ({place: text}, {}) if place == "x-amzn-errortype" else ({}, {place: text})
    with pytest.raises(errors.PipelineNotFoundException) as caught:
        decode(NAME, response(json.dumps(body), 400, headers), dict)
    assert caught.value.code == CODE


@pytest.mark.parametrize(
    ("header", "body", "message"),
    [
        pytest.param(CODE, {"code": "Other", "__type": "Another"}, "", id="header-wins"),
        pytest.param(None, {"code": CODE, "__type": "Another", "message": "lower"}, "lower", id="code-before-type"),
        pytest.param(None, {"code": 7, "__type": CODE, "Message": "upper"}, "upper", id="what-is-no-text-is-absent"),
        pytest.param("", {"code": "", "__type": CODE, "message": 3}, "", id="an-empty-code-is-absent"),
        pytest.param(CODE, {"message": "lower", "Message": "upper"}, "lower", id="lower-wins"),
        pytest.param(CODE, {"message": None, "Message": "upper"}, "upper", id="null-is-absent"),
    ],
)
def test_code_and_message_are_taken_from_the_first_place_that_has_one(
    header: str | None, body: object, message: str
) -> None:
    headers = {} if header is None else {"x-amzn-errortype": header}
    with pytest.raises(errors.PipelineNotFoundException) as caught:
        decode(NAME, response(json.dumps(body), 400, headers), dict)
    assert (caught.value.code, caught.value.message) == (CODE, message)


def test_an_error_carries_all_that_is_known() -> None:
    with pytest.raises(ServiceError) as caught:
        decode(NAME, response('{"__type": "BrandNew", "nested": {"__type": "ValidationException"}}', 418), dict)
    error = caught.value
    assert type(error) is ServiceError
    assert (error.code, error.http_status_code) == ("BrandNew", 418)
    assert (error.request_id, error.operation_name) == ("r-1", NAME)


@pytest.mark.parametrize(
    "body", ["", "<html>\n<h1>Bad gateway</h1>", "null", "[]", '"text"', "{", b"\xff\xfe", "[" * 100_000]
)
def test_an_error_with_an_odd_body_is_an_error_by_its_status(body: str | bytes) -> None:
    with pytest.raises(ServiceError) as caught:
        decode(NAME, response(body, 502, {}), dict)
    error = caught.value
    assert (error.code, error.request_id, error.fault) == ("502", None, "server")
    assert len(error.message) <= 1000
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param("", "it is empty", id="empty"),
        pytest.param("<html>\n", r"not JSON .*text/html.* it begins <html>\\n", id="html"),
        pytest.param('{"a": ', "not JSON", id="cut-short"),
        pytest.param("null", "an object was expected, not null", id="null"),
        pytest.param("[]", "an object was expected, not a list", id="list"),
        pytest.param('"x"', "an object was expected, not a string", id="string"),
        pytest.param("true", "an object was expected, not a boolean", id="boolean"),
        pytest.param("1", "an object was expected, not a number", id="number"),
        pytest.param(b"\xff{}", "not JSON .*utf-8", id="not-utf-8"),
        pytest.param('{"a": 1}'.encode("utf-16"), "not JSON", id="utf-16"),
        pytest.param(b"\xef\xbb\xbf{}", "not JSON", id="byte-order-mark"),
        pytest.param('{"a":' * 100_000, "nested too deeply", id="nesting-bomb"),
        pytest.param('{"a":[' + "[]," * 100_000 + "[]]}", "more lists and objects than any", id="many-lists"),
        pytest.param('{"a":' * 101 + "1" + "}" * 101, "nested too deeply", id="deeper-than-can-be-copied"),
        pytest.param('{"a": ' + "9" * 5000 + "}", "not JSON .*digits", id="huge-integer"),
        pytest.param('{"a": 1e999999}', "too large", id="infinite"),
        pytest.param('{"a": 1, "b": 2, "a": 1}', "duplicate member", id="equal-members"),
        pytest.param('{"a": [{"b": null, "b": null}]}', "duplicate member", id="equal-members-deep-down"),
        pytest.param('{"a": NaN}', "NaN is not a JSON number", id="nan"),
        pytest.param('{"a": -Infinity}', "-Infinity is not a JSON number", id="infinity"),
    ],
)
def test_a_body_that_is_no_json_object_is_not_trusted(body: str | bytes, why: str) -> None:
    with pytest.raises(ResponseDecodeError, match=why) as caught:
        decode(NAME, response(body, headers={"x-amzn-requestid": "r-1", "content-type": "text/html"}), dict)
    error = caught.value
    assert (error.http_status_code, error.request_id) == (200, "r-1")
    assert (error.__cause__, error.__context__) == (None, None)
    assert len(str(error)) < 500


@pytest.mark.parametrize(
    "body", ['{"a":' * 99 + "1" + "}" * 99, '{"a": [' + "{}," * 500 + "[]]}"], ids=["deep", "wide"]
)
def test_what_can_be_copied_is_read(body: str) -> None:
    assert pickle.loads(pickle.dumps(decode(NAME, response(body), dict))) == json.loads(body)


@pytest.mark.parametrize(
    ("untrusted", "why"),
    [
        pytest.param({"status_code": 307, "headers": {"location": "b"}}, "it redirects to 'b', and", id="redirect"),
        pytest.param({"status_code": 304}, "it redirects to ''", id="not-modified"),
        pytest.param({"headers": {"content-encoding": "gzip"}}, "Content-Encoding 'gzip'", id="encoded"),
        pytest.param({"status_code": 206}, "HTTP 206, .*: it is a partial response", id="partial"),
        pytest.param({"is_whole": False}, "it has more than 2 MiB", id="cut-off"),
    ],
)
def test_a_response_that_was_not_requested_is_not_trusted(untrusted: dict[str, Any], why: str) -> None:
    with pytest.raises(ResponseDecodeError, match=why):
        decode(NAME, evolve(response("{}"), **untrusted), dict)


@pytest.mark.parametrize("encoding", ["identity", "Identity ", ""])
def test_a_response_that_is_not_encoded_is_read(encoding: str) -> None:
    assert decode(NAME, response("{}", headers={"content-encoding": encoding}), dict) == {}


@pytest.mark.parametrize(
    "place", ["x-amzn-errortype", "location", "content-type", "content-encoding", "x-amzn-requestid"]
)
@pytest.mark.parametrize("status", [200, 302, 400])
def test_what_a_response_says_of_itself_is_cut_in_a_message(place: str, status: int) -> None:
    with pytest.raises((ServiceError, ResponseDecodeError)) as caught:
        decode(NAME, response("<", status, {place: "x" * 100_000}), dict)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"x-amzn-requestid": "a", "x-amz-request-id": "b"}, "a", id="first"),
        pytest.param({"x-amz-request-id": "b"}, "b", id="second"),
        pytest.param({"x-amzn-requestid": ""}, None, id="empty"),
        pytest.param({}, None, id="none"),
    ],
)
def test_a_request_id_is_found_under_either_name(headers: Mapping[str, str], expected: str | None) -> None:
    assert response("{}", headers=headers).request_id == expected
