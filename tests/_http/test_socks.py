"""A SOCKS proxy, over real sockets: both clients go through it, and say what is missing without httpx's extra."""

from __future__ import annotations

import gc
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread
from typing import Any, BinaryIO, Final

import anyio
import pytest

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    ConfigurationError,
    ConnectionFailedError,
    GetPipelineExecutionOutput,
    RequestTimeoutError,
)
from codepipeline_client.testing import FakeClock, LocalCodePipeline, faults, make_pipeline_execution

EXECUTION: Final = make_pipeline_execution()
ELSEWHERE: Final = "codepipeline.example:8080"
"""A name that this machine cannot look up: the proxy does."""

pytestmark = pytest.mark.filterwarnings("ignore::codepipeline_client.InsecureEndpointWarning")


unclosed = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
"""httpcore leaves the socket of a SOCKS proxy that refuses to the garbage collector."""


@pytest.fixture(autouse=True)
def garbage() -> Iterator[None]:
    """What a test leaves to the garbage collector is collected behind it, where its filters hold."""
    yield
    gc.collect()


class PatientClock(FakeClock):
    """The machine's time of day, so that signatures fit; pauses take no time."""

    def time(self) -> float:
        return time.time()


class SocksProxy:
    """A SOCKS5 proxy (RFC 1928, RFC 1929) that knows one server, by any name."""

    def __init__(self, port: int, password: str | None = None) -> None:
        self._port = port
        self._password = password
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.authority: Final = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked: list[tuple[str, int]] = []
        """The host and port of each connection that it was asked for."""
        self.refused = 0
        """How many times the password was wrong."""
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as received:
            received.read(received.read(2)[1])  # the methods that the client offers
            connection.sendall(b"\x05\x00" if self._password is None else b"\x05\x02")
            if self._password is not None and not self._admits(connection, received):
                return
            _, _, _, kind = received.read(4)
            host = received.read(received.read(1)[0]).decode() if kind == 3 else socket.inet_ntoa(received.read(4))
            self.asked.append((host, int.from_bytes(received.read(2))))
            with socket.create_connection(("127.0.0.1", self._port)) as server:
                connection.sendall(b"\x05\x00\x00\x01" + bytes(6))
                back = Thread(target=_relay, args=[server, connection], daemon=True)
                back.start()
                _relay(connection, server)
                back.join()

    def _admits(self, connection: socket.socket, received: BinaryIO) -> bool:
        received.read(1)
        _, password = (received.read(received.read(1)[0]).decode() for _ in range(2))
        is_right = password == self._password
        self.refused += not is_right
        connection.sendall(b"\x01\x00" if is_right else b"\x01\x01")
        return is_right


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def service() -> Iterator[LocalCodePipeline]:
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(EXECUTION)
        yield endpoint


@pytest.fixture
def proxy(service: LocalCodePipeline) -> Iterator[SocksProxy]:
    running = SocksProxy(port_of(service))
    yield running
    running.close()


@pytest.fixture
def locked_proxy(service: LocalCodePipeline) -> Iterator[SocksProxy]:
    """One that asks for a password."""
    running = SocksProxy(port_of(service), password="open")
    yield running
    running.close()


def port_of(service: LocalCodePipeline) -> int:
    return int(service.endpoint_url.rpartition(":")[2])


def ask(way: str, service: LocalCodePipeline, *, calls: int = 1, **options: Any) -> GetPipelineExecutionOutput:
    """Ask for the execution by a name that only a proxy knows, and return the last output."""
    asked: dict[str, Any] = {
        "pipeline_name": EXECUTION.pipeline_name,
        "pipeline_execution_id": EXECUTION.pipeline_execution_id,
    }
    options = {
        "region_name": service.region_name,
        "credentials": service.credentials,
        "endpoint_url": f"http://{ELSEWHERE}",
        **options,
    }
    if way == "sync":
        with CodePipelineClient(**options) as client:
            return [client.get_pipeline_execution(**asked) for _ in range(calls)][-1]

    async def main() -> GetPipelineExecutionOutput:
        async with AsyncCodePipelineClient(**options) as client:
            return [await client.get_pipeline_execution(**asked) for _ in range(calls)][-1]

    return anyio.run(main, backend=way)


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_calls_go_through_it_and_keep_their_connection(
    way: str, service: LocalCodePipeline, proxy: SocksProxy, scheme: str
) -> None:
    """The name of the service is looked up by the proxy."""
    output = ask(way, service, calls=3, proxy=f"{scheme}://{proxy.authority}")
    assert output.pipeline_execution == EXECUTION
    assert output.response_metadata.attempts == 1
    assert proxy.asked == [("codepipeline.example", 8080)]
    assert (len(service.requests), service.accepted_connections) == (3, 1)


def test_one_that_the_environment_names_is_used(
    way: str, service: LocalCodePipeline, proxy: SocksProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5://{proxy.authority}")
    assert ask(way, service).pipeline_execution == EXECUTION
    assert proxy.asked == [("codepipeline.example", 8080)]


def test_a_password_is_given(way: str, service: LocalCodePipeline, locked_proxy: SocksProxy) -> None:
    assert ask(way, service, proxy=f"socks5://me:open@{locked_proxy.authority}").pipeline_execution == EXECUTION


@unclosed
def test_a_wrong_password_is_told_without_it_and_is_not_tried_again(
    way: str, service: LocalCodePipeline, locked_proxy: SocksProxy
) -> None:
    """Tried again, it may lock an account."""
    with pytest.raises(ConnectionFailedError, match=r"the proxy on the way .* check its URL and password") as caught:
        ask(way, service, proxy=f"socks5://me:planted@{locked_proxy.authority}")
    assert "planted" not in str(caught.value)
    assert (caught.value.attempts, locked_proxy.refused) == (1, 1)


Script = Callable[[socket.socket], object]


def closes(connection: socket.socket) -> None:
    connection.recv(99)


def speaks_http(connection: socket.socket) -> None:
    connection.recv(99)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def stops_short(connection: socket.socket) -> None:
    connection.recv(99)
    connection.sendall(b"\x05\x00")
    connection.recv(99)
    connection.sendall(b"\x05\x00\x00")


def wants_another_method(connection: socket.socket) -> None:
    connection.recv(99)
    connection.sendall(b"\x05\xff")


def cannot_connect(connection: socket.socket) -> None:
    connection.recv(99)
    connection.sendall(b"\x05\x00")
    connection.recv(99)
    connection.sendall(b"\x05\x05\x00\x01" + bytes(6))


@unclosed
@pytest.mark.parametrize(
    ("script", "words", "attempts"),
    [
        pytest.param(closes, "does not speak SOCKS5", 3, id="closes"),
        pytest.param(speaks_http, "does not speak SOCKS5", 3, id="http"),
        pytest.param(stops_short, "does not speak SOCKS5", 3, id="short"),
        pytest.param(wants_another_method, "NO ACCEPTABLE METHODS", 1, id="method"),
        pytest.param(cannot_connect, "could not connect: Connection refused", 3, id="refused"),
    ],
)
def test_one_that_fails_is_a_typed_error(
    way: str, service: LocalCodePipeline, script: Script, words: str, attempts: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                Thread(target=serve, daemon=True).start()
                with connection:
                    script(connection)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(99)

        Thread(target=serve, daemon=True).start()
        with pytest.raises(
            ConnectionFailedError, match=f"the proxy on the way to codepipeline.example.*{words}"
        ) as caught:
            ask(way, service, proxy=f"socks5://127.0.0.1:{listener.getsockname()[1]}", clock=PatientClock())
        listener.shutdown(socket.SHUT_RDWR)
    assert caught.value.attempts == attempts


@pytest.mark.parametrize("fault", [faults.Hang(), faults.SlowBody(seconds_per_byte=0.1)], ids=["silent", "slow"])
def test_a_call_ends_in_time(way: str, service: LocalCodePipeline, proxy: SocksProxy, fault: faults.Fault) -> None:
    service.inject(fault, times=None)
    began = time.monotonic()
    with pytest.raises(RequestTimeoutError) as caught:
        ask(way, service, proxy=f"socks5://{proxy.authority}", timeout=0.4)
    assert caught.value.limit == "timeout"
    assert 0.35 < time.monotonic() - began < 1.5, "the upper bound leaves room for a busy machine"


def test_the_missing_extra_is_named(way: str, service: LocalCodePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the URL is not shown, since a password may be in it."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "socksio", raising=False)
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(ConfigurationError, match=r"python -m pip install 'httpx\[socks\]'") as caught:
        ask(way, service, proxy="socks5://me:planted@127.0.0.1:1080")
    assert "planted" not in str(caught.value)
