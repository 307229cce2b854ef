"""Connections: used again when they can be, never when they must not, always bounded; over real sockets."""

from __future__ import annotations

import asyncio
import base64
import errno
import gc
import itertools
import os
import random
import select
import socket
import ssl
import subprocess
import sys
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Thread, current_thread
from typing import Any, Self

import anyio
import anyio.to_thread
import httpx
import pytest
import respx
import trustme
from anyio.from_thread import BlockingPortal, start_blocking_portal

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    ConfigurationError,
    ConnectionFailedError,
    Credentials,
    GetPipelineExecutionOutput,
    RequestTimeoutError,
)
from codepipeline_client._call.failures import may_pass
from codepipeline_client._http import AsyncPooledTransport, PooledTransport, TransportOptions
from codepipeline_client.clock import DEADLINE, Deadline
from codepipeline_client.testing import FakeClock
from tests.loops import LOOPS

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
        self.forged = b""
        """What goes out behind the answer to a CONNECT, in the clear."""
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
            assert isinstance(self.server, Server)
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + self.server.forged)
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

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
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


@pytest.fixture(params=["sync", *LOOPS])
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

        return anyio.run(main, **LOOPS[request.param])

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
    with pytest.raises(ConnectionFailedError, match="it does not speak TLS there") as caught:
        ask(endpoint_url=server.url.replace("http:", "https:"))
    assert (caught.value.attempts, server.connections) == (1, 1)


@pytest.mark.parametrize("greeting", [b"220 ready\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_greeting_on_the_tls_port_ends_the_call(ask: Ask, greeting: bytes) -> None:

    def script(talk: Talk) -> None:
        talk.write(greeting)
        talk.line.shutdown(socket.SHUT_WR)
        while talk.line.recv(10_000):
            pass

    with Peer(script) as peer:
        with pytest.raises(ConnectionFailedError, match="it does not speak TLS there") as caught:
            ask(endpoint_url=peer.url.replace("http:", "https:"))
        assert not caught.value.may_pass
        assert (caught.value.attempts, peer.connections) == (1, 1)


@pytest.mark.parametrize("beginning", [b"", b"\x16", b"\x15\x03", b"\x16\x03\x03\x00\x7a\x02"])
def test_a_handshake_that_breaks_off_is_tried_again(ask: Ask, beginning: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.line.recv(10_000)
        talk.write(beginning)

    with Peer(script) as peer:
        with pytest.raises(ConnectionFailedError) as caught:
            ask(endpoint_url=peer.url.replace("http:", "https:"), clock=FakeClock())
        assert caught.value.may_pass
        assert (caught.value.attempts, peer.connections) == (3, 3)


def test_a_ca_file_that_holds_none_is_a_configuration_error(ask: Ask, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"empty\.pem.* cannot be used"):
        ask(endpoint_url="https://localhost:1", verify=str(empty))


def test_a_refused_connection_is_told(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailedError, match=r"no connection to 127\.0\.0\.1:\d+ could be made") as caught:
        ask(endpoint_url=f"http://127.0.0.1:{port}")
    assert os.strerror(errno.ECONNREFUSED) in str(caught.value)


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


def test_a_proxy_cannot_slip_an_answer_in_before_tls(ask: Ask, serve: Callable[..., Server], ca_file: str) -> None:
    server, proxy = serve(server_context()), serve()
    body = b'{"pipelineExecution":{"status":"Failed"}}'
    proxy.forged = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with pytest.raises(ConnectionFailedError, match="before TLS began"):
        ask(endpoint_url=server.url, proxy=proxy.url, verify=ca_file, max_attempts=1)
    assert server.seen == []


def test_an_address_of_a_family_that_is_switched_off_is_passed_over(
    ask: Ask, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Switched(socket.socket):
        def __init__(self, family: int = -1, *more: Any, **options: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError("Address family not supported by protocol")
            super().__init__(family, *more, **options)

    server = serve()
    port = server.server_address[1]
    both: list[Any] = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]

    def look_up(*_: object, **__: object) -> list[Any]:
        return both

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "socket", Switched)
    assert ask(endpoint_url=server.url).pipeline_execution.status.is_successful


@pytest.mark.parametrize("host", ["a..b", "x" * 64, ".a"])
def test_a_proxys_name_that_is_none_is_typed(ask: Ask, host: str) -> None:
    with pytest.raises((ConnectionFailedError, ConfigurationError)):
        ask(endpoint_url="https://localhost:9", proxy=f"http://{host}:1", max_attempts=1)


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


def test_no_tls_context_is_built_where_none_is_needed(
    ask: Ask, serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TransportOptions, "tls_context", None)
    assert ask(endpoint_url=serve().url).pipeline_execution.status.is_successful


# What a peer may do to a connection


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LAST = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class End(Exception):
    """The client has hung up."""


class Talk:
    """One connection, as the server sees it."""

    def __init__(self, peer: Peer, number: int, line: socket.socket) -> None:
        self.peer = peer
        self.number = number
        self.line = line

    def read(self) -> bytes:
        """Wait for a request."""
        request = b""
        while not request.endswith(b"\r\n\r\nask"):
            piece = self.line.recv(65536)
            if not piece:
                raise End
            request += piece
        with self.peer.changed:
            self.peer.requests.append(self.number)
            self.peer.changed.notify_all()
        return request

    def write(self, answer: bytes) -> None:
        self.line.sendall(answer)

    def drip(self, answer: bytes) -> None:
        """Write a byte now and then, for ever."""
        for byte in itertools.cycle(answer):
            self.line.sendall(bytes([byte]))
            if self.peer.end.wait(0.02):
                raise End


class Peer:
    """A server that does to each connection what a script says, in a thread of its own."""

    def __init__(self, script: Callable[[Talk], None], context: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.context = context
        self.requests: list[int] = []
        """For each request the number of the connection that it came over, from 0."""
        self.connections = 0
        self.closed = 0
        self.changed = Condition()
        self.end = Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self._lines: list[socket.socket] = []
        self._threads = [Thread(target=self._accept)]
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://localhost:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.end.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for line in self._lines:
            with suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()

    def wait_closed(self, count: int) -> bool:
        """Wait until so many connections are over."""
        with self.changed:
            return self.changed.wait_for(lambda: self.closed >= count, 10)

    def wait_requests(self, count: int) -> bool:
        """Wait until so many requests have come."""
        with self.changed:
            return self.changed.wait_for(lambda: len(self.requests) >= count, 10)

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self._lines.append(line)
            thread = Thread(target=self._serve, args=(line, self.connections))
            self.connections += 1
            self._threads.append(thread)
            thread.start()

    def _serve(self, line: socket.socket, number: int) -> None:
        with line, suppress(End, OSError):
            if self.context is not None:
                line = self.context.wrap_socket(line, server_side=True)
                self._lines.append(line)
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with line:
                self.script(Talk(self, number, line))
        with self.changed:
            self.closed += 1
            self.changed.notify_all()


class Sender:
    """A pool of either kind, as a thread sees it."""

    def __init__(self, options: TransportOptions, portal: BlockingPortal | None) -> None:
        self._portal = portal
        self.pool: Any = PooledTransport(options) if portal is None else AsyncPooledTransport(options)

    def open(self, url: str, deadline: float | None = None, **limits: float) -> httpx.Response:
        """Send a request. Returns the answer, whose body is still to be read."""
        limits = {"connect": 5, "read": 5, "write": 5, "pool": 5, **limits}
        extensions = {"timeout": limits, DEADLINE: Deadline(deadline, time.monotonic)}
        request = httpx.Request("POST", url, content=b"ask", extensions=extensions)
        response: httpx.Response = self._run(
            partial(self.pool.handle_request if self._portal is None else self.pool.handle_async_request, request)
        )
        return response

    def ask(self, url: str, deadline: float | None = None, **limits: float) -> bytes:
        """Send a request. Returns the body of the answer."""
        return self.read(self.open(url, deadline, **limits))

    def read(self, response: httpx.Response) -> bytes:
        """Return the body of an answer, and close it."""
        try:
            content: bytes = self._run(response.read if self._portal is None else response.aread)
        finally:
            self.finish(response)
        return content

    def read_a_piece(self, response: httpx.Response) -> bytes:
        """Return the first piece of a body."""
        stream: Any = response.stream
        piece: bytes = self._run(partial(next, iter(stream)) if self._portal is None else partial(anext, aiter(stream)))
        return piece

    def finish(self, response: httpx.Response) -> None:
        """Close an answer, read or not."""
        self._run(response.close if self._portal is None else response.aclose)

    def close(self) -> None:
        self._run(self.pool.close if self._portal is None else self.pool.aclose)

    def _run(self, step: Callable[[], Any]) -> Any:
        return step() if self._portal is None else self._portal.call(step)


Make = Callable[..., Sender]


@pytest.fixture(params=["sync", *LOOPS])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make pools of one kind."""
    made: list[Sender] = []

    def new(portal: BlockingPortal | None, **options: Any) -> Sender:
        options = {"verify": True, "max_connections": 2, **options}
        made.append(Sender(TransportOptions(**options), portal))
        return made[-1]

    if request.param == "sync":
        yield partial(new, None)
        for sender in made:
            sender.close()
    else:
        with start_blocking_portal(**LOOPS[request.param]) as portal:
            yield partial(new, portal)
            for sender in made:
                sender.close()


@pytest.fixture
def sender(make: Make) -> Sender:
    """A pool of two connections."""
    return make()


def polite(talk: Talk) -> None:
    """Answer whatever is asked."""
    while True:
        talk.read()
        talk.write(OK)


def test_a_connection_is_kept_for_the_next_call(sender: Sender) -> None:
    with Peer(polite) as peer:
        for _ in range(3):
            assert sender.ask(peer.url) == b"ok"
    assert peer.requests == [0, 0, 0]


def test_the_answer_is_as_httpx_has_it(sender: Sender) -> None:
    with Peer(polite) as peer:
        response = sender.open(peer.url)
        assert (response.status_code, response.http_version, response.reason_phrase) == (200, "HTTP/1.1", "OK")
        assert response.headers["content-length"] == "2"
        sender.finish(response)


def test_the_connection_used_last_is_used_next(sender: Sender) -> None:
    first_may_end = Event()

    def script(talk: Talk) -> None:
        talk.read()
        assert talk.number or first_may_end.wait(10)
        talk.write(OK)
        polite(talk)

    with Peer(script) as peer, ThreadPoolExecutor(1) as threads:
        first = threads.submit(sender.ask, peer.url)
        assert peer.wait_requests(1)
        assert sender.ask(peer.url) == b"ok"
        first_may_end.set()
        assert first.result() == b"ok"
        assert [sender.ask(peer.url), sender.ask(peer.url)] == [b"ok", b"ok"]
    assert peer.requests == [0, 1, 0, 0]


def closes_after_one(talk: Talk) -> None:
    talk.read()
    talk.write(OK)


def breaks_on_the_second(talk: Talk) -> None:
    """The keep-alive race: the connection ends when the request is on its way already."""
    talk.read()
    talk.write(OK)
    talk.read()


def says_close(talk: Talk) -> None:
    talk.read()
    talk.write(LAST)
    talk.read()


def answers_twice(talk: Talk) -> None:
    talk.read()
    talk.write(OK + OK.replace(b"ok", b"no"))
    talk.read()


def adds_a_little(talk: Talk) -> None:
    talk.read()
    talk.write(OK + b"H")
    talk.read()


@pytest.mark.parametrize(
    ("script", "requests"),
    [
        pytest.param(closes_after_one, [0, 1, 2], id="closed-while-idle"),
        pytest.param(breaks_on_the_second, [0, 0, 1, 1, 2], id="keep-alive-race"),
        pytest.param(says_close, [0, 1, 2], id="said-close"),
        pytest.param(answers_twice, [0, 1, 2], id="a-second-answer"),
        pytest.param(adds_a_little, [0, 1, 2], id="a-byte-too-many"),
    ],
)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_connection_that_is_no_good_is_replaced_and_nobody_notices(
    make: Make, script: Callable[[Talk], None], requests: list[int], secure: bool, ca_file: str
) -> None:
    sender = make(verify=ca_file)
    with Peer(script, server_context() if secure else None) as peer:
        for number in range(3):
            assert sender.ask(peer.url) == b"ok"
            if script is closes_after_one:
                assert peer.wait_closed(number + 1)
        sender.close()
    assert peer.requests == requests


def test_an_answer_that_comes_unasked_is_not_given_to_the_next_call(make: Make) -> None:
    more, sent = Event(), Event()

    def script(talk: Talk) -> None:
        talk.read()
        talk.write(OK)
        assert more.wait(10)
        talk.write(OK.replace(b"ok", b"no"))
        sent.set()
        talk.read()

    sender = make()
    with Peer(script) as peer:
        assert sender.ask(peer.url) == b"ok"
        more.set()
        assert sent.wait(10)
        assert sender.ask(peer.url) == b"ok"
        sender.close()
    assert peer.requests == [0, 1]


def test_a_connection_that_has_rested_too_long_is_not_used(make: Make) -> None:
    now = [0.0]
    sender = make(monotonic=lambda: now[0], idle_seconds=15.0)
    with Peer(polite) as peer:
        for at in (0.0, 14.0, 28.0, 43.0):
            now[0] = at
            assert sender.ask(peer.url) == b"ok"
        assert peer.wait_closed(1)
    assert peer.requests == [0, 0, 0, 1]


def test_a_connection_to_elsewhere_is_not_used(make: Make) -> None:
    sender = make(max_connections=1)
    with Peer(polite) as one, Peer(polite) as two:
        assert [sender.ask(each.url) for each in (one, two, one)] == [b"ok"] * 3
        assert one.wait_closed(1)
        assert two.wait_closed(1)


def hangs_up(talk: Talk) -> None:
    talk.read()


def resets(talk: Talk) -> None:
    talk.read()
    talk.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def writes(answer: bytes) -> Callable[[Talk], None]:
    """Return a script that writes *answer* to each request."""

    def script(talk: Talk) -> None:
        talk.read()
        with suppress(OSError):
            talk.write(answer)
            talk.line.shutdown(socket.SHUT_WR)
        talk.read()

    return script


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        pytest.param(hangs_up, httpx.RemoteProtocolError, id="hangs-up"),
        pytest.param(resets, httpx.ReadError, id="resets"),
        pytest.param(writes(b"HTTP/1.1 200 OK\r\nContent-Le"), httpx.RemoteProtocolError, id="cut-in-the-head"),
        pytest.param(writes(OK[:-1]), httpx.RemoteProtocolError, id="cut-in-the-body"),
        pytest.param(
            writes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nok"),
            httpx.RemoteProtocolError,
            id="cut-in-a-chunk",
        ),
        pytest.param(writes(b"\0\xff garbage\r\n\r\n"), httpx.RemoteProtocolError, id="garbage"),
        pytest.param(
            writes(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 200_000 + b"\r\nContent-Length: 0\r\n\r\n"),
            httpx.RemoteProtocolError,
            id="200-kB-of-headers",
        ),
        pytest.param(
            writes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"),
            httpx.RemoteProtocolError,
            id="conflicting-lengths",
        ),
    ],
)
def test_a_broken_answer_is_a_failure_and_its_connection_is_closed(
    make: Make, script: Callable[[Talk], None], failure: type[Exception]
) -> None:
    def good_then_bad(talk: Talk) -> None:
        (polite if talk.number else script)(talk)

    sender = make(max_connections=1)
    with Peer(good_then_bad) as peer:
        with pytest.raises(failure):
            sender.ask(peer.url)
        assert peer.wait_closed(1)
        assert sender.ask(peer.url) == b"ok"
    assert peer.requests == [0, 1]


def test_a_used_connection_that_breaks_within_the_answer_is_a_failure(make: Make) -> None:
    """The request has been seen: to send it once more is the retry policy's decision."""

    def script(talk: Talk) -> None:
        talk.read()
        talk.write(OK)
        talk.read()
        talk.write(b"HTTP/1.1 2")

    sender = make()
    with Peer(script) as peer:
        assert sender.ask(peer.url) == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            sender.ask(peer.url)
    assert peer.requests == [0, 0]


# Limits of time


def drips_in_the_head(talk: Talk) -> None:
    talk.read()
    talk.write(b"HTTP/1.1 200 OK\r\n")
    talk.drip(b"X-A: b\r\n")


def drips_in_the_body(talk: Talk) -> None:
    talk.read()
    talk.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    talk.drip(b"x")


def drips_at_the_proxy(talk: Talk) -> None:
    request = b""
    while not request.endswith(b"\r\n\r\n"):
        request += talk.line.recv(1000)
    talk.write(b"HTTP/1.1 200 OK\r\n")
    talk.drip(b"X-A: b\r\n")


def drips_in_the_handshake(talk: Talk) -> None:
    """The beginning of a long TLS record that never ends."""
    talk.write(b"\x16\x03\x03\x40\x00")
    talk.drip(b"\0")


@pytest.mark.parametrize(
    ("script", "secure", "through"),
    [
        pytest.param(drips_in_the_handshake, True, False, id="handshake"),
        pytest.param(drips_in_the_head, False, False, id="head"),
        pytest.param(drips_in_the_body, False, False, id="body"),
        pytest.param(drips_in_the_head, True, False, id="head-over-tls"),
        pytest.param(drips_in_the_body, True, False, id="body-over-tls"),
        pytest.param(drips_in_the_body, False, True, id="through-a-proxy"),
        pytest.param(drips_at_the_proxy, True, True, id="proxy"),
    ],
)
def test_one_byte_after_the_other_does_not_pass_the_deadline(
    make: Make, ca_file: str, script: Callable[[Talk], None], secure: bool, through: bool
) -> None:
    connects = script not in (drips_at_the_proxy, drips_in_the_handshake)
    with Peer(script, server_context() if secure and connects and not through else None) as peer:
        sender = make(verify=ca_file, proxy=peer.url if through else None)
        url = ("https://far.test/" if secure else "http://far.test/") if through else peer.url
        url = url.replace("http:", "https:") if secure else url
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout if connects else httpx.ConnectTimeout):
            sender.ask(url, 0.3)
        # uvloop counts in milliseconds. A busy machine is late; test_faults has the bound that counts.
        assert 0.29 <= time.monotonic() - began < 1.5
        sender.close()


def test_a_free_connection_is_waited_for_no_longer_than_the_pool_timeout(make: Make) -> None:
    sender = make(max_connections=1)
    may_end = Event()

    def script(talk: Talk) -> None:
        talk.read()
        assert may_end.wait(10)
        talk.write(OK)
        polite(talk)

    with Peer(script) as peer, ThreadPoolExecutor(1) as threads:
        first = threads.submit(sender.ask, peer.url)
        assert peer.wait_requests(1)
        with pytest.raises(httpx.PoolTimeout):
            sender.ask(peer.url, pool=0.02)
        with pytest.raises(httpx.PoolTimeout):
            sender.ask(peer.url, 0.02)
        may_end.set()
        assert [first.result(), sender.ask(peer.url)] == [b"ok", b"ok"]
    assert peer.requests == [0, 0]


def test_the_ca_files_are_waited_for_no_longer_than_the_connect_timeout(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Event()

    def hang(line: TransportOptions) -> bool:
        return end.wait(10)

    monkeypatch.setattr(TransportOptions, "tls_context", hang)
    with pytest.raises(httpx.ConnectTimeout):
        make().ask("https://localhost:1/", connect=0.02)
    end.set()


def test_the_ca_files_are_read_once_and_only_for_tls(make: Make, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    original = TransportOptions.tls_context

    def context(line: TransportOptions) -> ssl.SSLContext:
        read.append(line)
        return original(line)

    monkeypatch.setattr(TransportOptions, "tls_context", context)
    sender = make(verify=ca_file)
    with Peer(polite) as plain, Peer(polite, server_context()) as secure:
        for url, count in ((plain.url, 0), (secure.url, 1), (plain.url, 1), (secure.url, 1)):
            assert sender.ask(url) == b"ok"
            assert len(read) == count
        sender.close()


# Threads and tasks


def test_many_threads_share_few_connections() -> None:
    pool = Sender(TransportOptions(verify=True, max_connections=3), None)
    with Peer(polite) as peer, ThreadPoolExecutor(30) as threads:
        assert set(threads.map(pool.ask, [peer.url] * 600)) == {b"ok"}
        assert peer.connections <= 3
        pool.close()


class Interrupt(BaseException):
    """Ctrl-C, at a moment of our choice."""


@pytest.mark.parametrize("moment", ["connect", "sendall", "recv"])
@pytest.mark.parametrize("after", [0, 1], ids=["first-call", "next-call"])
def test_an_interrupted_call_loses_no_connection(moment: str, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(TransportOptions(verify=True, max_connections=1), None)

    original, here = getattr(socket.socket, moment), current_thread()

    def interrupt(sock: socket.socket, *arguments: object) -> object:
        if current_thread() is here:
            raise Interrupt
        return original(sock, *arguments)

    with Peer(polite) as peer:
        for _ in range(after):
            assert sender.ask(peer.url) == b"ok"
        with monkeypatch.context() as patch, suppress(Interrupt):
            patch.setattr(socket.socket, moment, interrupt)
            sender.ask(peer.url)
            assert moment == "connect"
            assert after
        assert sender.ask(peer.url, pool=0) == b"ok"
        sender.close()


def test_a_failure_that_is_no_part_of_http_loses_no_place(make: Make, tmp_path: Path) -> None:
    sender = make(verify=str(tmp_path / "absent.pem"), max_connections=1)
    with Peer(polite) as peer:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="cannot be used"):
                sender.ask("https://localhost:1/")
        assert sender.ask(peer.url) == b"ok"


async def storm(pool: AsyncPooledTransport, url: str, calls: int, seed: int) -> int:
    """Make calls, 30 at a time, of which a random half is cancelled or times out. Returns how many succeeded."""
    chance, left, succeeded = random.Random(seed), iter(range(calls)), 0

    async def call(read: float) -> None:
        limits = {"connect": 5, "read": read, "write": 5, "pool": read}
        request = httpx.Request("POST", url, content=b"ask", extensions={"timeout": limits})
        response = await pool.handle_async_request(request)
        try:
            assert await response.aread() == b"ok"
        finally:
            await response.aclose()
        nonlocal succeeded
        succeeded += 1

    async def worker() -> None:
        for _ in left:
            way = chance.choice(["whole", "whole", "cancelled", "late"])
            with anyio.CancelScope() as scope, suppress(httpx.TimeoutException):
                if way == "cancelled":
                    scope.deadline = anyio.current_time() + chance.uniform(0, 0.01)
                await call(chance.uniform(0, 0.01) if way == "late" else 5)

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(worker)
    return succeeded


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_after_a_storm_of_cancelled_calls_all_is_as_before(backend: str) -> None:
    """`python -m tests._http.test_transport 10000` makes the storm five times as long."""
    assert weathered(backend, 2_000) <= 10


def weathered(backend: str, calls: int) -> int:
    """Return how many connections are open when the storm and 100 calls more are over."""
    pause = random.Random(1)

    def script(talk: Talk) -> None:
        while True:
            talk.read()
            if not talk.peer.end.wait(pause.choice([0, 0.001, 0.004])):
                talk.write(OK)

    async def main() -> int:
        pool = AsyncPooledTransport(TransportOptions(verify=True, max_connections=10))
        assert await storm(pool, peer.url, calls, 7) > calls / 3
        after = [
            httpx.Request("POST", peer.url, content=b"ask", extensions={"timeout": {"pool": 1, "read": 5}})
            for _ in range(100)
        ]
        for request in after:
            response = await pool.handle_async_request(request)
            assert await response.aread() == b"ok"
            await response.aclose()
        if backend == "asyncio":
            assert len(asyncio.all_tasks()) == 1
        await anyio.to_thread.run_sync(lambda: peer.wait_closed(peer.connections - 10))
        still = peer.connections - peer.closed
        await pool.aclose()
        return still

    with Peer(script) as peer:
        still = anyio.run(main, backend=backend)
        assert peer.wait_closed(peer.connections)
    return still


# Event loops, processes, the end


@pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("trio", "trio"), ("asyncio", "trio")], ids="-then-".join)
def test_one_pool_serves_one_event_loop_after_the_other(backends: tuple[str, str]) -> None:
    with Peer(polite) as peer:
        pool = AsyncPooledTransport(TransportOptions(verify=True, max_connections=2))
        for backend in backends:
            assert anyio.run(asked, pool, peer.url, backend=backend) == [b"ok", b"ok"]
        assert peer.wait_closed(2)
        anyio.run(pool.aclose)
        assert peer.wait_closed(2)
    assert peer.requests == [0, 0, 1, 1]


async def asked(pool: AsyncPooledTransport, url: str) -> list[bytes]:
    """Ask twice."""
    answers: list[bytes] = []
    for _ in range(2):
        response = await pool.handle_async_request(httpx.Request("POST", url, content=b"ask"))
        answers.append(await response.aread())
        await response.aclose()
    return answers


def test_event_loops_that_have_ended_are_forgotten() -> None:
    """A function that calls asyncio.run for each event keeps one client, and must not keep all the loops."""
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []
    with Peer(polite) as peer:
        transport = AsyncPooledTransport(TransportOptions())

        async def main() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            assert await asked(transport, peer.url) == [b"ok", b"ok"]

        for _ in range(5):
            asyncio.run(main())
        gc.collect()
        assert [each() is None for each in loops] == [True] * 4 + [False]  # the last one is known until the next


def test_one_pool_serves_two_event_loops_at_once() -> None:
    with Peer(polite) as peer, start_blocking_portal("asyncio") as one, start_blocking_portal("trio") as two:
        pool = AsyncPooledTransport(TransportOptions(verify=True, max_connections=2))
        for _ in range(2):
            for portal in (one, two):
                assert portal.call(asked, pool, peer.url) == [b"ok", b"ok"]
        assert peer.connections == 2
        one.call(pool.aclose)
        assert peer.wait_closed(1)
    assert peer.wait_closed(2)  # what the other loop has is closed when it ends


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # trio's, for what was not closed
def test_a_pool_that_is_forgotten_closes_its_connections(make: Make) -> None:
    with Peer(polite) as peer:
        sender = make()
        assert sender.ask(peer.url) == b"ok"
        sender.pool = make().pool
        gc.collect()
        assert peer.wait_closed(1)


FORKED = """
import os, sys, httpx, anyio
from codepipeline_client._http import AsyncPooledTransport, PooledTransport, TransportOptions

kind, url, ca_file = sys.argv[1:]
options = TransportOptions(verify=ca_file, max_connections=2)
pool = PooledTransport(options) if kind == "sync" else AsyncPooledTransport(options)

async def ask_async():
    response = await pool.handle_async_request(httpx.Request("POST", url, content=b"ask"))
    assert await response.aread() == b"ok"
    await response.aclose()

def ask():
    if kind != "sync":
        return anyio.run(ask_async, backend=kind)
    response = pool.handle_request(httpx.Request("POST", url, content=b"ask"))
    assert response.read() == b"ok"
    response.close()

ask()
child = os.fork()
if child == 0:
    ask()
    ask()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
ask()
"""


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_a_forked_process_has_connections_of_its_own(kind: str, ca_file: str) -> None:
    """The parent's TLS session goes on undisturbed. (An event loop has ended after each call here, and a new one
    comes with a connection of its own.)"""
    with Peer(polite, server_context()) as peer:
        program = [sys.executable, "-W", "error", "-c", FORKED, kind, peer.url, ca_file]
        done = subprocess.run(program, capture_output=True, check=False, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert peer.wait_closed(peer.connections)
    assert peer.requests == ([0, 1, 1, 0] if kind == "sync" else [0, 1, 2, 3])


def silent(talk: Talk) -> None:
    talk.read()
    talk.read()


def stops_in_the_body(talk: Talk) -> None:
    talk.read()
    talk.write(OK[:-1])
    talk.read()


@pytest.mark.parametrize("script", [silent, stops_in_the_body])
def test_closing_ends_calls_that_wait_for_a_response_or_a_connection(
    make: Make, script: Callable[[Talk], None]
) -> None:
    sender = make(max_connections=1)
    with Peer(script) as peer, ThreadPoolExecutor(3) as threads:
        calls = [threads.submit(sender.ask, peer.url) for _ in range(3)]
        assert peer.wait_requests(1)
        sender.close()
        sender.close()
        for call in calls:
            with pytest.raises(httpx.TransportError, match="the client was closed") as caught:
                call.result(10)
            assert not may_pass(caught.value)
        with pytest.raises(httpx.ReadError, match="the client was closed"):
            sender.ask(peer.url)
        assert peer.wait_closed(1)
    assert peer.requests == [0]


def test_closing_ends_a_wait_for_the_ca_files(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that is a pipe, say. The next call does not begin to wait."""
    reading, end = Event(), Event()

    def hang(line: TransportOptions) -> bool:
        reading.set()
        return end.wait(10)

    monkeypatch.setattr(TransportOptions, "tls_context", hang)
    sender = make()
    with ThreadPoolExecutor(2) as threads:
        try:
            calls = [threads.submit(sender.ask, "https://localhost:1/") for _ in range(2)]
            assert reading.wait(10)
            sender.close()
            for call in calls:
                with pytest.raises(httpx.ReadError, match="the client was closed") as caught:
                    call.result(5)
                assert not may_pass(caught.value)
        finally:
            end.set()


def test_closing_from_another_event_loop_ends_calls_too() -> None:
    pool = AsyncPooledTransport(TransportOptions(verify=True, max_connections=1))
    with Peer(silent) as peer, start_blocking_portal("asyncio") as one, start_blocking_portal("trio") as two:
        calls = [portal.start_task_soon(asked, pool, peer.url) for portal in (one, two)]
        assert peer.wait_requests(2)
        anyio.run(pool.aclose)
        for call in calls:
            with pytest.raises(httpx.ReadError, match="the client was closed"):
                call.result(10)
        assert peer.wait_closed(2)


def test_a_close_that_is_cancelled_closes_all_connections() -> None:
    async def main() -> None:
        pool = AsyncPooledTransport(TransportOptions(max_connections=5))

        async def ask() -> None:
            await pool.handle_async_request(httpx.Request("POST", peer.url, content=b"ask"))

        await asyncio.gather(*(ask() for _ in range(5)))
        closing = asyncio.create_task(pool.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with suppress(asyncio.CancelledError):
            await closing
        assert closing.cancelled()

    with Peer(polite) as peer:
        asyncio.run(main())
        assert peer.wait_closed(5)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_in_a_generator_that_its_loop_ends_is_closed(backend: str) -> None:
    """The loop ends what the transport keeps open at the same time."""

    async def client() -> AsyncIterator[AsyncPooledTransport]:
        async with AsyncPooledTransport(TransportOptions()) as transport:
            yield transport

    async def main() -> None:
        kept.append(client())
        transport = await anext(kept[0])
        await transport.handle_async_request(httpx.Request("POST", peer.url, content=b"ask"))

    kept: list[AsyncIterator[AsyncPooledTransport]] = []
    with Peer(polite) as peer:
        anyio.run(main, backend=backend)
        assert peer.wait_closed(1)


def test_a_pool_that_was_never_used_can_be_closed(make: Make) -> None:
    make().close()


# Proxies, mocks


def test_a_connection_through_a_proxy_is_kept_too(make: Make, serve: Callable[..., Server], ca_file: str) -> None:
    proxy = serve()
    sender = make(verify=ca_file, proxy=proxy.url)
    with Peer(polite, server_context()) as peer:
        assert [sender.ask(peer.url) for _ in range(3)] == [b"ok"] * 3
        assert [line.partition(" ")[0] for line, _ in proxy.seen] == ["CONNECT"]
        sender.close()
    assert peer.requests == [0, 0, 0]


@pytest.mark.parametrize(("script", "requests"), [(breaks_on_the_second, [0, 0, 1]), (answers_twice, [0, 1])])
def test_a_tunnel_that_is_no_good_is_replaced(
    make: Make, serve: Callable[..., Server], ca_file: str, script: Callable[[Talk], None], requests: list[int]
) -> None:
    sender = make(verify=ca_file, proxy=serve().url)
    with Peer(script, server_context()) as peer:
        assert [sender.ask(peer.url) for _ in range(2)] == [b"ok"] * 2
        sender.close()
    assert peer.requests == requests


def test_tls_goes_through_tls(make: Make, serve: Callable[..., Server], ca_file: str) -> None:
    sender = make(verify=ca_file, proxy=serve(server_context()).url)
    with Peer(polite, server_context()) as peer:
        assert [sender.ask(peer.url) for _ in range(2)] == [b"ok"] * 2
        sender.close()
    assert peer.requests == [0, 0]


def test_a_proxy_that_refuses_is_a_failure(make: Make) -> None:
    def script(talk: Talk) -> None:
        talk.line.recv(1000)
        talk.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with Peer(script) as proxy, pytest.raises(httpx.ProxyError, match="407"):
        make(proxy=proxy.url).ask("https://far.test/")


@pytest.mark.parametrize("url", ["http://me:secret@\u2603\u200b.test:1", "http://me:secret@"], ids=["odd", "none"])
def test_a_proxy_whose_host_is_not_valid_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL of the proxy cannot be used") as caught:
        TransportOptions(verify=True, max_connections=1, proxy=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("proxy_url", [None, "http://localhost:1"], ids=["straight", "through-a-proxy"])
def test_mocks_intercept(make: Make, proxy_url: str | None, respx_mock: respx.MockRouter) -> None:
    route = respx_mock.post("http://far.test/").respond(200, headers={"Content-Length": "odd"}, content=b"mocked")
    sender = make(max_connections=1, proxy=proxy_url)
    for _ in range(3):
        assert sender.ask("http://far.test/") == b"mocked"
    assert len(route.calls) == 3


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_mocks_answer_does_not_get_the_keys(kind: str, respx_mock: respx.MockRouter) -> None:
    """Mocks keep their answers, and some write them down."""
    asked: Any = {"pipeline_name": "web", "pipeline_execution_id": ID}
    body = {"pipelineExecution": {"status": "Succeeded"}}
    route = respx_mock.post("https://codepipeline.eu-west-1.amazonaws.com/").respond(200, json=body)

    async def ask() -> None:
        async with AsyncCodePipelineClient(region_name="eu-west-1", credentials=KEYS) as client:
            await client.get_pipeline_execution(**asked)

    if kind == "async":
        anyio.run(ask)
    else:
        with CodePipelineClient(region_name="eu-west-1", credentials=KEYS) as client:
            client.get_pipeline_execution(**asked)
    assert KEYS not in route.calls.last.response.extensions.values()


if __name__ == "__main__":
    for name in ("asyncio", "trio"):
        print(name, "connections open after the storm:", weathered(name, int(sys.argv[1])))
