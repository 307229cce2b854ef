"""The way to a server: TLS, proxies, addresses and lookups, over real sockets."""

from __future__ import annotations

import base64
import errno
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any
from unittest.mock import Mock, create_autospec

import anyio
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from codepipeline_client import ConfigurationError, ConnectionFailedError
from codepipeline_client._call.failures import may_pass, translated
from codepipeline_client._http import TransportOptions, transport
from codepipeline_client._http.network import Resolver, encode
from tests._http.peer import (
    AUTHORITY,
    OK,
    Make,
    Peer,
    Sender,
    Talk,
    breaks_on_the_second,
    full_listener,
    polite,
    relay,
    server_context,
    tunnels,
)

# TLS


def trusting_context(_: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def certifi(_: Path) -> bool:
    return True


def trusted_file(path: Path) -> str:
    AUTHORITY.cert_pem.write_to_path(str(path / "ca.pem"))
    return str(path / "ca.pem")


@pytest.mark.parametrize(
    ("verify", "name", "words"),
    [
        pytest.param(trusted_file, "localhost", None, id="file"),
        pytest.param(trusting_context, "localhost", None, id="context"),
        pytest.param(str, "localhost", "CERTIFICATE_VERIFY_FAILED", id="empty-directory"),
        pytest.param(f"{{}}{os.pathsep}/x".format, "localhost", "CERTIFICATE_VERIFY_FAILED", id="list"),
        pytest.param(certifi, "localhost", "local issuer.*pass the CA file", id="unknown-authority"),
        pytest.param(trusted_file, "elsewhere.test", "Hostname mismatch", id="another-name"),
    ],
)
def test_a_certificate_is_trusted_or_ends_the_call(
    make: Make, tmp_path: Path, verify: Callable[[Path], Any], name: str, words: str | None
) -> None:
    sender = make(verify=verify(tmp_path))
    with Peer(polite, server_context(name)) as peer:
        if words is None:
            assert sender.ask(peer.url) == b"ok"
        else:
            with pytest.raises(httpx.ConnectError) as caught:
                sender.ask(peer.url)
            failure = translated(caught.value, "localhost", None)
            assert re.search(words, str(failure))
            assert isinstance(failure, ConnectionFailedError)
            assert not failure.may_pass
    assert peer.requests == ([0] if words is None else [])


@pytest.mark.parametrize("way", ["direct", "https-proxy", "intercepted"])
def test_a_context_is_used_as_it_is(make: Make, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Its ALPN protocols too, also by httpx's own transports: before, in and after a call."""
    context, serving, chosen = trusting_context(Path()), server_context(), list[str | None]()
    context.set_alpn_protocols(["own", "http/1.1"])
    serving.set_alpn_protocols(["own"])

    def script(talk: Talk) -> None:
        assert isinstance(talk.line, ssl.SSLSocket)
        chosen.append(talk.line.selected_alpn_protocol())
        polite(talk)

    monkeypatch.setattr(transport, "is_intercepted", Mock(return_value=way == "intercepted"))
    with Peer(tunnels, server_context()) as proxy, Peer(script, serving) as peer:
        sender = make(verify=context, proxy=proxy.url if way == "https-proxy" else None)
        assert sender.ask(peer.url) == b"ok"
    assert chosen == ["own"]


@pytest.mark.parametrize("content", [None, "nothing"], ids=["absent", "empty"])
def test_a_ca_file_that_cannot_be_used_is_a_configuration_error_and_costs_no_connection(
    make: Make, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    sender = make(verify=str(path), max_connections=1)
    with Peer(polite) as peer:
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=r"ca\.pem.* cannot be used"):
                sender.ask("https://localhost:1/")
        assert sender.ask(peer.url) == b"ok"


@pytest.mark.parametrize("verify", [certifi, trusted_file, str], ids=["certifi", "file", "directory"])
def test_a_key_log_that_cannot_be_written_is_named(
    make: Make, tmp_path: Path, verify: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's own contexts write it where the variable says."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "absent" / "keys"))
    with pytest.raises(ConfigurationError, match=r"^SSLKEYLOGFILE '.*keys' cannot be used: .*No such file") as caught:
        make(verify=verify(tmp_path)).ask("https://localhost:1/")
    assert "CA file" not in str(caught.value)


def test_the_ca_files_are_read_once_and_only_for_tls(make: Make, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = create_autospec(TransportOptions.tls_context, side_effect=TransportOptions.tls_context)
    monkeypatch.setattr(TransportOptions, "tls_context", read)
    sender = make(verify=ca_file)
    with Peer(polite) as plain, Peer(polite, server_context()) as secure:
        for url, count in ((plain.url, 0), (secure.url, 1), (plain.url, 1), (secure.url, 1)):
            assert sender.ask(url) == b"ok"
            assert read.call_count == count


def test_the_ca_files_are_waited_for_no_longer_than_the_connect_timeout(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Event()
    monkeypatch.setattr(TransportOptions, "tls_context", Mock(side_effect=end.wait))
    with pytest.raises(httpx.ConnectTimeout):
        make().ask("https://localhost:1/", connect=0.02)
    end.set()


@pytest.mark.parametrize(
    ("reply", "may_pass"),
    [
        pytest.param(b"220 ready\r\n", False, id="mail"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", False, id="http"),
        pytest.param(b"", True, id="nothing"),
        pytest.param(b"\x15\x03", True, id="half-an-alert"),
        pytest.param(b"\x16\x03\x03\0\x7a\x02", True, id="half-a-handshake"),
    ],
)
def test_plain_text_on_the_tls_port_ends_the_call_and_half_a_handshake_may_pass(
    make: Make, reply: bytes, may_pass: bool
) -> None:
    def script(talk: Talk) -> None:
        talk.line.recv(10_000)
        talk.write(reply)
        talk.line.shutdown(socket.SHUT_WR)
        while talk.line.recv(10_000):
            pass

    with Peer(script) as peer, pytest.raises(httpx.ConnectError) as caught:
        make().ask(peer.url.replace("http:", "https:"))
    failure = translated(caught.value, "localhost", None)
    assert isinstance(failure, ConnectionFailedError)
    assert failure.may_pass == may_pass
    assert ("the server does not speak TLS on this port" in str(failure)) == (not may_pass)


# Proxies


@pytest.mark.parametrize("tls_to_proxy", [False, True], ids=["http-proxy", "https-proxy"])
def test_a_proxy_gets_the_whole_address_and_the_password_of_its_own(
    make: Make, ca_file: str, tls_to_proxy: bool
) -> None:
    with Peer(polite, server_context() if tls_to_proxy else None) as proxy:
        sender = make(verify=ca_file, proxy=proxy.url.replace("//", "//me:p%40ss@"))
        assert sender.ask("http://codepipeline.test/a?b") == b"ok"
    (request,) = proxy.heads
    assert request.startswith(b"POST http://codepipeline.test/a?b HTTP/1.1\r\nHost: codepipeline.test\r\n")
    assert b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(b"me:p@ss") in request


@pytest.mark.parametrize("tls_to_proxy", [False, True], ids=["http-proxy", "https-proxy"])
def test_tls_goes_through_a_proxy_in_a_tunnel_that_is_kept(make: Make, ca_file: str, tls_to_proxy: bool) -> None:
    with Peer(tunnels, server_context() if tls_to_proxy else None) as proxy, Peer(polite, server_context()) as peer:
        sender = make(verify=ca_file, proxy=proxy.url.replace("//", "//me:pass@"))
        assert [sender.ask(peer.url) for _ in range(3)] == [b"ok"] * 3
    (request,) = proxy.heads
    assert request.startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % peer.port)
    assert b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(b"me:pass") in request
    assert peer.requests == [0, 0, 0]


@pytest.mark.parametrize("headers", ["Content-Length: 2\r\nTransfer-Encoding: chunked", "Content-Length: x", "no"])
def test_headers_of_a_reply_to_connect_do_not_count(make: Make, ca_file: str, headers: str) -> None:
    """https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6"""

    def proxies(talk: Talk) -> None:
        talk.read(b"\r\n\r\n")
        relay(talk, ("localhost", peer.port), f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\n".encode())

    with Peer(proxies) as proxy, Peer(polite, server_context()) as peer:
        sender = make(verify=ca_file, proxy=proxy.url)
        assert sender.ask(peer.url) == b"ok"


def test_a_tunnel_that_is_no_good_is_replaced(make: Make, ca_file: str) -> None:
    with Peer(tunnels) as proxy, Peer(breaks_on_the_second, server_context()) as peer:
        sender = make(verify=ca_file, proxy=proxy.url)
        assert [sender.ask(peer.url) for _ in range(2)] == [b"ok"] * 2
    assert peer.requests == [0, 0, 1]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(b"", "not HTTP, or was cut short", id="nothing"),
        pytest.param(b"220 mail.test\r\n", "not HTTP", id="another-protocol"),
        pytest.param(b"HTTP/1.1 200 O", "cut short", id="cut-short"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, "not HTTP", id="long-head"),
        pytest.param(b"HTTP/1.1 407 bad password hunter2\r\n\r\n", "^407$", id="407"),
        pytest.param(b"HTTP/1.1 407 no\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", "^407$", id="407-odd"),
        pytest.param(b"HTTP/1.1 599 hunter2\r\n\r\n", "^599$", id="unknown-status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + OK, "not requested .* before TLS", id="a-response-before-tls"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_told_without_its_words(make: Make, reply: bytes, words: str) -> None:
    def script(talk: Talk) -> None:
        talk.read(b"\r\n\r\n")
        talk.write(reply)
        if not b"HTTP/1.1".startswith(reply[:8]):
            talk.line.recv(1)  # waits for a command of its own protocol

    with Peer(script) as proxy, pytest.raises(httpx.ProxyError) as caught:
        make(proxy=proxy.url).ask("https://[::1]:8443/")
    assert proxy.heads[0].startswith(b"CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n")
    assert re.search(words, str(caught.value))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://me:secret@\u2603\u200b.test:1", "http://me:secret@"], ids=["odd", "none"])
def test_a_proxy_whose_host_is_not_valid_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL of the proxy cannot be used") as caught:
        TransportOptions(proxy=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["a..b", "x" * 64, ".a"])
def test_a_proxy_with_a_name_that_is_not_valid_is_a_failure(make: Make, host: str) -> None:
    with pytest.raises((httpx.ConnectError, ConfigurationError)):
        make(proxy=f"http://{host}:1").ask("https://localhost:9")


# Addresses


def test_a_refused_connection_is_told_in_the_systems_words(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpx.ConnectError, match=os.strerror(errno.ECONNREFUSED)):
        make().ask(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_connection_that_is_reset_as_soon_as_it_is_made_is_a_failure(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On uvloop it has no socket then, and anyio fails to tell any of its attributes."""
    no_socket = Mock(side_effect=AttributeError("'NoneType' object has no attribute 'getpeername'"))
    monkeypatch.setattr(anyio.abc.SocketStream, "extra_attributes", property(no_socket))
    with Peer(polite) as peer, start_blocking_portal(backend) as portal:
        sender = Sender(TransportOptions(), portal)
        with pytest.raises(httpx.ConnectError, match="the connection was closed"):
            sender.ask(peer.url)


def resolve_to(patch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Have a lookup of any host find these addresses."""

    def look_up(host: Any, port: int, **options: Any) -> list[Any]:
        if host != b"localhost":
            return original(host, port, **options)
        if options["flags"]:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        families = [socket.AF_INET6 if ":" in host else socket.AF_INET for host in hosts]
        return [(family, socket.SOCK_STREAM, 6, "", (host, port)) for family, host in zip(families, hosts, strict=True)]

    original = socket.getaddrinfo
    patch.setattr(socket, "getaddrinfo", look_up)


class WithoutIPv6(socket.socket):
    """As on a machine where that is switched off."""

    def __init__(self, family: int = -1, *more: Any, **options: Any) -> None:
        if family == socket.AF_INET6:
            raise OSError("Address family not supported by protocol")
        super().__init__(family, *more, **options)


@pytest.mark.parametrize(
    ("dead", "kind"),
    [
        pytest.param("127.0.0.9", socket.socket, id="refused"),
        pytest.param("::1", socket.socket, id="no-listener-there"),
        pytest.param("::1", WithoutIPv6, id="family-switched-off"),
    ],
)
def test_the_next_address_is_tried_when_one_is_dead(
    make: Make, dead: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, dead, "127.0.0.1")
    with Peer(polite) as peer:
        monkeypatch.setattr(socket, "socket", kind)
        assert make().ask(peer.url) == b"ok"


def test_an_address_that_does_not_respond_leaves_time_for_the_others(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Peer(polite) as peer, full_listener("127.0.0.2", peer.port):
        resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")
        assert make().ask(peer.url, connect=2.0) == b"ok"


# Lookups


class Lookups:
    """Counts lookups, and ends each when it is told to."""

    def __init__(self) -> None:
        self.gates: list[Event] = []

    def wait(self, count: int) -> None:
        """Wait until so many have begun."""
        while len(self.gates) < count:
            time.sleep(0.001)

    def __call__(self, host: bytes, port: int, **options: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if options["flags"]:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        gate = Event()
        self.gates.append(gate)
        assert gate.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookups]:
    lookups = Lookups()
    monkeypatch.setattr(socket, "getaddrinfo", lookups)
    yield lookups
    for gate in lookups.gates:
        gate.set()


def test_a_lookup_that_is_stuck_is_replaced_ever_more_rarely(lookups: Lookups) -> None:
    now, seen = [0.0], list[object]()
    resolver = Resolver(TransportOptions(monotonic=lambda: now[0]))
    for now[0] in (0.0, 4.9, 5.0, 14.9, 15.0, 34.9, 35.0):
        seen.append(resolver.find("far.test", 443))
    lookups.wait(4)
    assert [seen.index(each) for each in seen] == [0, 0, 2, 2, 4, 4, 6]


def test_a_lookup_that_hangs_does_not_hold_up_later_calls(make: Make, lookups: Lookups) -> None:
    """The first one never ends. Until it counts as stuck, it is shared."""
    now = 0.0
    sender = make(monotonic=lambda: now)
    with Peer(polite) as peer, ThreadPoolExecutor(1) as threads:
        for _ in range(3):
            with pytest.raises(httpx.ConnectTimeout):
                sender.ask(peer.url, connect=0.02)
        assert len(lookups.gates) == 1
        now = 5.0
        last = threads.submit(sender.ask, peer.url)
        lookups.wait(2)
        lookups.gates[1].set()
        assert last.result() == b"ok"


def test_closing_ends_a_wait_for_a_lookup(make: Make, lookups: Lookups) -> None:
    sender = make()
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(sender.ask, "http://far.test/") for _ in range(2)]
        lookups.wait(1)
        sender.close()
        assert [str(call.exception(10)) for call in calls] == ["the client was closed"] * 2


def test_without_a_thread_a_lookup_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
    with pytest.raises(OSError, match="no thread could be started"):
        Resolver(TransportOptions()).find("far.test", 443)


def test_a_host_without_an_address_is_an_unknown_host(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some resolvers find nothing, and do not fail."""

    monkeypatch.setattr(socket, "getaddrinfo", Mock(return_value=[]))
    with pytest.raises(httpx.ConnectError, match=r"far\.test has no address") as caught:
        make().ask("http://far.test/")
    assert not may_pass(caught.value)
    with pytest.raises(httpx.ConnectError):
        make(proxy="socks5://far.test:1080").ask("http://elsewhere.test/")


def test_the_bytes_of_a_request_do_not_show_themselves() -> None:
    """Tracers record local variables, and anyio has one for what it sends."""
    assert "secret" not in repr(encode("POST", b"/", [(b"X-Amz-Security-Token", b"secret")], b"secret"))
