"""
Every check of a request has its row, and the first one that fails decides.

Requests are signed with the package's own signer and checked with botocore's.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import Credentials, PipelineExecution
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution
from tests.testing.endpoint_client import CREDENTIALS, EXECUTION, HEADERS, NOW, REQUEST, Request, connected, signed
from tests.testing.endpoint_client import body_of as body

TEMPORARY: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="secret+key", session_token="token")
WITHOUT_TOKEN: Final = evolve(TEMPORARY, session_token="")
UNKNOWN_KEY: Final = evolve(CREDENTIALS, access_key_id="x")
UNKNOWN_TOKEN: Final = evolve(CREDENTIALS, session_token="x")
WRONG_SECRET: Final = evolve(CREDENTIALS, secret_access_key="x")
ID: Final = EXECUTION.pipeline_execution_id
OTHER_ID: Final = "00000000-0000-0000-0000-000000000000"
WITH_CHARSET: Final = (HEADERS[0], ("content-type", "Application/X-Amz-Json-1.1 ; charset=utf-8"), HEADERS[2])
MISSING: Final = "MissingAuthenticationTokenException"
INCOMPLETE: Final = "IncompleteSignature"
UNKNOWN: Final = "UnrecognizedClientException"
INVALID: Final = "InvalidSignatureException"
NO_PARAMETERS: Final = "header requires 'Credential' parameter. Authorization header requires 'Signature' parameter."
ANOTHER_DAY: Final = "'20261118' != '20261119', from '20261119T112640Z'."
EXPIRED: Final = "Signature expired: 20261118T110139Z is now earlier than 20261118T110140Z (20261118T110640Z - 5 min.)"
NOT_YET_CURRENT: Final = (
    "yet current: 20261118T111141Z is still later than 20261118T111140Z (20261118T110640Z + 5 min.)"
)
NO_MATCH: Final = "The request signature we calculated does not match the signature you provided."
NOT_OPERATION: Final = "UnknownOperationException"
NO_PIPELINE: Final = "PipelineNotFoundException"
NO_EXECUTION: Final = "PipelineExecutionNotFoundException"
NOT_OBJECT: Final = "The body is not a JSON object"
NOT_NULL: Final = "not be null"
NOT_EMPTY: Final = "have length greater than or equal to 1"
NOT_LONG: Final = "have length less than or equal to 100"
NAME_PATTERN: Final = r"satisfy regular expression pattern: [A-Za-z0-9.@\-_]+"
ID_PATTERN: Final = "satisfy regular expression pattern: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def respond(
    sent: Request = REQUEST, *executions: PipelineExecution, credentials: Credentials = CREDENTIALS
) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of the response of an endpoint that has *executions*."""
    with LocalCodePipeline(credentials=credentials, now=lambda: NOW) as endpoint:
        for execution in executions or (EXECUTION,):
            endpoint.put_execution(execution)
        with connected(endpoint) as connection:
            response, content = connection.send_request(sent)
    return response.status, json.loads(content)


def refusal(sent: Request, *executions: PipelineExecution) -> tuple[int, str, str]:
    """Return the status, the code and the message of an error response."""
    status, document = respond(sent, *executions)
    assert list(document) == ["__type", "message"]
    return status, document["__type"], document["message"]


@pytest.mark.parametrize(
    ("sent", "credentials"),
    [
        pytest.param(signed(credentials=TEMPORARY), TEMPORARY, id="session-token"),
        pytest.param(signed(credentials=WITHOUT_TOKEN), WITHOUT_TOKEN, id="an-empty-token-is-none"),
        pytest.param(signed(path="/?b=2&a=1"), CREDENTIALS, id="query"),
        pytest.param(signed(headers=(*HEADERS, ("x-a", "1,2"))), CREDENTIALS, id="another-signed-header"),
        pytest.param(signed(now=NOW - 300), CREDENTIALS, id="five-minutes-ago"),
        pytest.param(signed(now=NOW + 300), CREDENTIALS, id="five-minutes-ahead"),
        pytest.param(signed(headers=WITH_CHARSET), CREDENTIALS, id="content-type-with-a-parameter"),
        pytest.param(REQUEST.altered(", ", ","), CREDENTIALS, id="authorization-without-spaces"),
        pytest.param(REQUEST.having("user-agent", "anything"), CREDENTIALS, id="unsigned-header"),
        pytest.param(signed(body()[:-1] + b', "other": [1]}'), CREDENTIALS, id="unknown-member"),
    ],
)
def test_each_valid_form_of_a_request_is_accepted(
    sent: Request, credentials: Credentials, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged: botocore's signer logs the session token when it signs, its loader the model's first use."""
    assert respond()[0] == 200
    caplog.set_level(logging.DEBUG)
    assert respond(sent, credentials=credentials)[0] == 200
    assert caplog.records == []


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        pytest.param(evolve(REQUEST, method="GET"), NOT_OPERATION, "GET / is not an operation", id="method"),
        pytest.param(signed(path="/other"), NOT_OPERATION, "POST /other is not an operation", id="path"),
        pytest.param(REQUEST.having("x-amz-target", "A.B"), NOT_OPERATION, "X-Amz-Target 'A.B' is not", id="target"),
        pytest.param(REQUEST.without("x-amz-target"), NOT_OPERATION, "X-Amz-Target None is not", id="no-target"),
        pytest.param(REQUEST.having("content-type", "a/b"), NOT_OPERATION, "Content-Type 'a/b'", id="content-type"),
        pytest.param(REQUEST.without("content-type"), NOT_OPERATION, "Content-Type ''", id="no-content-type"),
        pytest.param(REQUEST.without("authorization"), MISSING, "Missing Authentication Token", id="unsigned"),
        pytest.param(REQUEST.having("authorization", "Bearer a"), INCOMPLETE, "must start with 'AWS4", id="scheme"),
        pytest.param(
            REQUEST.having("authorization", "AWS4-HMAC-SHA256"), INCOMPLETE, NO_PARAMETERS, id="no-parameters"
        ),
        pytest.param(REQUEST.without("x-amz-date"), INCOMPLETE, "existence of a 'X-Amz-Date' header", id="no-date"),
        pytest.param(REQUEST.having("x-amz-date", "now"), INCOMPLETE, "'basic format'. Got 'now'.", id="date-in-words"),
        pytest.param(REQUEST.having("x-amz-date", "20261301T000000Z"), INCOMPLETE, "Got '20261301T", id="no-month"),
        pytest.param(REQUEST.altered("/aws4_request", ""), INCOMPLETE, "exactly 5 slash-delimited", id="short-scope"),
        pytest.param(signed(credentials=UNKNOWN_KEY), UNKNOWN, "security token", id="unknown-key"),
        pytest.param(signed(credentials=UNKNOWN_TOKEN), UNKNOWN, "security token", id="unknown-token"),
        pytest.param(signed(region_name="eu-west-1"), INVALID, "a valid region, not 'eu-west-1'", id="another-region"),
        pytest.param(signed(service_name="s3"), INVALID, "correct service: 'codepipeline'.", id="another-service"),
        pytest.param(REQUEST.altered("aws4_", "aws5_"), INVALID, "a valid terminator", id="another-terminator"),
        pytest.param(REQUEST.having("x-amz-date", "20261119T112640Z"), INVALID, ANOTHER_DAY, id="another-day"),
        pytest.param(signed(now=NOW - 301), INVALID, EXPIRED, id="expired"),
        pytest.param(signed(now=NOW + 301), INVALID, NOT_YET_CURRENT, id="not-yet-current"),
        pytest.param(REQUEST.altered("host;", ""), INVALID, "must be a 'SignedHeader'", id="host-not-signed"),
        pytest.param(signed(credentials=WRONG_SECRET), INVALID, NO_MATCH, id="wrong-secret"),
        pytest.param(evolve(REQUEST, body=body("web2")), INVALID, NO_MATCH, id="altered-body"),
        pytest.param(evolve(REQUEST, path="/?a=1"), INVALID, NO_MATCH, id="altered-query"),
        pytest.param(REQUEST.having("host", "localhost:1"), INVALID, NO_MATCH, id="altered-header"),
        pytest.param(REQUEST.altered("host;", "host;x-absent;"), INVALID, NO_MATCH, id="absent-header"),
        pytest.param(REQUEST.altered("Signature=", "Signature=0"), INVALID, NO_MATCH, id="altered-signature"),
    ],
)
def test_a_wrong_request_is_refused_with_the_services_code_and_words(sent: Request, code: str, words: str) -> None:
    status, refused, message = refusal(sent)
    assert (status, refused) == (404 if code == NOT_OPERATION else 403, code)
    assert words in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", NOT_OBJECT, id="empty"),
        pytest.param(b"[]", NOT_OBJECT, id="list"),
        pytest.param(b'{"pipelineName": "\xff"}', NOT_OBJECT, id="not-utf-8"),
        pytest.param(b"[" * 100_000, NOT_OBJECT, id="nested-too-deep"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", NOT_OBJECT, id="number-too-long"),
        pytest.param(body(5), "'pipelineName' must be a string, not 5", id="number-for-a-name"),
        pytest.param(body("web", ["x"]), "'pipelineExecutionId' must be a string, not [\"x\"]", id="list-for-an-id"),
    ],
)
def test_a_body_of_another_form_is_refused(content: bytes, words: str) -> None:
    assert refusal(signed(content)) == (400, "SerializationException", words)


@pytest.mark.parametrize(
    ("content", "broken"),
    [
        (b"{}", [("null", "pipelineName", NOT_NULL), ("null", "pipelineExecutionId", NOT_NULL)]),
        (body(None), [("null", "pipelineName", NOT_NULL)]),
        (body("a b"), [("'a b'", "pipelineName", NAME_PATTERN)]),
        (body("web\n"), [("'web\n'", "pipelineName", NAME_PATTERN)]),
        (body(""), [("''", "pipelineName", NAME_PATTERN), ("''", "pipelineName", NOT_EMPTY)]),
        (body("n" * 101), [(f"'{'n' * 101}'", "pipelineName", NOT_LONG)]),
        (body("web", ID.upper()), [(f"'{ID.upper()}'", "pipelineExecutionId", ID_PATTERN)]),
        (body("é", "x"), [("'é'", "pipelineName", NAME_PATTERN), ("'x'", "pipelineExecutionId", ID_PATTERN)]),
    ],
    ids=["nothing", "null", "space-in-name", "line-end-after-name", "empty-name", "long-name", "id-upper-case", "both"],
)
def test_a_refusal_counts_and_lists_every_constraint(content: bytes, broken: list[tuple[str, str, str]]) -> None:
    count = "1 validation error" if len(broken) == 1 else f"{len(broken)} validation errors"
    listed = "; ".join(
        f"Value {value} at '{member}' failed to satisfy constraint: Member must {rule}"
        for value, member, rule in broken
    )
    assert refusal(signed(content)) == (400, "ValidationException", f"{count} detected: {listed}")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(signed(path="/x").without("authorization"), NOT_OPERATION, id="path-signature"),
        pytest.param(REQUEST.without("content-type").without("authorization"), NOT_OPERATION, id="type-signature"),
        pytest.param(signed(b"[").without("authorization"), MISSING, id="signature-body"),
        pytest.param(signed(credentials=UNKNOWN_KEY, region_name="eu-west-1"), UNKNOWN, id="credentials-scope"),
        pytest.param(evolve(signed(body("a b")), body=b"["), INVALID, id="signature-json"),
        pytest.param(signed(body("a b", OTHER_ID)), "ValidationException", id="constraints-look-up"),
        pytest.param(signed(body("other")), NO_PIPELINE, id="pipeline"),
        pytest.param(signed(body("n" * 100)), NO_PIPELINE, id="pipeline-with-the-longest-name"),
        pytest.param(signed(body("other", OTHER_ID)), NO_PIPELINE, id="pipeline-execution"),
        pytest.param(signed(body("web", OTHER_ID)), NO_EXECUTION, id="execution"),
        pytest.param(signed(body("api")), NO_EXECUTION, id="execution-of-another-pipeline"),
    ],
)
def test_the_first_failed_check_decides(sent: Request, code: str) -> None:
    """A pipeline exists when an execution of it does; an execution exists in its own pipeline only."""
    api = make_pipeline_execution(pipeline_name="api", pipeline_execution_id=OTHER_ID)
    assert refusal(sent, EXECUTION, api)[1] == code


@given(
    st.binary(max_size=60) | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_signed_body_gets_a_typed_refusal(content: bytes) -> None:
    assert refusal(signed(content))[1] in {"SerializationException", "ValidationException"}


LATIN: Final = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]))


@given(
    authorization=LATIN
    | st.builds(
        "AWS4-HMAC-SHA256 Credential={}/{}/{}, SignedHeaders={}, Signature={}".format,
        st.sampled_from([CREDENTIALS.access_key_id, "x"]),
        st.sampled_from(["20261118", ""]),
        st.sampled_from(["us-east-1/codepipeline/aws4_request", "///"]),
        st.text(st.sampled_from("host;X-éà ")) | st.just("host"),
        LATIN,
    ),
    timestamp=st.sampled_from(["20261118T110640Z", "00000101T000000Z", ""]),
)
def test_any_authorization_gets_a_typed_refusal(authorization: str, timestamp: str) -> None:
    status, code, _ = refusal(REQUEST.having("authorization", authorization).having("x-amz-date", timestamp))
    assert status == 403
    assert code in {INCOMPLETE, UNKNOWN, INVALID}


def test_absent_fields_are_left_out_and_empty_text_is_not() -> None:
    """A time is sent as seconds since the epoch."""
    created = datetime(1970, 1, 1, 2, 0, 1, 500_000, tzinfo=timezone(timedelta(hours=2)))
    execution = make_pipeline_execution(
        pipeline_version=None,
        artifact_revisions=[{"revision_url": "", "created": created}],
        trigger={},
        execution_mode=None,
        execution_type=None,
    )
    assert respond(REQUEST, execution)[1]["pipelineExecution"] == {
        "pipelineName": "web",
        "pipelineExecutionId": ID,
        "status": "Succeeded",
        "artifactRevisions": [{"revisionUrl": "", "created": 1.5}],
        "trigger": {},
    }
    without_revisions = make_pipeline_execution(artifact_revisions=())
    assert "artifactRevisions" not in respond(REQUEST, without_revisions)[1]["pipelineExecution"]
