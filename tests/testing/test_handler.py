"""
The request handler without sockets: every check has its row, and the first one that fails decides.

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

from codepipeline_client._protocol.sigv4 import Credentials, sign
from codepipeline_client.models import PipelineExecution
from codepipeline_client.testing import IncomingRequest, make_pipeline_execution
from codepipeline_client.testing._handler import RequestHandler
from codepipeline_client.testing._messages import ServiceResponse, decode
from tests.testing.endpoint_client import EXECUTION, NOW, TARGET

CREDENTIALS: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="secret+key")
TEMPORARY: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="secret+key", session_token="token")
REGION: Final = "eu-west-1"
ID: Final = EXECUTION.pipeline_execution_id
OTHER_ID: Final = "00000000-0000-0000-0000-000000000000"
HEADERS: Final = (
    ("host", "localhost"),
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-target", TARGET),
)
MISSING: Final = "MissingAuthenticationTokenException"
INCOMPLETE: Final = "IncompleteSignature"
UNKNOWN: Final = "UnrecognizedClientException"
INVALID: Final = "InvalidSignatureException"
NO_MATCH: Final = "The request signature we calculated does not match the signature you provided."
NOT_NULL: Final = "not be null"
NOT_EMPTY: Final = "have length greater than or equal to 1"
NOT_LONG: Final = "have length less than or equal to 100"
NAME_PATTERN: Final = r"satisfy regular expression pattern: [A-Za-z0-9.@\-_]+"
ID_PATTERN: Final = "satisfy regular expression pattern: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def body_of(pipeline_name: object = "web", pipeline_execution_id: object = ID) -> bytes:
    """Return the body of a request for an execution."""
    return json.dumps({"pipelineName": pipeline_name, "pipelineExecutionId": pipeline_execution_id}).encode()


def signed(
    *,
    body: bytes | None = None,
    path: str = "/",
    headers: tuple[tuple[str, str], ...] = HEADERS,
    credentials: Credentials = CREDENTIALS,
    region_name: str = REGION,
    service_name: str = "codepipeline",
    now: float = NOW,
) -> IncomingRequest:
    """Return a request as a client of the service sends it, except for what is given."""
    content = body_of() if body is None else body
    signature = sign(
        method="POST",
        target=path,
        headers=headers,
        body=content,
        credentials=credentials,
        region_name=region_name,
        service_name=service_name,
        now=now,
    )
    names = {name.lower(): value for name, value in (*headers, *signature)}
    return IncomingRequest(
        number=0, connection_number=1, method="POST", path=path, headers=names, body=content, input=decode(content)
    )


def without(sent: IncomingRequest, name: str) -> IncomingRequest:
    """Return *sent* without a header."""
    return evolve(sent, headers={key: value for key, value in sent.headers.items() if key != name})


def having(sent: IncomingRequest, name: str, value: str) -> IncomingRequest:
    """Return *sent* with another value of a header than its signature covers."""
    return evolve(sent, headers={**sent.headers, name: value})


def altered(sent: IncomingRequest, old: str, new: str) -> IncomingRequest:
    """Return *sent* with a part of its Authorization replaced."""
    authorization = sent.headers["authorization"]
    assert old in authorization
    return having(sent, "authorization", authorization.replace(old, new))


def respond(
    sent: IncomingRequest, *executions: PipelineExecution, credentials: Credentials = CREDENTIALS
) -> ServiceResponse:
    """Return the response of a service that has *executions*."""
    handler = RequestHandler(credentials, REGION, now=lambda: NOW, max_requests=1)
    for execution in executions or (EXECUTION,):
        handler.put_script([execution])
    return handler.respond(sent)


def respond_with(execution: PipelineExecution) -> dict[str, object]:
    """Return *execution* as it is sent."""
    members: dict[str, object] = json.loads(respond(signed(), execution).body)["pipelineExecution"]
    return members


def refusal(refused: ServiceResponse) -> tuple[int, str, str]:
    """Return the status, the code and the message of an error response."""
    document = json.loads(refused.body)
    assert list(document) == ["__type", "message"]
    assert document["__type"] == refused.error_code
    return refused.status_code, document["__type"], document["message"]


def test_a_valid_request_gets_the_execution_and_a_request_id() -> None:
    response = respond(signed())
    assert (response.status_code, response.error_code) == (200, None)
    assert dict(response.headers)["x-amzn-RequestId"]
    assert dict(response.headers)["Content-Type"] == "application/x-amz-json-1.1"
    assert json.loads(response.body)["pipelineExecution"]["pipelineExecutionId"] == ID


@pytest.mark.parametrize(
    ("sent", "credentials"),
    [
        pytest.param(signed(credentials=TEMPORARY), TEMPORARY, id="session-token"),
        pytest.param(signed(), evolve(CREDENTIALS, session_token=""), id="an-empty-token-is-none"),
        pytest.param(signed(path="/?b=2&a=1"), CREDENTIALS, id="query"),
        pytest.param(
            signed(headers=(*HEADERS, ("x-extra", "a"), ("x-extra", "b"))), CREDENTIALS, id="two-headers-of-a-name"
        ),
        pytest.param(signed(now=NOW - 300), CREDENTIALS, id="five-minutes-ago"),
        pytest.param(signed(now=NOW + 300), CREDENTIALS, id="five-minutes-ahead"),
        pytest.param(
            signed(headers=(*HEADERS[:1], ("content-type", "Application/X-Amz-Json-1.1 ; charset=utf-8"), HEADERS[2])),
            CREDENTIALS,
            id="content-type-with-a-parameter",
        ),
        pytest.param(altered(signed(), ", ", ","), CREDENTIALS, id="authorization-without-spaces"),
        pytest.param(having(signed(), "user-agent", "anything"), CREDENTIALS, id="unsigned-header"),
        pytest.param(signed(body=body_of()[:-1] + b', "other": [1]}'), CREDENTIALS, id="unknown-member"),
    ],
)
def test_each_valid_form_of_a_request_is_accepted(sent: IncomingRequest, credentials: Credentials) -> None:
    if "x-extra" in sent.headers:
        sent = having(sent, "x-extra", "a,b")
    assert respond(sent, credentials=credentials).status_code == 200


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        pytest.param(evolve(signed(), method="GET"), "GET / is not an operation", id="method"),
        pytest.param(signed(path="/other"), "POST /other is not an operation", id="path"),
        pytest.param(having(signed(), "x-amz-target", "A.B"), "X-Amz-Target 'A.B' is not", id="target"),
        pytest.param(without(signed(), "x-amz-target"), "X-Amz-Target None is not", id="no-target"),
        pytest.param(having(signed(), "content-type", "text/xml"), "Content-Type 'text/xml'", id="content-type"),
        pytest.param(without(signed(), "content-type"), "Content-Type ''", id="no-content-type"),
    ],
)
def test_method_path_target_and_content_type_choose_the_operation(sent: IncomingRequest, words: str) -> None:
    status, code, message = refusal(respond(sent))
    assert (status, code) == (404, "UnknownOperationException")
    assert words in message


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        pytest.param(without(signed(), "authorization"), MISSING, "Missing Authentication Token", id="unsigned"),
        pytest.param(
            having(signed(), "authorization", "Bearer abc"), INCOMPLETE, "must start with 'AWS4", id="another-scheme"
        ),
        pytest.param(
            having(signed(), "authorization", "AWS4-HMAC-SHA256"),
            INCOMPLETE,
            "header requires 'Credential' parameter. Authorization header requires 'Signature' parameter.",
            id="no-parameters",
        ),
        pytest.param(
            without(signed(), "x-amz-date"), INCOMPLETE, "requires existence of a 'X-Amz-Date' header", id="no-date"
        ),
        pytest.param(
            having(signed(), "x-amz-date", "Tue, 17 Nov 2026 12:26:40 GMT"),
            INCOMPLETE,
            "Date must be in ISO-8601 'basic format'. Got 'Tue, 17 Nov 2026 12:26:40 GMT'.",
            id="date-in-another-format",
        ),
        pytest.param(
            having(signed(), "x-amz-date", "20261301T000000Z"), INCOMPLETE, "Got '20261301T", id="no-such-month"
        ),
        pytest.param(
            altered(signed(), "/aws4_request", ""), INCOMPLETE, "exactly 5 slash-delimited elements", id="short-scope"
        ),
        pytest.param(signed(credentials=evolve(CREDENTIALS, access_key_id="x")), UNKNOWN, "token", id="unknown-key"),
        pytest.param(signed(credentials=TEMPORARY), UNKNOWN, "security token", id="a-token-that-is-not-known"),
        pytest.param(signed(region_name="us-east-1"), INVALID, "a valid region, not 'us-east-1'", id="another-region"),
        pytest.param(signed(service_name="s3"), INVALID, "correct service: 'codepipeline'.", id="another-service"),
        pytest.param(
            altered(signed(), "aws4_request", "aws5_request"), INVALID, "a valid terminator", id="another-terminator"
        ),
        pytest.param(
            having(signed(), "x-amz-date", "20261119T112640Z"),
            INVALID,
            "'20261118' != '20261119', from '20261119T112640Z'.",
            id="another-day",
        ),
        pytest.param(
            signed(now=NOW - 301),
            INVALID,
            "Signature expired: 20261118T110139Z is now earlier than 20261118T110140Z (20261118T110640Z - 5 min.)",
            id="expired",
        ),
        pytest.param(
            signed(now=NOW + 301),
            INVALID,
            "yet current: 20261118T111141Z is still later than 20261118T111140Z (20261118T110640Z + 5 min.)",
            id="not-yet-current",
        ),
        pytest.param(altered(signed(), "host;", ""), INVALID, "must be a 'SignedHeader'", id="host-not-signed"),
        pytest.param(
            signed(credentials=evolve(CREDENTIALS, secret_access_key="x")), INVALID, NO_MATCH, id="wrong-secret"
        ),
        pytest.param(evolve(signed(), body=body_of("web2")), INVALID, NO_MATCH, id="altered-body"),
        pytest.param(evolve(signed(), path="/?a=1"), INVALID, NO_MATCH, id="altered-query"),
        pytest.param(having(signed(), "host", "localhost:1"), INVALID, NO_MATCH, id="altered-header"),
        pytest.param(altered(signed(), "host;", "host;x-absent;"), INVALID, NO_MATCH, id="absent-header"),
        pytest.param(altered(signed(), "Signature=", "Signature=0"), INVALID, NO_MATCH, id="altered-signature"),
    ],
)
def test_a_wrong_signature_is_refused_with_the_services_code_and_words(
    sent: IncomingRequest, code: str, words: str
) -> None:
    status, refused, message = refusal(respond(sent))
    assert (status, refused) == (403, code)
    assert words in message


def test_a_check_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """botocore's signer logs the session token when it signs."""
    caplog.set_level(logging.DEBUG)
    assert respond(signed(credentials=TEMPORARY), credentials=TEMPORARY).status_code == 200
    assert caplog.records == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "The body is not a JSON object", id="empty"),
        pytest.param(b"{", "The body is not a JSON object", id="cut-short"),
        pytest.param(b"[]", "The body is not a JSON object", id="list"),
        pytest.param(b"null", "The body is not a JSON object", id="null"),
        pytest.param(b'{"pipelineName": "\xff"}', "The body is not a JSON object", id="not-utf-8"),
        pytest.param(b"[" * 100_000, "The body is not a JSON object", id="nested-too-deep"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "The body is not a JSON object", id="number-too-long"),
        pytest.param(body_of(5), "'pipelineName' must be a string, not 5", id="number-for-a-name"),
        pytest.param(body_of("web", ["x"]), "'pipelineExecutionId' must be a string, not [\"x\"]", id="list-for-an-id"),
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes, words: str) -> None:
    assert refusal(respond(signed(body=body))) == (400, "SerializationException", words)


@pytest.mark.parametrize(
    ("body", "broken"),
    [
        pytest.param(
            b"{}", [("null", "pipelineName", NOT_NULL), ("null", "pipelineExecutionId", NOT_NULL)], id="nothing"
        ),
        pytest.param(body_of(None), [("null", "pipelineName", NOT_NULL)], id="null-is-absent"),
        pytest.param(body_of("a b"), [("'a b'", "pipelineName", NAME_PATTERN)], id="a-space-in-the-name"),
        pytest.param(body_of("web\n"), [("'web\n'", "pipelineName", NAME_PATTERN)], id="a-line-end-after-the-name"),
        pytest.param(
            body_of(""), [("''", "pipelineName", NAME_PATTERN), ("''", "pipelineName", NOT_EMPTY)], id="empty-name"
        ),
        pytest.param(body_of("n" * 101), [(f"'{'n' * 101}'", "pipelineName", NOT_LONG)], id="long-name"),
        pytest.param(
            body_of("web", ID.upper()), [(f"'{ID.upper()}'", "pipelineExecutionId", ID_PATTERN)], id="id-in-upper-case"
        ),
        pytest.param(
            body_of("é", "x"),
            [("'é'", "pipelineName", NAME_PATTERN), ("'x'", "pipelineExecutionId", ID_PATTERN)],
            id="both",
        ),
    ],
)
def test_a_refusal_counts_and_lists_every_constraint(body: bytes, broken: list[tuple[str, str, str]]) -> None:
    count = "1 validation error" if len(broken) == 1 else f"{len(broken)} validation errors"
    listed = "; ".join(
        f"Value {value} at '{member}' failed to satisfy constraint: Member must {rule}"
        for value, member, rule in broken
    )
    assert refusal(respond(signed(body=body))) == (400, "ValidationException", f"{count} detected: {listed}")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(body_of("other"), "PipelineNotFoundException", id="pipeline"),
        pytest.param(body_of("n" * 100), "PipelineNotFoundException", id="pipeline-with-the-longest-name"),
        pytest.param(body_of("web", OTHER_ID), "PipelineExecutionNotFoundException", id="execution"),
        pytest.param(body_of("api"), "PipelineExecutionNotFoundException", id="execution-of-another-pipeline"),
    ],
)
def test_an_absent_execution_is_not_found(body: bytes, code: str) -> None:
    """A pipeline exists when an execution of it does; an execution exists in its own pipeline only."""
    api = make_pipeline_execution(pipeline_name="api", pipeline_execution_id=OTHER_ID)
    assert refusal(respond(signed(body=body), EXECUTION, api))[:2] == (400, code)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(without(signed(path="/x"), "authorization"), "UnknownOperationException", id="path-signature"),
        pytest.param(
            without(having(signed(), "content-type", "text/xml"), "authorization"),
            "UnknownOperationException",
            id="content-type-signature",
        ),
        pytest.param(without(signed(body=b"["), "authorization"), MISSING, id="signature-body"),
        pytest.param(
            signed(credentials=evolve(CREDENTIALS, access_key_id="x"), region_name="us-east-1"),
            UNKNOWN,
            id="credentials-scope",
        ),
        pytest.param(evolve(signed(body=body_of("a b")), body=b"["), INVALID, id="signature-json"),
        pytest.param(signed(body=body_of("a b", OTHER_ID)), "ValidationException", id="constraints-look-up"),
        pytest.param(signed(body=body_of("other", OTHER_ID)), "PipelineNotFoundException", id="pipeline-execution"),
    ],
)
def test_the_first_failed_check_decides(sent: IncomingRequest, code: str) -> None:
    assert refusal(respond(sent))[1] == code


@given(
    st.binary(max_size=60) | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_signed_body_gets_a_typed_refusal(body: bytes) -> None:
    assert refusal(respond(signed(body=body)))[1] in {"SerializationException", "ValidationException"}


@given(
    authorization=st.text(st.characters(max_codepoint=255))
    | st.builds(
        "AWS4-HMAC-SHA256 Credential={}/{}/{}, SignedHeaders={}, Signature={}".format,
        st.sampled_from(["AKIDEXAMPLE", "x"]),
        st.sampled_from(["20261118", ""]),
        st.sampled_from(["eu-west-1/codepipeline/aws4_request", "///"]),
        st.text(st.sampled_from("host;X-éà\n ")) | st.just("host"),
        st.text(st.characters(max_codepoint=255)),
    ),
    timestamp=st.sampled_from(["20261118T110640Z", "00000101T000000Z", ""]),
)
def test_any_authorization_gets_a_typed_refusal(authorization: str, timestamp: str) -> None:
    sent = having(having(signed(), "authorization", authorization), "x-amz-date", timestamp)
    status, code, _ = refusal(respond(sent))
    assert status == 403
    assert code in {INCOMPLETE, UNKNOWN, INVALID}


def test_a_time_is_sent_as_seconds_since_the_epoch() -> None:
    created = datetime(1970, 1, 1, 2, 0, 1, 500_000, tzinfo=timezone(timedelta(hours=2)))
    execution = make_pipeline_execution(artifact_revisions=[{"created": created}])
    assert respond_with(execution)["artifactRevisions"] == [{"created": 1.5}]


def test_text_for_a_time_is_refused_where_it_is_put() -> None:
    text: Any = "2026-01-02T03:04:05Z"
    with pytest.raises(ValueError, match=f"sent in seconds since 1970: give a datetime with a time zone, not '{text}'"):
        respond(signed(), make_pipeline_execution(artifact_revisions=[{"created": text}]))


def test_absent_fields_are_left_out_and_empty_text_is_not() -> None:
    execution = make_pipeline_execution(
        pipeline_version=None,
        artifact_revisions=[{"revision_url": ""}],
        trigger={},
        execution_mode=None,
        execution_type=None,
    )
    assert respond_with(execution) == {
        "pipelineName": "web",
        "pipelineExecutionId": ID,
        "status": "Succeeded",
        "artifactRevisions": [{"revisionUrl": ""}],
        "trigger": {},
    }
    assert "artifactRevisions" not in respond_with(make_pipeline_execution(artifact_revisions=()))
