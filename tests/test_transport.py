"""Signing transports: they sign for any service, for our clients and for plain httpx ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from typing import Any, Self

import anyio
import anyio.lowlevel
import httpx
import pytest

from codepipeline_client import AsyncSigV4Transport, ConfigurationError, Credentials, CredentialsError, SigV4Transport
from codepipeline_client.testing import LocalCodePipeline

auth: Any = import_module("botocore.auth")  # botocore ships no types
awsrequest: Any = import_module("botocore.awsrequest")
botocore_credentials: Any = import_module("botocore.credentials")

CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key="secret", session_token="token")
NOW = datetime(2026, 11, 22, 11, 41, 27, tzinfo=UTC)
Send = Callable[..., httpx.Request]


class Recorder(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Takes requests and responses 200; knows what was done with it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.calls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)

    def __enter__(self) -> Self:
        self.calls.append("enter")
        return self

    def __exit__(self, *error: object) -> None:
        self.calls.append("exit")

    def close(self) -> None:
        self.calls.append("close")

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        self.__exit__()

    async def aclose(self) -> None:
        self.close()


@pytest.fixture
def send(kind: str) -> Send:
    """Send one request through a plain httpx client that signs, and return what went out."""

    def go(*, method: str = "POST", url: str, signing: dict[str, Any], **options: Any) -> httpx.Request:
        recorder = Recorder()
        signing = {"region_name": "eu-west-1", "credentials": CREDENTIALS, "now": NOW.timestamp, **signing}
        if kind == "sync":
            with httpx.Client(transport=SigV4Transport(recorder, **signing)) as client:
                client.request(method, url, **options)
        else:

            async def main() -> None:
                async with httpx.AsyncClient(transport=AsyncSigV4Transport(recorder, **signing)) as client:
                    await client.request(method, url, **options)

            anyio.run(main, backend=kind)
        assert recorder.calls == ["enter", "exit"]
        (sent,) = recorder.requests
        return sent

    return go


def expected(sent: httpx.Request, signer: str, service: str, given: Credentials = CREDENTIALS) -> str:
    """What botocore signs such a request with, given the headers that ours are said to cover."""
    covered = sent.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    signers_own = {"x-amz-date", "x-amz-security-token", "x-amz-content-sha256"}
    request = awsrequest.AWSRequest(
        method=sent.method,
        url=str(sent.url),
        data=sent.content,
        headers={name: sent.headers[name] for name in covered if name not in signers_own},
    )
    request.context["timestamp"] = sent.headers["x-amz-date"]
    if given.session_token:
        request.headers["X-Amz-Security-Token"] = given.session_token
    request.headers["X-Amz-Date"] = sent.headers["x-amz-date"]
    if "x-amz-content-sha256" in sent.headers:
        request.headers["X-Amz-Content-SHA256"] = sent.headers["x-amz-content-sha256"]
    frozen = botocore_credentials.Credentials(given.access_key_id, given.secret_access_key, given.session_token)
    oracle = getattr(auth, signer)(frozen, service, "eu-west-1")
    signature: str = oracle.signature(oracle.string_to_sign(request, oracle.canonical_request(request)), request)
    return signature


CASES = [
    pytest.param("sts", "SigV4Auth", {"method": "GET", "url": "https://sts.test/?Version=1&Action=b"}, id="sts-get"),
    pytest.param("sqs", "SigV4Auth", {"url": "https://sqs.test/a%20b/../c", "content": b"body"}, id="path"),
    pytest.param("iam", "SigV4Auth", {"url": "https://iam.test", "data": {"Action": "x y"}}, id="form"),
    pytest.param("s3", "S3SigV4Auth", {"method": "PUT", "url": "https://s3.test/a/../b%20c", "content": b"1"}, id="s3"),
    pytest.param("es", "SigV4Auth", {"url": "https://es.test:8443/", "json": {"a": 1}}, id="port-and-json"),
    pytest.param(
        "es", "SigV4Auth", {"url": "https://es.test", "headers": {"X-Odd": " a  b \u00e9".encode()}}, id="odd-header"
    ),
]


@pytest.mark.parametrize(("service", "signer", "request_"), CASES)
def test_a_plain_httpx_client_signs_for_any_service(
    send: Send, service: str, signer: str, request_: dict[str, Any]
) -> None:
    sent = send(signing={"service_name": service}, **request_)
    authorization = sent.headers["authorization"]
    assert f"Credential=AKID/20261122/eu-west-1/{service}/aws4_request" in authorization
    assert authorization.endswith(f"Signature={expected(sent, signer, service)}")
    assert sent.headers["x-amz-date"] == "20261122T114127Z"
    assert sent.headers["x-amz-security-token"] == "token"


def test_headers_of_an_earlier_signature_do_not_go_out_again(send: Send) -> None:
    old = {"Authorization": "old", "X-Amz-Date": "old", "X-Amz-Security-Token": "old"}
    given = Credentials(access_key_id="AKID", secret_access_key="secret")
    sent = send(url="https://a.test", headers=old, signing={"service_name": "sts", "credentials": given})
    assert "old" not in str(sent.headers.raw)
    assert "x-amz-security-token" not in sent.headers


def test_a_hash_that_s3_is_sent_is_the_bodys_whatever_was_there(send: Send) -> None:
    headers = [("X-Amz-Content-SHA256", "old"), ("x-amz-content-sha256", "older")]
    sent = send(url="https://s3.test/a", headers=headers, signing={"service_name": "s3"})
    assert sent.headers.get_list("x-amz-content-sha256") == [sha256(b"").hexdigest()]


def test_a_streamed_body_is_signed_and_sent_whole() -> None:
    """Not in chunks, which S3 refuses."""

    def pieces() -> Iterator[bytes]:
        yield b"he"
        yield b"llo"

    async def async_pieces() -> AsyncIterator[bytes]:
        yield b"he"
        yield b"llo"

    async def main() -> None:
        transport = AsyncSigV4Transport(recorder, service_name="sts", region_name="eu-west-1", credentials=CREDENTIALS)
        await transport.handle_async_request(httpx.Request("POST", "https://a.test", content=async_pieces()))

    recorder = Recorder()
    transport = SigV4Transport(recorder, service_name="sts", region_name="eu-west-1", credentials=CREDENTIALS)
    transport.handle_request(httpx.Request("POST", "https://a.test", content=pieces()))
    anyio.run(main)
    for sent in recorder.requests:
        assert sent.content == b"hello"
        assert "transfer-encoding" not in sent.headers
        assert sent.headers.get_list("content-length") == ["5"]
        assert sent.headers["authorization"].endswith(expected(sent, "SigV4Auth", "sts"))


def test_closing_closes_what_sends() -> None:
    recorder = Recorder()
    options: dict[str, Any] = {"service_name": "a", "region_name": "b", "credentials": CREDENTIALS}
    SigV4Transport(recorder, **options).close()
    anyio.run(AsyncSigV4Transport(recorder, **options).aclose)
    assert recorder.calls == ["close", "close"]


def test_without_a_transport_it_sends_by_itself(service: LocalCodePipeline) -> None:
    """The endpoint finds the signature right, and no input."""
    options: Any = {"region_name": service.region_name, "credentials": service.credentials}
    target = {"X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution"}
    post: dict[str, Any] = {"content": b"{}", "headers": {"Content-Type": "application/x-amz-json-1.1", **target}}

    async def main() -> httpx.Response:
        transport = AsyncSigV4Transport(service_name="codepipeline", **options)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.post(service.endpoint_url, **post)

    with httpx.Client(transport=SigV4Transport(service_name="codepipeline", **options)) as client:
        responses = [client.post(service.endpoint_url, **post), anyio.run(main)]
    assert [response.json()["__type"] for response in responses] == ["ValidationException"] * 2


@pytest.mark.parametrize("name", [None, "", "eu west"])
@pytest.mark.parametrize("kind", [SigV4Transport, AsyncSigV4Transport])
def test_a_scope_that_cannot_be_signed_for_is_told_at_once(kind: Any, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="region_name must be letters, digits and hyphens"):
        kind(Recorder(), service_name="sts", region_name=name, credentials=CREDENTIALS)
    with pytest.raises(ConfigurationError, match="service_name must be"):
        kind(Recorder(), service_name=name, region_name="eu-west-1", credentials=CREDENTIALS)


# Credentials


def test_credentials_come_from_the_environment_when_none_are_given(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    sent = send(url="https://a.test", signing={"service_name": "sts", "credentials": None})
    assert "Credential=FROMENV/" in sent.headers["authorization"]


def test_missing_credentials_are_an_error(send: Send) -> None:
    with pytest.raises(CredentialsError):
        send(url="https://a.test", signing={"service_name": "sts", "credentials": None})


@pytest.mark.parametrize("kind", ["asyncio", "trio"])
def test_credentials_come_from_an_async_provider(send: Send) -> None:
    async def provider() -> Credentials:
        await anyio.lowlevel.checkpoint()
        return CREDENTIALS

    sent = send(url="https://a.test", signing={"service_name": "sts", "credentials": provider})
    assert "Credential=AKID/" in sent.headers["authorization"]
