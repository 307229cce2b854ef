"""
Signatures: equal to botocore's on any request, equal to the published ones, and silent about the credentials.
"""

from __future__ import annotations

import gc
import traceback
import weakref
from datetime import UTC, datetime
from importlib import import_module
from string import ascii_letters, digits
from typing import Any, Final

import pytest
from attrs import asdict, evolve, frozen
from hypothesis import example, given
from hypothesis import strategies as st

from codepipeline_client._protocol.messages import Headers
from codepipeline_client._protocol.sigv4 import NEVER_SIGNED, REPLACED, Credentials, sign

botocore_auth = import_module("botocore.auth")
botocore_request = import_module("botocore.awsrequest")
botocore_credentials = import_module("botocore.credentials")

S3_FAMILY: Final = ("s3", "s3-object-lambda", "s3-outposts")
PLANTED_SECRET: Final = "planted/secret+key"
PLANTED_TOKEN: Final = "planted-session-token"
CREDENTIALS: Final = Credentials(
    access_key_id="AKIDEXAMPLE", secret_access_key=PLANTED_SECRET, session_token=PLANTED_TOKEN
)


@frozen(kw_only=True)
class Case:
    """One request and what it is signed with. The defaults are a call of the client's own."""

    method: str = "POST"
    target: str = "/"
    headers: Headers = (
        ("Host", "codepipeline.eu-west-1.amazonaws.com"),
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "CodePipeline_20150709.GetPipelineExecution"),
    )
    body: bytes = b'{"pipelineExecutionId":"12345678-1234-1234-1234-123456789012","pipelineName":"web"}'
    credentials: Credentials = CREDENTIALS
    region_name: str = "eu-west-1"
    service_name: str = "codepipeline"
    now: float = 1_795_000_000.75

    def with_headers(self, *headers: tuple[str, str]) -> Case:
        """Return the same request with more headers."""
        return evolve(self, headers=(*self.headers, *headers))


CALL: Final = Case()


def ours(case: Case) -> Headers:
    """Sign by the package, with headers that can be read but once."""
    arguments: dict[str, Any] = asdict(case, recurse=False)
    arguments["headers"] = iter(case.headers)
    return sign(**arguments)


class FixedTime(dict[str, str]):
    """What botocore keeps beside a request, with a time that it cannot set to its own clock's."""

    def __setitem__(self, name: str, value: str) -> None:
        """Keep what is there."""


def theirs(case: Case) -> Headers:
    """Sign by botocore, and return the headers that it set, in the order in which `sign` gives them."""
    request = botocore_request.AWSRequest(case.method, f"https://absent.invalid{case.target}", data=case.body)
    request.context = FixedTime(timestamp=datetime.fromtimestamp(int(case.now), UTC).strftime("%Y%m%dT%H%M%SZ"))
    for name, value in case.headers:
        request.headers[name] = value
    credentials = case.credentials
    signer = botocore_auth.S3SigV4Auth if case.service_name in S3_FAMILY else botocore_auth.SigV4Auth
    parts = (credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    signer(botocore_credentials.Credentials(*parts), case.service_name, case.region_name).add_auth(request)
    token = ["X-Amz-Security-Token"] if credentials.session_token else []
    payload_hash = ["X-Amz-Content-SHA256"] if case.service_name in S3_FAMILY else []
    names = ("X-Amz-Date", *token, *payload_hash, "Authorization")
    return tuple((name, str(request.headers[name])) for name in names)


ENCODABLE: Final = st.characters(exclude_categories=["Cs"])
ON_THE_WIRE: Final = st.text(ascii_letters + digits + "-._~!$&'()*+,;=:@/?%[]|\"ሴ", max_size=12)
SEGMENTS: Final = st.sampled_from(["", ".", "..", "...", "%2E", "%2e%2E", "%2F", "%25", "%C3%A9", "a b", "~", "*"])
PATHS: Final = st.lists(SEGMENTS | ON_THE_WIRE.map(lambda text: text.replace("?", "")), min_size=1, max_size=8).map(
    lambda segments: "/" + "/".join(segments)
)
PIECES: Final = st.sampled_from(["", "=", "a", "a=", "=a", "a=b=c", "a=1", "a=0", "A=1", "a-b=1", "a.b", "a=%20"])
QUERIES: Final = st.just("") | st.lists(PIECES | ON_THE_WIRE, max_size=8).map(lambda pieces: "?" + "&".join(pieces))
NOT_COMPARED: Final = NEVER_SIGNED | REPLACED | {"date", "host"}
NAMES: Final = st.sampled_from(["X-A", "x-a", "X-A-B", "Content-Type", "x-amz-meta-a", "X-AMZ-META-A"]) | st.text(
    ascii_letters + digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12
).filter(lambda name: name.lower() not in NOT_COMPARED)
VALUES: Final = st.text(st.sampled_from(" \t,a") | ENCODABLE, max_size=20)
ANY_CREDENTIALS: Final = st.builds(
    Credentials,
    access_key_id=st.text(ascii_letters + digits, min_size=1, max_size=24),
    secret_access_key=st.text(ENCODABLE, min_size=1, max_size=60),
    session_token=st.none() | st.text(ascii_letters + digits + "+/=", max_size=600),
)
CASES: Final = st.builds(
    Case,
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get"]),
    target=st.builds("{}{}".format, PATHS, QUERIES),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=8).map(lambda drawn: (*drawn[:4], CALL.headers[0], *drawn[4:])),
    body=st.binary(max_size=300),
    credentials=ANY_CREDENTIALS,
    region_name=st.sampled_from(["eu-west-1", "us-gov-west-1", "cn-north-1"]) | st.text(ENCODABLE, max_size=10),
    service_name=st.sampled_from(["codepipeline", "execute-api", "iam", *S3_FAMILY]) | st.text(ENCODABLE, max_size=10),
    now=st.floats(min_value=0, max_value=4e9),
)


@given(CASES)
@example(evolve(CALL, credentials=evolve(CREDENTIALS, session_token="")))
@example(CALL.with_headers(("x-amz-content-sha256", "UNSIGNED-PAYLOAD")))
@example(evolve(CALL, service_name="s3").with_headers(("x-amz-content-sha256", "UNSIGNED-PAYLOAD")))
@example(evolve(CALL, now=datetime(2026, 11, 23, tzinfo=UTC).timestamp() - 1e-6))
def test_any_request_is_signed_as_botocore_signs_it(case: Case) -> None:
    """Paths, queries, headers, bodies, credentials, scopes and instants at once, for S3 and for everything else."""
    assert ours(case) == theirs(case)


TRAPS: Final = (
    *("/", "//", "/a//b///c/", "/./a/./b/.", "/a/b/../c", "/../../a", "/a/..", "/a/b/../"),
    *("/a%20b/%E1%88%B4/%2e%2E/%2F", "/a:b@c;d=e,f+g(h)*~'!$&", "/?", "/?b=2&a=1&a=0&B=3", "/?a&b=&=c&&d"),
    *("/?a-b=1&a=2&a.b=3&a%20b=4", "/?a=b+c&d=%20&e=%2B&f=x=y&g=/?"),
)


@pytest.mark.parametrize("service_name", ["codepipeline", "s3"])
@pytest.mark.parametrize("target", TRAPS)
def test_the_traps_of_paths_and_queries_are_signed_as_botocore_does(target: str, service_name: str) -> None:
    """The cases that the property may not reach in one run."""
    case = evolve(CALL, target=target, service_name=service_name)
    assert ours(case) == theirs(case)


def test_an_empty_path_is_the_root() -> None:
    """HTTP sends a slash where a URL has no path, so that is what is signed."""
    for case in (evolve(CALL, target="?a=b"), evolve(CALL, target="?a=b", service_name="s3")):
        assert ours(case) == theirs(evolve(case, target="/?a=b"))


SUITE: Final = Case(
    method="GET",
    headers=(("Host", "example.amazonaws.com"),),
    body=b"",
    credentials=Credentials(access_key_id="AKIDEXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    region_name="us-east-1",
    service_name="service",
    now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp(),
)
FORM: Final = "application/x-www-form-urlencoded"
PUBLISHED: Final = [
    (SUITE, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    (
        SUITE.with_headers(("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")),
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        evolve(SUITE.with_headers(("Content-Type", FORM)), method="POST", body=b"Param1=value1"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
]


@pytest.mark.parametrize(("case", "signature"), PUBLISHED)
def test_the_signatures_that_aws_publishes_come_out(case: Case, signature: str) -> None:
    """In its test suite: an oracle that shares nothing with botocore."""
    assert dict(ours(case))["Authorization"].rpartition("Signature=")[2] == signature


def test_headers_that_others_may_alter_are_not_signed() -> None:
    """In any case of their names. botocore's list may grow with a release; then this one grows too."""
    assert ours(CALL.with_headers(*((name.title(), "x") for name in NEVER_SIGNED))) == ours(CALL)
    assert set(botocore_auth.SIGNED_HEADERS_BLACKLIST) <= NEVER_SIGNED


@pytest.mark.parametrize("service_name", ["codepipeline", "s3"])
@pytest.mark.parametrize("name", sorted(REPLACED))
def test_a_signature_that_the_request_came_with_is_replaced(name: str, service_name: str) -> None:
    """A retry may bring the headers of the attempt before; with or without a token of its own."""
    case = evolve(CALL, service_name=service_name)
    assert ours(case.with_headers((name.upper(), "old"))) == ours(case) == theirs(case.with_headers((name, "old")))
    tokenless = evolve(case, credentials=evolve(CREDENTIALS, session_token=None))
    assert ours(tokenless.with_headers((name, "old"))) == ours(tokenless)


def test_a_cached_key_signs_for_its_own_secret_day_region_and_service_alone() -> None:
    """Each variant differs in one thing that the key is made of, and all are signed twice."""
    variants = [
        CALL,
        evolve(CALL, credentials=evolve(CREDENTIALS, secret_access_key="another")),
        evolve(CALL, now=CALL.now + 86_400),
        evolve(CALL, region_name="eu-west-2"),
        evolve(CALL, service_name="iam"),
        evolve(CALL, region_name="eu-west-1codepipeline", service_name=""),
    ]
    for case in variants * 2:
        assert ours(case) == theirs(case)


def test_credentials_that_are_no_longer_used_are_forgotten() -> None:
    """A process that signs for thousands of tenants must not hold all of their secrets for ever."""
    first = Credentials(access_key_id="AKID", secret_access_key="first")
    ours(evolve(CALL, credentials=first))
    gone = weakref.ref(first)
    del first
    for number in range(200):
        ours(evolve(CALL, credentials=Credentials(access_key_id="AKID", secret_access_key=str(number))))
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("case", "message"),
    [
        pytest.param(evolve(CALL, headers=CALL.headers[1:]), "no Host header.*add", id="no-host"),
        pytest.param(evolve(CALL, now=float("nan")), "NaN", id="no-time"),
        pytest.param(evolve(CALL, target="/\udc80"), "surrogates", id="path-that-is-no-text"),
    ],
)
def test_a_refusal_shows_no_secret_even_with_the_locals_of_every_frame(case: Case, message: str) -> None:
    """Error reporters print the locals of each frame."""
    with pytest.raises(ValueError, match=message) as caught:
        ours(case)
    report = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "sign(" in report
    assert PLANTED_SECRET not in report
    assert PLANTED_TOKEN not in report


@pytest.mark.parametrize("name", ["secret_access_key", "session_token"])
def test_credentials_that_are_no_text_are_not_quoted_in_an_encoding_error(name: str) -> None:
    """UnicodeEncodeError carries the whole text. A signature that the service will refuse carries nothing."""
    broken: Any = {name: "\udc80"}
    assert ours(evolve(CALL, credentials=evolve(CREDENTIALS, **broken)))
