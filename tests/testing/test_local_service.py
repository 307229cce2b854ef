"""
The service without sockets: every check has its row, and the first one that fails decides.

Calls are signed with the package's own signer and checked with botocore's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._message import Credentials
from codepipeline_client._signing import sign
from codepipeline_client.models import PipelineExecution
from codepipeline_client.testing import make_pipeline_execution
from codepipeline_client.testing._calls import Answer, Call, decode
from codepipeline_client.testing._scenario import Scenario
from codepipeline_client.testing._service import answer

KEYS: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="secret+key")
TEMPORARY: Final = Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="secret+key", session_token="token")
REGION: Final = "eu-west-1"
NOW: Final = 1_795_000_000.0
EXECUTION: Final = make_pipeline_execution()
ID: Final = EXECUTION.pipeline_execution_id
OTHER_ID: Final = "00000000-0000-0000-0000-000000000000"
HEADERS: Final = (
    ("host", "localhost"),
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-target", "CodePipeline_20150709.GetPipelineExecution"),
)
NOT_NULL: Final = "not be null"
NOT_EMPTY: Final = "have length greater than or equal to 1"
NOT_LONG: Final = "have length less than or equal to 100"
NAME_PATTERN: Final = r"satisfy regular expression pattern: [A-Za-z0-9.@\-_]+"
ID_PATTERN: Final = "satisfy regular expression pattern: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
Change = Callable[[Call], Call]


def body_of(pipeline_name: object = "web", pipeline_execution_id: object = ID) -> bytes:
    """Return the body that asks for an execution."""
    return json.dumps({"pipelineName": pipeline_name, "pipelineExecutionId": pipeline_execution_id}).encode()


def signed(
    *,
    body: bytes | None = None,
    path: str = "/",
    headers: tuple[tuple[str, str], ...] = HEADERS,
    credentials: Credentials = KEYS,
    region_name: str = REGION,
    service_name: str = "codepipeline",
    now: float = NOW,
) -> Call:
    """Return a call as a client of the service sends it, but for what is given."""
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
    return Call(method="POST", path=path, headers=names, body=content, request_id="request-1")


def without(call: Call, name: str) -> Call:
    """Return *call* less a header."""
    return evolve(call, headers={key: value for key, value in call.headers.items() if key != name})


def having(call: Call, name: str, value: str) -> Call:
    """Return *call* with another value of a header, which its signature knows nothing of."""
    return evolve(call, headers={**call.headers, name: value})


def altered(call: Call, old: str, new: str) -> Call:
    """Return *call* with a part of its Authorization replaced."""
    authorization = call.headers["authorization"]
    assert old in authorization
    return having(call, "authorization", authorization.replace(old, new))


def asked(call: Call, *executions: PipelineExecution, credentials: Credentials = KEYS) -> Answer:
    """Return what the service answers when it has *executions*."""
    scenario = Scenario(now=lambda: NOW)
    for execution in executions or (EXECUTION,):
        scenario.put_execution(execution)
    return answer(call, scenario=scenario, credentials=credentials, region_name=REGION, now=NOW)


def refusal(refused: Answer) -> tuple[int, str, str]:
    """Return the status, the code and the message of an error answer."""
    document = json.loads(refused.body)
    assert list(document) == ["__type", "message"]
    assert document["__type"] == refused.error_code
    return refused.status_code, document["__type"], document["message"]


def test_a_right_call_gets_the_execution_and_a_request_id() -> None:
    """The answer is the service's: status, headers and the execution under its member."""
    given_back = asked(signed())
    assert given_back.status_code == 200
    assert given_back.error_code is None
    assert dict(given_back.headers)["x-amzn-RequestId"] == "request-1"
    assert dict(given_back.headers)["Content-Type"] == "application/x-amz-json-1.1"
    assert json.loads(given_back.body)["pipelineExecution"]["pipelineExecutionId"] == ID


@pytest.mark.parametrize(
    ("call", "credentials"),
    [
        pytest.param(signed(credentials=TEMPORARY), TEMPORARY, id="session-token"),
        pytest.param(signed(), evolve(KEYS, session_token=""), id="an-empty-token-is-none"),
        pytest.param(signed(path="/?b=2&a=1"), KEYS, id="query"),
        pytest.param(signed(headers=(*HEADERS, ("x-extra", "a"), ("x-extra", "b"))), KEYS, id="two-headers-of-a-name"),
        pytest.param(signed(now=NOW - 300), KEYS, id="five-minutes-ago"),
        pytest.param(signed(now=NOW + 300), KEYS, id="five-minutes-ahead"),
        pytest.param(
            signed(headers=(*HEADERS[:1], ("content-type", "Application/X-Amz-Json-1.1 ; charset=utf-8"), HEADERS[2])),
            KEYS,
            id="content-type-with-a-parameter",
        ),
        pytest.param(altered(signed(), ", ", ","), KEYS, id="authorization-without-spaces"),
        pytest.param(having(signed(), "user-agent", "anything"), KEYS, id="unsigned-header"),
        pytest.param(signed(body=body_of()[:-1] + b', "other": [1]}'), KEYS, id="unknown-member"),
    ],
)
def test_what_the_service_takes_is_taken(call: Call, credentials: Credentials) -> None:
    """Every way to sign and to write a right call is right."""
    if "x-extra" in call.headers:
        call = having(call, "x-extra", "a,b")
    assert asked(call, credentials=credentials).status_code == 200


@pytest.mark.parametrize(
    ("call", "words"),
    [
        pytest.param(evolve(signed(), method="GET"), "GET / is not an operation", id="method"),
        pytest.param(signed(path="/other"), "POST /other is not an operation", id="path"),
        pytest.param(having(signed(), "x-amz-target", "A.B"), "X-Amz-Target 'A.B' is not", id="target"),
        pytest.param(without(signed(), "x-amz-target"), "X-Amz-Target None is not", id="no-target"),
        pytest.param(having(signed(), "content-type", "text/xml"), "Content-Type 'text/xml'", id="content-type"),
        pytest.param(without(signed(), "content-type"), "Content-Type ''", id="no-content-type"),
    ],
)
def test_what_is_no_operation_is_said_to_be_none(call: Call, words: str) -> None:
    """Method, path, target and content type together choose the operation."""
    status, code, message = refusal(asked(call))
    assert (status, code) == (404, "UnknownOperationException")
    assert words in message


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        pytest.param(
            without(signed(), "authorization"),
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
            id="unsigned",
        ),
        pytest.param(
            having(signed(), "authorization", "Bearer abc"),
            "IncompleteSignature",
            "Authorization header must start with 'AWS4-HMAC-SHA256'.",
            id="another-scheme",
        ),
        pytest.param(
            having(signed(), "authorization", "AWS4-HMAC-SHA256"),
            "IncompleteSignature",
            "Authorization header requires 'Credential' parameter. "
            "Authorization header requires 'Signature' parameter. "
            "Authorization header requires 'SignedHeaders' parameter.",
            id="no-parameters",
        ),
        pytest.param(
            without(signed(), "x-amz-date"),
            "IncompleteSignature",
            "Authorization header requires existence of a 'X-Amz-Date' header.",
            id="no-date",
        ),
        pytest.param(
            having(signed(), "x-amz-date", "Tue, 17 Nov 2026 12:26:40 GMT"),
            "IncompleteSignature",
            "Date must be in ISO-8601 'basic format'. Got 'Tue, 17 Nov 2026 12:26:40 GMT'.",
            id="date-in-another-format",
        ),
        pytest.param(
            having(signed(), "x-amz-date", "20261301T000000Z"),
            "IncompleteSignature",
            "Date must be in ISO-8601 'basic format'. Got '20261301T000000Z'.",
            id="no-such-month",
        ),
        pytest.param(
            altered(signed(), "/aws4_request", ""),
            "IncompleteSignature",
            "Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/term.",
            id="short-scope",
        ),
        pytest.param(
            signed(credentials=evolve(KEYS, access_key_id="AKIDOTHER")),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            id="unknown-key",
        ),
        pytest.param(
            signed(credentials=TEMPORARY),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            id="a-token-that-is-not-known",
        ),
        pytest.param(
            signed(region_name="us-east-1"),
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'us-east-1'.",
            id="another-region",
        ),
        pytest.param(
            signed(service_name="s3"),
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'codepipeline'.",
            id="another-service",
        ),
        pytest.param(
            altered(signed(), "aws4_request", "aws5_request"),
            "InvalidSignatureException",
            "Credential should be scoped with a valid terminator: 'aws4_request'.",
            id="another-terminator",
        ),
        pytest.param(
            having(signed(), "x-amz-date", "20261119T112640Z"),
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            "'20261118' != '20261119', from '20261119T112640Z'.",
            id="another-day",
        ),
        pytest.param(
            signed(now=NOW - 301),
            "InvalidSignatureException",
            "Signature expired: 20261118T110139Z is now earlier than 20261118T110140Z (20261118T110640Z - 5 min.)",
            id="expired",
        ),
        pytest.param(
            signed(now=NOW + 301),
            "InvalidSignatureException",
            "Signature not yet current: 20261118T111141Z is still later than 20261118T111140Z "
            "(20261118T110640Z + 5 min.)",
            id="not-yet-current",
        ),
        pytest.param(
            altered(signed(), "host;", ""),
            "InvalidSignatureException",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            id="host-not-signed",
        ),
        pytest.param(
            signed(credentials=evolve(KEYS, secret_access_key="another")),
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
            id="wrong-secret",
        ),
    ],
)
def test_a_signature_that_is_not_right_is_refused(call: Call, code: str, words: str) -> None:
    """Each way to sign wrongly has the service's own code and words, and HTTP 403."""
    assert refusal(asked(call)) == (403, code, words)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(evolve(signed(), body=body_of("web2")), id="body"),
        pytest.param(evolve(signed(), path="/?a=1"), id="query"),
        pytest.param(having(signed(), "host", "localhost:1"), id="signed-header"),
        pytest.param(altered(signed(), "host;", "host;x-absent;"), id="a-signed-header-that-is-not-there"),
        pytest.param(altered(signed(), "Signature=", "Signature=0"), id="signature"),
    ],
)
def test_what_was_altered_on_its_way_is_refused(call: Call) -> None:
    """The signature covers the body, the query and the headers that it names."""
    status, code, message = refusal(asked(call))
    assert (status, code) == (403, "InvalidSignatureException")
    assert message.startswith("The request signature we calculated does not match")


def test_a_token_that_is_wrong_or_absent_is_refused() -> None:
    """Temporary keys are three parts, and all are checked."""
    for token in (None, "another"):
        call = signed(credentials=evolve(TEMPORARY, session_token=token))
        assert refusal(asked(call, credentials=TEMPORARY))[:2] == (403, "UnrecognizedClientException")


def test_a_check_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """botocore's signer would log the session token when it is asked to sign."""
    caplog.set_level(logging.DEBUG)
    assert asked(signed(credentials=TEMPORARY), credentials=TEMPORARY).status_code == 200
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
    """What cannot be read as the operation's input is a SerializationException."""
    assert refusal(asked(signed(body=body))) == (400, "SerializationException", words)


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
def test_an_input_that_breaks_a_constraint_is_refused_with_every_one(
    body: bytes, broken: list[tuple[str, str, str]]
) -> None:
    """The message counts and lists the constraints in the service's words."""
    count = "1 validation error" if len(broken) == 1 else f"{len(broken)} validation errors"
    listed = "; ".join(
        f"Value {value} at '{member}' failed to satisfy constraint: Member must {rule}"
        for value, member, rule in broken
    )
    assert refusal(asked(signed(body=body))) == (400, "ValidationException", f"{count} detected: {listed}")


def test_a_name_of_the_greatest_length_is_taken() -> None:
    """100 letters are not too many: the pipeline is looked up, and is not there."""
    assert refusal(asked(signed(body=body_of("n" * 100))))[1] == "PipelineNotFoundException"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(body_of("other"), "PipelineNotFoundException", id="pipeline"),
        pytest.param(body_of("web", OTHER_ID), "PipelineExecutionNotFoundException", id="execution"),
        pytest.param(body_of("api"), "PipelineExecutionNotFoundException", id="execution-of-another-pipeline"),
    ],
)
def test_what_is_not_there_is_not_found(body: bytes, code: str) -> None:
    """A pipeline exists when an execution of it does; an execution exists in its own pipeline only."""
    api = make_pipeline_execution(pipeline_name="api", pipeline_execution_id=OTHER_ID)
    assert refusal(asked(signed(body=body), EXECUTION, api))[:2] == (400, code)


@pytest.mark.parametrize(
    ("call", "code"),
    [
        pytest.param(
            without(signed(path="/other"), "authorization"), "UnknownOperationException", id="path-before-signature"
        ),
        pytest.param(
            without(having(signed(), "content-type", "text/xml"), "authorization"),
            "UnknownOperationException",
            id="content-type-before-signature",
        ),
        pytest.param(
            without(signed(body=b"["), "authorization"),
            "MissingAuthenticationTokenException",
            id="signature-before-body",
        ),
        pytest.param(
            signed(credentials=evolve(KEYS, access_key_id="AKIDOTHER"), region_name="us-east-1"),
            "UnrecognizedClientException",
            id="key-before-scope",
        ),
        pytest.param(
            evolve(signed(body=body_of("a b")), body=b"["), "InvalidSignatureException", id="signature-before-json"
        ),
        pytest.param(signed(body=body_of("a b", OTHER_ID)), "ValidationException", id="constraints-before-look-up"),
        pytest.param(
            signed(body=body_of("other", OTHER_ID)), "PipelineNotFoundException", id="pipeline-before-execution"
        ),
    ],
)
def test_a_call_that_is_wrong_twice_is_refused_for_the_first_reason(call: Call, code: str) -> None:
    """The order of the checks is the service's."""
    assert refusal(asked(call))[1] == code


@given(
    st.binary(max_size=60) | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps).map(str.encode)
)
def test_any_signed_body_gets_an_answer(body: bytes) -> None:
    """Whatever is in the body, the service refuses it by name."""
    assert refusal(asked(signed(body=body)))[1] in {"SerializationException", "ValidationException"}


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
def test_any_authorization_gets_an_answer(authorization: str, timestamp: str) -> None:
    """Whatever is in the headers, the service refuses it by name."""
    call = having(having(signed(), "authorization", authorization), "x-amz-date", timestamp)
    status, code, _ = refusal(asked(call))
    assert status == 403
    assert code in {"IncompleteSignature", "UnrecognizedClientException", "InvalidSignatureException"}


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        pytest.param(b'{"a": {"b": [1, null]}}', {"a": {"b": [1, None]}}, id="object"),
        pytest.param(b"5", None, id="number"),
        pytest.param('{"a": 1}'.encode("utf-16"), None, id="utf-16"),
    ],
)
def test_only_a_json_object_is_decoded(body: bytes, decoded: dict[str, object] | None) -> None:
    """What is recorded as a request's input is its JSON object, or nothing."""
    assert decode(body) == decoded


def test_a_naive_time_is_refused_where_it_is_put() -> None:
    """It would name another instant on each machine."""
    naive = make_pipeline_execution(artifact_revisions=[{"created": datetime(2026, 1, 2)}])  # noqa: DTZ001 - the defect
    with pytest.raises(ValueError, match="created 2026-01-02T00:00:00 has no time zone"):
        Scenario(now=lambda: NOW).put_execution(naive)


def test_a_time_is_sent_as_seconds_since_the_epoch() -> None:
    """The zone that it was written in does not matter."""
    created = datetime(1970, 1, 1, 2, 0, 1, 500_000, tzinfo=timezone(timedelta(hours=2)))
    execution = make_pipeline_execution(artifact_revisions=[{"created": created}])
    document = json.loads(asked(signed(), execution).body)
    assert document["pipelineExecution"]["artifactRevisions"] == [{"created": 1.5}]
    assert created.astimezone(UTC).year == 1970


def test_what_an_execution_lacks_is_left_out_and_what_is_empty_text_is_not() -> None:
    """An absent member is absent on the wire; a revision's URL may well be empty."""
    execution = make_pipeline_execution(
        pipeline_version=None,
        artifact_revisions=[{"revision_url": ""}],
        trigger={},
        execution_mode=None,
        execution_type=None,
    )
    assert json.loads(asked(signed(), execution).body)["pipelineExecution"] == {
        "pipelineName": "web",
        "pipelineExecutionId": ID,
        "status": "Succeeded",
        "artifactRevisions": [{"revisionUrl": ""}],
        "trigger": {},
    }
    bare = make_pipeline_execution(artifact_revisions=(), trigger=None)
    assert json.loads(asked(signed(), bare).body)["pipelineExecution"].keys() == {
        *("pipelineName", "pipelineExecutionId", "status", "pipelineVersion", "executionMode", "executionType")
    }


@pytest.mark.parametrize("times", [0, -1])
def test_a_plan_is_followed_at_least_once(times: int) -> None:
    """Less than once is a mistake of the test, and said at once."""
    with pytest.raises(ValueError, match=f"times must be 1 or more, not {times}"):
        Scenario(now=lambda: NOW).put_plan(lambda call: Answer(status_code=200, headers=(), body=b""), times=times)
