"""Secrets: planted in every place where they belong, they are found in none where they do not."""

from __future__ import annotations

import html
import logging
import pickle
import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import anyio
import httpx
import pytest

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, CodePipelineError, Credentials
from codepipeline_client.testing import LocalCodePipeline
from tests._credentials.support import shown
from tests.endpoint import EXECUTION, INPUT, options_for

SECRET_KEY = "planted/secret+key"
TOKEN = "planted/session+token=="
PASSWORD = "planted-password"
PLANTED = (SECRET_KEY, TOKEN, PASSWORD, "planted")
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key=SECRET_KEY, session_token=TOKEN)


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger there is says everything it can."""
    names = list(logging.root.manager.loggerDict)
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def service() -> Iterator[LocalCodePipeline]:
    with LocalCodePipeline(credentials=CREDENTIALS) as endpoint:
        endpoint.put_execution(EXECUTION)
        yield endpoint


@pytest.fixture
def seen(kind: str, logs: pytest.LogCaptureFixture) -> Callable[..., str]:
    """
    Make one call, and return everything that a crash report or a queue could hold of it.

    No planted secret is in that, nor in the logs.
    """

    # Named as tests, whose variables are not looked at.
    def test_call(**options: Any) -> str:
        kept: list[object] = []

        def test_sync() -> None:
            with CodePipelineClient(**options) as client:
                kept.append(repr(client))
                kept.append(client.get_pipeline_execution(**INPUT))

        async def test_async() -> None:
            async with AsyncCodePipelineClient(**options) as client:
                kept.append(repr(client))
                kept.append(await client.get_pipeline_execution(**INPUT))

        try:
            test_sync() if kind == "sync" else anyio.run(test_async, backend=kind)
        except (CodePipelineError, TypeError) as error:
            kept += shown(error)
        assert kept
        texts = [f"{thing!r} {thing} {pickle.dumps(thing, protocol=0).decode('latin-1')}" for thing in kept]
        text = "\n".join(texts)
        assert secrets_in(text + logs.text) == []
        return text

    return test_call


def secrets_in(text: str) -> list[str]:
    return [secret for secret in PLANTED if secret in text]


def test_a_good_response_shows_no_secret(seen: Callable[..., str], service: LocalCodePipeline) -> None:
    text = seen(**options_for(service))
    assert "GetPipelineExecutionOutput" in text


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param({"status_code": 403, "body": f"You sent {TOKEN}".encode()}, id="a-page-that-quotes"),
        pytest.param({"body": f"<html>{TOKEN} {SECRET_KEY}".encode()}, id="no-json-that-quotes"),
        pytest.param({"body": f'{{"pipelineExecution": {{"status": ["{TOKEN}"]}}}}'.encode()}, id="wrong-type"),
        pytest.param({"status_code": 400, "body": f'{{"__type":"{TOKEN}"}}'.encode()}, id="a-code-that-quotes"),
        pytest.param({"status_code": 403, "body": f'{{"message":"{TOKEN}"}}'.encode()}, id="a-message-that-quotes"),
        pytest.param(
            {"body": f'{{"pipelineExecution": {{"status": "Failed", "pipelineName": "{TOKEN}"}}}}'.encode()},
            id="a-name-that-quotes",
        ),
        pytest.param({"status_code": 302, "headers": {"Location": "http://localhost/"}}, id="redirect"),
        pytest.param({"headers": {"Content-Length": "99"}, "body": b"short"}, id="fewer-bytes-than-said"),
        pytest.param({"headers": {"Transfer-Encoding": "chunked"}, "body": b"zz\r\n"}, id="bad-chunk"),
    ],
)
def test_a_bad_response_shows_no_secret(
    seen: Callable[..., str], service: LocalCodePipeline, plan: dict[str, Any]
) -> None:
    service.put_response(**plan, times=3)
    text = seen(**options_for(service))
    assert "Error" in text or "Exception" in text


@pytest.mark.parametrize(
    "name", ["Content-Type", "Content-Encoding", "x-amzn-RequestId", "Location", "X-Amzn-Errortype"]
)
@pytest.mark.parametrize("status", [200, 302, 400])
def test_a_header_that_quotes_shows_no_secret(
    seen: Callable[..., str], service: LocalCodePipeline, name: str, status: int
) -> None:
    service.put_response(status_code=status, headers={name: TOKEN}, body=b"x", times=3)
    text = seen(**options_for(service))
    assert "Error" in text


def test_a_failing_network_shows_no_secret(seen: Callable[..., str]) -> None:
    with LocalCodePipeline() as gone:
        url = gone.endpoint_url
    text = seen(region_name="eu-west-1", endpoint_url=url, credentials=CREDENTIALS)
    assert "ConnectionFailedError" in text


def raise_from(cause: Exception) -> None:
    raise httpx.ConnectError("gone") from cause


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lambda: httpx.ReadError(f"gone: {TOKEN}"), id="httpx"),
        pytest.param(lambda: httpx.ReadTimeout(f"waiting with {quote(TOKEN, safe='')}"), id="timeout"),
        pytest.param(lambda: httpx.HTTPError(html.escape(f'"{TOKEN}"').replace("+", "&#43;")), id="base-class"),
        pytest.param(lambda: OSError(f"{TOKEN} was refused"), id="system"),
        pytest.param(lambda: raise_from(OSError(5, "cannot send", TOKEN)), id="behind-another"),
    ],
)
def test_a_transport_that_blames_the_request_shows_no_secret(seen: Callable[..., str], error: Any) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        assert request.headers["x-amz-security-token"] == TOKEN
        failure = error()
        if isinstance(failure, httpx.HTTPError):
            failure.request = request
        raise failure

    text = seen(region_name="eu-west-1", credentials=CREDENTIALS, transport=httpx.MockTransport(fail), max_attempts=1)
    assert "ConnectionFailedError" in text or "RequestTimeoutError" in text


def test_a_long_token_that_is_quoted_is_masked_before_the_message_is_cut(seen: Callable[..., str]) -> None:
    token = "planted/" * 800
    credentials = Credentials(access_key_id="AKID", secret_access_key=SECRET_KEY, session_token=token)
    transport = httpx.MockTransport(lambda _: httpx.Response(403, text=f"Bad token {token}!"))
    text = seen(region_name="eu-west-1", credentials=credentials, transport=transport)
    assert "Bad token [secret]" in text


def test_a_secret_of_an_emulator_alters_no_message_and_no_code(seen: Callable[..., str]) -> None:
    """It is a word, and a code that tells the error is never altered."""
    credentials = Credentials(access_key_id="AKID", secret_access_key="Pipeline", session_token="NotFoundException")
    body = {"__type": "PipelineNotFoundException", "message": "no pipeline with name 'Pipeline-web'"}
    transport = httpx.MockTransport(lambda _: httpx.Response(400, json=body))
    text = seen(region_name="eu-west-1", credentials=credentials, transport=transport)
    assert "'code': 'PipelineNotFoundException'" in text
    assert "no pipeline with name 'Pipeline-web'" in text


def test_a_silent_service_shows_no_secret(seen: Callable[..., str], service: LocalCodePipeline) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        text = seen(**options_for(service, endpoint_url=url, read_timeout=0.05))
    assert "RequestTimeoutError" in text


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"proxy": f"http://user:{PASSWORD}@127.0.0.1:nine"}, id="bad-port"),
        pytest.param({"proxy": f"http://user:{PASSWORD}@10.0.0.256:9"}, id="bad-address"),
        pytest.param({"proxy": f"http://user:{PASSWORD}@127.0.0.1:9", "region_name": "no region"}, id="bad-region"),
        pytest.param({"proxy": f"http://user:{PASSWORD}@127.0.0.1:9", "read_timeout": 0}, id="bad-timeout"),
        pytest.param({"proxy": f"http://user:{PASSWORD}@127.0.0.1:9", "verify": "/absent.pem"}, id="no-ca-file"),
        pytest.param({"proxy": f"http://user:{PASSWORD}@127.0.0.1:9", "credentials": 3}, id="bad-credentials"),
        pytest.param({"credentials": {"secret_access_key": SECRET_KEY}}, id="credentials-in-a-dictionary"),
        pytest.param({"aws_session_token": TOKEN}, id="an-argument-of-boto3"),
        pytest.param({"endpoint_url": f"https://user:{PASSWORD}@localhost:9"}, id="in-the-endpoint"),
    ],
)
def test_an_argument_shows_no_password(seen: Callable[..., str], options: dict[str, Any]) -> None:
    text = seen(**{"region_name": "eu-west-1", "credentials": CREDENTIALS, **options})
    assert "Error" in text


def test_a_client_shows_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shows an object's variables shows this client's snapshot of it."""
    monkeypatch.setenv("SOMETHING", PASSWORD)
    assert secrets_in(repr(vars(CodePipelineClient()))) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("HTTPS_PROXY", f"http://user:{PASSWORD}@127.0.0.1:9", id="proxy"),
        pytest.param("HTTPS_PROXY", f"nonsense://user:{PASSWORD}@127.0.0.1:9", id="bad-proxy"),
        pytest.param("AWS_SESSION_TOKEN", f"{TOKEN}\n", id="a-token-with-a-line-break"),
    ],
)
def test_the_environment_is_not_shown(
    seen: Callable[..., str], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("UNRELATED", PASSWORD)
    monkeypatch.setenv(name, value)
    text = seen(region_name="eu-west-1")
    assert "Error" in text
