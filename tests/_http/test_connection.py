"""One connection: what is left unread is noticed, dead addresses are passed over, and sending has its limit."""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import anyio
import httpx
import pytest
import trustme
from anyio.abc import SocketAttribute

from codepipeline_client._http import AsyncPooledTransport, PooledTransport, TransportOptions
from codepipeline_client._http import connection as module
from tests.loops import LOOPS

BIG: Final = b"x" * 30_000_000
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
LONG: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 58000\r\n\r\n" + b"a" * 58_000
AUTHORITY: Any = trustme.CA()

Script = Callable[[socket.socket], None]


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve each connection by a script, in a thread of its own, and return the URL."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def run(sock: socket.socket, script: Script, context: ssl.SSLContext | None) -> None:
        with suppress(OSError), sock, sock if context is None else context.wrap_socket(sock, server_side=True) as ready:
            script(ready)

    def accept(listener: socket.socket, script: Script, context: ssl.SSLContext | None) -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                thread = threading.Thread(target=run, args=(sock, script, context), daemon=True)
                thread.start()

    def start(script: Script, *, secure: bool = False) -> str:
        context = None
        if secure:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            AUTHORITY.issue_cert("localhost").configure_cert(context)
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=accept, args=(listener, script, context), daemon=True))
        threads[-1].start()
        return f"http{'s' if secure else ''}://localhost:{listener.getsockname()[1]}/"

    yield start
    for listener in listeners:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(10)


@pytest.fixture
def ca_file(tmp_path: Any) -> str:
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


Send = Callable[..., list[httpx.Response | httpx.TransportError]]


@pytest.fixture(params=["sync", *LOOPS])
def send(request: pytest.FixtureRequest) -> Send:
    """Send some requests through one transport, and return what comes of each."""

    def go(
        url: str,
        *,
        count: int = 1,
        content: bytes = b"ask",
        verify: str | bool = True,
        proxy: str | None = None,
        **timeouts: float,
    ) -> list[httpx.Response | httpx.TransportError]:
        options = TransportOptions(verify=verify, proxy=proxy)
        limits = {"connect": 5, "write": 5, "read": 5, "pool": 5, **timeouts}
        outcomes: list[httpx.Response | httpx.TransportError] = []

        def new() -> httpx.Request:
            return httpx.Request("POST", url, content=content, extensions={"timeout": limits})

        async def main() -> None:
            transport = AsyncPooledTransport(options)
            for _ in range(count):
                try:
                    outcomes.append(await transport.handle_async_request(new()))
                except httpx.TransportError as error:
                    outcomes.append(error)
            await transport.aclose()

        if request.param != "sync":
            anyio.run(main, **LOOPS[request.param])
            return outcomes
        with PooledTransport(options) as transport:
            for _ in range(count):
                try:
                    outcomes.append(transport.handle_request(new()))
                except httpx.TransportError as error:
                    outcomes.append(error)
        return outcomes

    return go


def read_head(sock: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            raise OSError
        data += piece


def test_a_server_that_takes_nothing_ends_the_request_in_time(serve: Callable[..., str], send: Send) -> None:
    end = threading.Event()

    def takes_nothing(sock: socket.socket) -> None:
        end.wait(10)

    (outcome,) = send(serve(takes_nothing), content=BIG, write=0.2, read=0.2)
    end.set()
    assert isinstance(outcome, httpx.WriteTimeout | httpx.ReadTimeout)


def test_a_response_that_comes_before_the_request_was_sent_counts(serve: Callable[..., str]) -> None:
    """A server may refuse what is too large by its head, and hang up. (asyncio tells tasks of the reset only.)"""

    def refuses(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        sock.shutdown(socket.SHUT_RDWR)

    with PooledTransport(TransportOptions()) as transport:
        response = transport.handle_request(httpx.Request("POST", serve(refuses), content=BIG))
    assert response.status_code == 413


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("stray", [9, 9_000, 300_000])
def test_what_comes_with_a_response_never_reaches_the_next_request(
    serve: Callable[..., str], send: Send, ca_file: str, secure: bool, stray: int
) -> None:
    """In the same piece, in another TLS record, and in more than is read at once."""
    behind = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % stray + b"b" * stray
    connections: list[int] = []

    def one_too_many(sock: socket.socket) -> None:
        connections.append(1)
        read_head(sock)
        sock.sendall(LONG + behind)
        while True:
            read_head(sock)
            sock.sendall(OK)

    outcomes = send(serve(one_too_many, secure=secure), count=3, verify=ca_file)
    contents = [outcome.read() for outcome in outcomes if isinstance(outcome, httpx.Response)]
    assert contents == [LONG[-58_000:]] * 3
    assert len(connections) == 3


def test_a_goodbye_of_tls_ends_an_idle_connection(serve: Callable[..., str], send: Send, ca_file: str) -> None:
    """The socket stays open, and nothing can be read from it any more."""

    def says_goodbye(sock: socket.socket) -> None:
        assert isinstance(sock, ssl.SSLSocket)
        read_head(sock)
        sock.sendall(OK)
        with suppress(OSError):
            sock.unwrap()
        sock.recv(1)

    outcomes = send(serve(says_goodbye, secure=True), count=2, verify=ca_file)
    assert [isinstance(outcome, httpx.Response) for outcome in outcomes] == [True, True]


@pytest.mark.parametrize("sent", [OK[:-1], CHUNKED[:-5], CHUNKED[:-1]], ids=["length", "chunk", "last-chunk"])
def test_a_response_that_tls_cuts_off_without_a_goodbye_is_no_success(
    serve: Callable[..., str], send: Send, ca_file: str, sent: bytes
) -> None:
    def cuts_off(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(sent)

    (outcome,) = send(serve(cuts_off, secure=True), verify=ca_file)
    assert isinstance(outcome, httpx.RemoteProtocolError)


def answers(sock: socket.socket) -> None:
    while True:
        read_head(sock)
        sock.sendall(OK)


@pytest.mark.parametrize("dead", ["127.0.0.9", "::1"], ids=["refused", "no-listener-there"])
def test_the_next_address_is_tried_when_one_is_dead(
    serve: Callable[..., str], send: Send, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, original = serve(answers), socket.getaddrinfo

    def resolve(host: Any, port: int, *arguments: Any, **options: Any) -> list[Any]:
        found: list[Any] = original(host, port, *arguments, **options)
        if host != b"localhost" or options.get("flags"):
            return found
        family = socket.AF_INET6 if ":" in dead else socket.AF_INET
        return [
            (family, socket.SOCK_STREAM, 6, "", (dead, port)),
            *original("127.0.0.1", port, type=socket.SOCK_STREAM),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    (outcome,) = send(url)
    assert isinstance(outcome, httpx.Response)


def test_an_address_that_does_not_answer_leaves_time_for_the_others(
    serve: Callable[..., str], send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue of the first one is full, so that it takes part in no handshake."""
    monkeypatch.setattr(module, "_LEAST_SHARE", 0.1)
    url, original = serve(answers), socket.getaddrinfo
    port = int(url.rstrip("/").rpartition(":")[2])
    with socket.create_server(("127.0.0.2", port), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())

        def resolve(host: Any, port: int, *arguments: Any, **options: Any) -> list[Any]:
            if host != b"localhost" or options.get("flags"):
                return original(host, port, *arguments, **options)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("127.0.0.2", "127.0.0.1")]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        (outcome,) = send(url, connect=1.0)
        for sock in waiting:
            sock.close()
    assert isinstance(outcome, httpx.Response)


def test_a_closed_socket_is_no_usable_connection(
    serve: Callable[..., str], send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By somebody who found it among all objects, say."""
    sent = module.Connection.send

    def send_and_close(self: module.Connection, *arguments: Any) -> httpx.Response:
        response = sent(self, *arguments)
        self.close()
        return response

    monkeypatch.setattr(module.Connection, "send", send_and_close)
    outcomes = send(serve(answers), count=2)
    assert [isinstance(outcome, httpx.Response) for outcome in outcomes] == [True, True]


def test_where_there_is_no_poll_select_does_the_same(
    serve: Callable[..., str], send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows."""
    monkeypatch.delattr(select, "poll", raising=False)
    connections: list[int] = []

    def closes(sock: socket.socket) -> None:
        connections.append(1)
        read_head(sock)
        sock.sendall(OK)
        if len(connections) > 1:
            answers(sock)

    outcomes = send(serve(closes), count=3)
    assert [isinstance(outcome, httpx.Response) for outcome in outcomes] == [True] * 3
    assert len(connections) == 2


@pytest.mark.parametrize("loop", LOOPS)
def test_a_stream_reads_as_much_as_event_loops_do(loop: str) -> None:
    """Whatever is asked for; and it passes everything else on."""

    class Inner:
        def __init__(self) -> None:
            self.asked: list[int] = []
            self.ended = False

        async def receive(self, max_bytes: int) -> bytes:
            self.asked.append(max_bytes)
            return b"x" * (max_bytes if len(self.asked) > 1 else 3)

        async def send_eof(self) -> None:
            self.ended = True

    async def main() -> None:
        inner: Any = Inner()
        stream = module.WholeReads(inner)
        seen = [(len(await stream.receive(10)), stream.has_more) for _ in range(2)]
        assert seen == [(3, False), (inner.asked[0], True)]
        await stream.send_eof()
        assert inner.ended

    anyio.run(main, **LOOPS[loop])


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(b"", "cannot be used", id="nothing"),
        pytest.param(b"SSH-2.0-x\r\n", "cannot be used", id="another-protocol"),
        pytest.param(b"HTTP/1.1 200 O", "cannot be used", id="cut-short"),
        pytest.param(b"HTTP/1.1 407 bad password hunter2\r\n\r\n", "^407 Proxy Authentication Required$", id="407"),
        pytest.param(b"HTTP/1.1 599 hunter2\r\n\r\n", "^599 unknown status$", id="unknown-status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nx", "nobody asked for", id="a-byte-too-many"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_told_without_its_words(
    serve: Callable[..., str], send: Send, reply: bytes, words: str
) -> None:
    def proxy(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(reply)

    (outcome,) = send("https://far.test/", proxy=serve(proxy))
    assert isinstance(outcome, httpx.ProxyError)
    assert re.search(words, str(outcome))
    assert "hunter2" not in str(outcome)


def test_what_tls_has_received_unread_is_noticed() -> None:
    """A record, and the goodbye; not what TLS keeps to itself."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context(cadata=AUTHORITY.cert_pem.bytes().decode())
    client = trusting.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert not module.has_unread(client)
    server.write(b"ok")
    assert client.read(2) == b"ok"
    assert not module.has_unread(client)
    server.write(b"more")
    assert module.has_unread(client)
    assert client.read(9) == b"ore"
    with suppress(ssl.SSLWantReadError):
        server.unwrap()
    assert module.has_unread(client)


@pytest.mark.parametrize("idle", [1, 3])
def test_a_silent_server_gets_a_request_once(serve: Callable[..., str], idle: int) -> None:
    """Over an idle connection too: a timeout is no race with a server that closes it."""
    requests: list[int] = []
    may_respond = threading.Semaphore(0)

    def responds_once(sock: socket.socket) -> None:
        read_head(sock)
        assert may_respond.acquire(timeout=10)
        sock.sendall(OK)
        read_head(sock)
        requests.append(1)
        sock.recv(1)

    url = serve(responds_once)
    with PooledTransport(TransportOptions()) as transport, ThreadPoolExecutor(idle) as threads:

        def ask(read: float) -> httpx.Response:
            extensions = {"timeout": {"read": read}}
            return transport.handle_request(httpx.Request("POST", url, content=b"ask", extensions=extensions))

        calls = [threads.submit(ask, 10.0) for _ in range(idle)]
        for _ in calls:
            may_respond.release()
        assert [call.result().status_code for call in calls] == [200] * idle
        with pytest.raises(httpx.ReadTimeout):
            ask(0.2)
    assert len(requests) == 1


TWO_LOOPS: Final = """
import asyncio, sys, httpx
from codepipeline_client._http import AsyncPooledTransport, TransportOptions

transport = AsyncPooledTransport(TransportOptions())

def ask():
    loop = asyncio.new_event_loop()
    loop.run_until_complete(transport.handle_async_request(httpx.Request("POST", sys.argv[1], content=b"ask")))
    loop.close()

ask()
print("first", flush=True)
sys.stdin.readline()
ask()
print("second", flush=True)
sys.stdin.readline()
"""
"""In a process of its own: asyncio warns of a transport that its loop did not close, whenever that is destroyed."""


def test_what_a_closed_event_loop_has_left_is_closed_at_the_next_use(serve: Callable[..., str]) -> None:
    over = threading.Event()

    def counts(sock: socket.socket) -> None:
        with suppress(OSError):
            answers(sock)
        over.set()

    command = [sys.executable, "-c", TWO_LOOPS, serve(counts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "first\n"
        assert not over.is_set()
        print(file=program.stdin, flush=True)
        assert program.stdout.readline() == "second\n"
        assert over.wait(10)


def test_what_cannot_be_replaced_is_left_to_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows."""
    ours, theirs = socket.socketpair()

    class Stream:
        def extra(self, attribute: object, default: object = None) -> object:
            return ours if attribute is SocketAttribute.raw_socket else default

    stream: Any = Stream()
    connection = module.AsyncConnection("key", stream, stream, stream)
    with monkeypatch.context() as patch:
        patch.delattr(os, "fork", raising=False)
        connection.drop()
    ours.sendall(b"still there")
    assert theirs.recv(20) == b"still there"
    connection.drop()
    assert theirs.recv(1) == b""
    ours.close()
    connection.drop()
    theirs.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_keeps_no_connection_of_its_parent(serve: Callable[..., str]) -> None:
    """So the server sees the parent's close when it happens."""
    over = threading.Event()

    def counts(sock: socket.socket) -> None:
        with suppress(OSError):
            answers(sock)
        over.set()

    transport, url = PooledTransport(TransportOptions()), serve(counts)
    transport.handle_request(httpx.Request("POST", url, content=b"ask"))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        transport.close()  # its first use there
        os.read(reader, 1)
        os._exit(0)
    time.sleep(0.1)
    transport.close()
    assert over.wait(10)
    os.write(writer, b"x")
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
