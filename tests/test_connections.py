"""Connections: TLS is verified, proxies are used as told, over real sockets."""

from __future__ import annotations

import base64
import select
import socket
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import httpx
import pytest
import trustme

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    ConfigurationError,
    ConnectionFailedError,
    Credentials,
    GetPipelineExecutionOutput,
    RequestTimeoutError,
)
from codepipeline_client._connections import Line

KEYS = Credentials(access_key_id="AKID", secret_access_key="secret")
ID = "3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"


class Server(ThreadingHTTPServer):
    """Answers every POST with an execution, tunnels every CONNECT, and writes down both."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "http" if context is None else "https"
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted = super().get_request()
        self.connections += 1
        return accepted

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that do not trust the certificate hang up: nothing to print."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self._write_down()
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"pipelineExecution":{"status":"Succeeded"}}'
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def do_CONNECT(self) -> None:
        self._write_down()
        host, _, port = self.path.partition(":")
        with socket.create_connection((host, int(port))) as far:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            pairs = {self.connection: far, far: self.connection}
            while True:
                ready, _, _ = select.select(list(pairs), [], [])
                for near in ready:
                    piece = near.recv(65536)
                    if not piece:
                        self.close_connection = True
                        return
                    pairs[near].sendall(piece)

    def _write_down(self) -> None:
        assert isinstance(self.server, Server)
        self.server.seen.append((f"{self.command} {self.path}", {k.lower(): v for k, v in self.headers.items()}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so it is called there
        """Stay silent."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[tuple[Server, Thread]] = []

    def start(context: ssl.SSLContext | None = None) -> Server:
        server = Server(context)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


AUTHORITY: Any = trustme.CA()  # its methods take pyOpenSSL's contexts too, which has no types here


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


def server_context(name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


Ask = Callable[..., GetPipelineExecutionOutput]


@pytest.fixture(params=["sync", "asyncio", "trio"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Make one call with a client of each kind."""

    def go(**options: Any) -> GetPipelineExecutionOutput:
        options = {"region_name": "eu-west-1", "credentials": KEYS, **options}
        if request.param == "sync":
            with CodePipelineClient(**options) as client:
                return client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=ID)

        async def main() -> GetPipelineExecutionOutput:
            async with AsyncCodePipelineClient(**options) as client:
                return await client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=ID)

        return anyio.run(main, backend=request.param)

    return go


def test_a_ca_file_is_trusted(ask: Ask, serve: Callable[..., Server], ca_file: str) -> None:
    assert ask(endpoint_url=serve(server_context()).url, verify=ca_file).pipeline_execution.status.is_successful


def test_an_empty_directory_of_ca_files_trusts_nobody(ask: Ask, serve: Callable[..., Server], tmp_path: Path) -> None:
    with pytest.raises(ConnectionFailedError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(endpoint_url=serve(server_context()).url, verify=str(tmp_path))


def test_a_context_is_used_as_it_is(ask: Ask, serve: Callable[..., Server]) -> None:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    assert ask(endpoint_url=serve(server_context()).url, verify=context).pipeline_execution.status.is_successful


def test_the_environments_ca_file_is_trusted(
    ask: Ask, serve: Callable[..., Server], ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", ca_file)
    assert ask(endpoint_url=serve(server_context()).url).pipeline_execution.status.is_successful


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        pytest.param("localhost", {}, "self-signed|unable to get local issuer", id="unknown-authority"),
        pytest.param("elsewhere.test", {"trusted": True}, "Hostname mismatch", id="another-name"),
    ],
)
def test_a_certificate_that_does_not_fit_ends_the_call(
    ask: Ask, serve: Callable[..., Server], ca_file: str, name: str, options: dict[str, bool], reason: str
) -> None:
    server = serve(server_context(name))
    with pytest.raises(ConnectionFailedError, match=reason) as caught:
        ask(endpoint_url=server.url, verify=ca_file if options else True)
    assert caught.value.attempts == 1
    assert server.seen == []


def test_plain_text_on_the_tls_port_ends_the_call(ask: Ask, serve: Callable[..., Server]) -> None:
    server = serve()
    with pytest.raises(ConnectionFailedError, match="it does not speak TLS there"):
        ask(endpoint_url=server.url.replace("http:", "https:"))


def test_a_ca_file_that_holds_none_is_a_configuration_error(ask: Ask, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"empty\.pem.* cannot be used"):
        ask(endpoint_url="https://localhost:1", verify=str(empty))


def test_a_refused_connection_is_told(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailedError, match=r"no connection to 127\.0\.0\.1:\d+ could be made"):
        ask(endpoint_url=f"http://127.0.0.1:{port}")


def test_a_silent_service_is_told(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(RequestTimeoutError, match="read_timeout") as caught:
            ask(endpoint_url=url, read_timeout=0.05)
    assert caught.value.limit == "read_timeout"


def test_a_proxy_gets_the_whole_address_and_the_password_of_its_own(ask: Ask, serve: Callable[..., Server]) -> None:
    proxy = serve()
    where = proxy.url.replace("//", "//me:p%40ss@")
    with pytest.warns(UserWarning, match="unencrypted"):
        ask(endpoint_url="http://codepipeline.test", proxy=where)
    ((line, headers),) = proxy.seen
    assert line == "POST http://codepipeline.test/"
    assert headers["proxy-authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert headers["host"] == "codepipeline.test"


def test_tls_goes_through_a_proxy_in_a_tunnel(ask: Ask, serve: Callable[..., Server], ca_file: str) -> None:
    server, proxy = serve(server_context()), serve()
    ask(endpoint_url=server.url, proxy=proxy.url, verify=ca_file)
    ((line, headers),) = proxy.seen
    assert line == f"CONNECT localhost:{server.server_address[1]}"
    assert not {"authorization", "x-amz-date"} & set(headers)
    assert [line for line, _ in server.seen] == ["POST /"]


def test_a_proxy_may_speak_tls_itself(ask: Ask, serve: Callable[..., Server], ca_file: str) -> None:
    proxy = serve(server_context())
    with pytest.warns(UserWarning, match="unencrypted"):
        ask(endpoint_url="http://codepipeline.test", proxy=proxy.url, verify=ca_file)
    assert [line for line, _ in proxy.seen] == ["POST http://codepipeline.test/"]


def test_the_environments_proxy_is_used_but_not_for_this_machine(
    ask: Ask, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, proxy = serve(), serve()
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    ask(endpoint_url=server.url)
    assert (len(server.seen), len(proxy.seen)) == (1, 0)
    with pytest.warns(UserWarning, match="unencrypted"):
        ask(endpoint_url="http://codepipeline.test")
    assert (len(server.seen), len(proxy.seen)) == (1, 1)


def test_a_connection_is_used_again(serve: Callable[..., Server]) -> None:
    server = serve()
    with CodePipelineClient(region_name="eu-west-1", credentials=KEYS, endpoint_url=server.url) as client:
        for _ in range(3):
            client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id=ID)
    assert (len(server.seen), server.connections) == (3, 1)


def test_no_tls_context_is_built_where_none_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "create_ssl_context", None)
    Line(secure=False, verify=True, proxy_url=None, max_connections=1).open().close()
