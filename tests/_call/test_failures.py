"""What the error of a call says of a failed connection, and what it never says."""

from __future__ import annotations

import gc
import pickle
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from codepipeline_client import CodePipelineError, ConnectionFailedError, Credentials, RequestTimeoutError
from tests._credentials.support import shown
from tests._http.peer import AUTHORITY, Peer, Talk, server_context
from tests.endpoint import Ask

TOKEN: Final = "a-session-token-of-more-than-sixteen-letters"
PASSWORD: Final = "a-password-of-a-proxy"
OPTIONS: Final[dict[str, Any]] = {
    "region_name": "eu-west-1",
    "credentials": Credentials(access_key_id="AKID", secret_access_key="s" * 40, session_token=TOKEN),
    "retry_mode": "off",
}
Fail = Callable[..., CodePipelineError]


@pytest.fixture
def fail(ask: Ask) -> Fail:
    """Return the error of a call."""

    def go(**options: Any) -> CodePipelineError:
        with pytest.raises(CodePipelineError) as caught:
            ask(**OPTIONS, **options)
        return caught.value

    return go


def all_words(error: BaseException) -> str:
    """Return all that *error*, its causes and its pickle say."""
    words, link = repr(pickle.dumps(error)), list[BaseException]([error])
    for each in link:
        words += f"{each} {each!r} {vars(each)} {each.args}"
        link.extend(other for other in (each.__cause__, each.__context__) if other is not None)
    return words


# The proxy is named


@pytest.mark.parametrize(
    ("variable", "url", "named"),
    [
        ("HTTPS_PROXY", "http://me:secret@nosuch-proxy.invalid:3128", "nosuch-proxy.invalid:3128 (from HTTPS_PROXY)"),
        ("ALL_PROXY", "socks5://nosuch-proxy.invalid", "nosuch-proxy.invalid (from ALL_PROXY)"),
        (None, "https://nosuch-proxy.invalid", "nosuch-proxy.invalid (from proxy)"),
    ],
)
def test_a_proxy_that_cannot_be_reached_is_named(
    fail: Fail, monkeypatch: pytest.MonkeyPatch, variable: str | None, url: str, named: str
) -> None:
    if variable is not None:
        monkeypatch.setenv(variable, url)
    error = fail(**({} if variable else {"proxy": url}))
    way = f"no connection to codepipeline.eu-west-1.amazonaws.com through the proxy {named} could be made: "
    assert str(error).startswith(way)
    assert "Name or service not known" in str(error)
    assert isinstance(error, ConnectionFailedError)
    assert not error.may_pass


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (b"407 X", "failed: 407 Proxy Authentication Required; check its URL and password"),
        (b"502 X", "failed: 502 Bad Gateway"),
    ],
)
def test_a_proxy_that_refuses_is_named(fail: Fail, status: bytes, words: str) -> None:
    def refuses(talk: Talk) -> None:
        talk.read(b"\r\n\r\n")
        talk.write(b"HTTP/1.1 " + status + b"\r\n\r\n")

    with Peer(refuses) as proxy:
        error = fail(proxy=proxy.url)
        assert f"the proxy localhost:{proxy.port} (from proxy) on the way to" in str(error)
        assert str(error).endswith(words)


def test_a_proxy_that_is_silent_is_named(fail: Fail) -> None:
    with Peer(lambda talk: talk.peer.end.wait(10)) as proxy:
        error = fail(proxy=proxy.url, connect_timeout=0.1)
        assert isinstance(error, RequestTimeoutError)
        assert f"through the proxy localhost:{proxy.port} (from proxy) was made within" in str(error)


# No secret is quoted


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(b"%b is no status line\r\n\r\n", id="status-line"),
        pytest.param(b"HTTP/1.1 2%b OK\r\n\r\n", id="status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nbroken %b\r\n\r\n", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\n", id="length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n", id="chunk-size"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n\r\n", id="encoding"),
    ],
)
@pytest.mark.parametrize("is_own", [False, True], ids=["default", "own-transport"])
def test_a_malformed_response_that_quotes_the_session_token_is_not_quoted(
    fail: Fail, kind: str, response: bytes, is_own: bool
) -> None:
    def script(talk: Talk) -> None:
        talk.read(b"}")
        talk.write(response % TOKEN.encode())

    own: dict[str, Any] = {"transport": httpx.HTTPTransport() if kind == "sync" else httpx.AsyncHTTPTransport()}
    with Peer(script) as peer:
        error = fail(endpoint_url=peer.url, **(own if is_own else {}))
    assert TOKEN not in "".join(shown(error))


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"HTTP/1.1 407 bad password %b\r\n\r\n", id="407"),
        pytest.param(b"HTTP/1.1 502 %b\r\n\r\n", id="502"),
        pytest.param(b"HTTP/1.1 200 OK %b\r\nA: %b\r\n\r\n%b", id="extra"),
        pytest.param(b"%b\r\n\r\n", id="garbage"),
        pytest.param(b"HTTP/1.1 200 OK\r\nbroken %b\r\n\r\n", id="header"),
    ],
)
@pytest.mark.parametrize("quote", [PASSWORD.encode(), b64encode(f"me:{PASSWORD}".encode())], ids=["plain", "base64"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # httpcore leaves a socket to the garbage collector
def test_a_proxy_that_quotes_its_password_is_not_quoted(
    fail: Fail, reply: bytes, quote: bytes, scheme: str, tmp_path: Any
) -> None:
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    def script(talk: Talk) -> None:
        talk.line.recv(65536)
        talk.write(reply.replace(b"%b", quote))

    with Peer(script, server_context() if scheme == "https" else None) as proxy:
        url = f"{scheme}://me:{PASSWORD}@localhost:{proxy.port}"
        error = fail(proxy=url, verify=str(tmp_path / "ca.pem"))
        gc.collect()
    assert PASSWORD not in all_words(error)
    assert b64encode(f"me:{PASSWORD}".encode()).decode() not in all_words(error)


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"HTTP/1.1 407 X\r\n\r\nbad password %b", id="body"),
        pytest.param(b'HTTP/1.1 502 X\r\n\r\n{"message": "%b"}', id="message"),
        pytest.param(b"HTTP/1.1 502 X\r\nx-amzn-errortype: %b\r\nx-amzn-requestid: %b\r\n\r\n", id="code"),
        pytest.param(b"HTTP/1.1 302 X\r\nLocation: http://login/?%b\r\n\r\n", id="redirect"),
    ],
)
def test_a_proxy_that_sees_plain_http_and_quotes_its_password_is_not_quoted(fail: Fail, reply: bytes) -> None:
    sent = b64encode(f"me:{PASSWORD}".encode())

    def script(talk: Talk) -> None:
        talk.read(b"}")
        talk.write(reply.replace(b"%b", PASSWORD.encode() + b" " + sent))

    with Peer(script) as proxy:
        error = fail(endpoint_url="http://localhost:9", proxy=f"http://me:{PASSWORD}@localhost:{proxy.port}")
    assert PASSWORD not in all_words(error)
    assert sent.decode() not in all_words(error)
