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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from codepipeline_client import ConfigurationError, ConnectionFailedError
from codepipeline_client._call.failures import may_pass, translated
from codepipeline_client._http import TransportOptions, network, transport
from codepipeline_client._http.network import Addresses, Resolver, Route, look_up
from codepipeline_client._threads import SharedFuture
from tests._http.peer import AUTHORITY, OK, Make, Peer, Talk, polite, server_context, tunnels

# TLS


def trusting_context(_: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def lax_certificates() -> tuple[bytes, bytes]:
    """Return the certificate of an authority that strict checks refuse, and one of a server, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    corp, server = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("corp", "localhost"))
    dates = datetime.now(UTC) - timedelta(1), datetime.now(UTC) + timedelta(1)
    constraints, names = x509.BasicConstraints(ca=True, path_length=None), [x509.DNSName("localhost")]
    root = x509.CertificateBuilder(corp, corp, key.public_key(), 1, *dates).add_extension(constraints, critical=False)
    leaf = x509.CertificateBuilder(corp, server, key.public_key(), 2, *dates)
    leaf = leaf.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signed = [each.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) for each in (root, leaf)]
    return signed[0], key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed[1]


def test_a_certificate_that_only_strict_checks_refuse_is_not_blamed_on_verify(make: Make, tmp_path: Path) -> None:
    """As Python's own contexts make them since 3.13."""
    root, chain = lax_certificates()
    (tmp_path / "chain.pem").write_bytes(chain)
    context, serving = ssl.create_default_context(cadata=root.decode()), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    serving.load_cert_chain(tmp_path / "chain.pem")
    with Peer(polite, serving) as peer, pytest.raises(httpx.ConnectError) as caught:
        make(verify=context).ask(peer.url)
    said = str(translated(caught.value, "localhost", None))
    assert "give verify an ssl.SSLContext without ssl.VERIFY_X509_STRICT" in said
    assert "pass the CA file" not in said


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
        sender.close()
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

    def is_intercepted(**_: bool) -> bool:
        return way == "intercepted"

    monkeypatch.setattr(transport, "is_intercepted", is_intercepted)
    with Peer(tunnels, server_context()) as proxy, Peer(script, serving) as peer:
        sender = make(verify=context, proxy=proxy.url if way == "https-proxy" else None)
        assert sender.ask(peer.url) == b"ok"
        sender.close()
    assert chosen == ["own"]


@pytest.mark.parametrize("content", [None, "nothing"], ids=["absent", "empty"])
def test_a_ca_file_that_cannot_be_used_is_a_configuration_error(
    make: Make, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"ca\.pem.* cannot be used"):
        make(verify=str(path)).ask("https://localhost:1/")


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
    read: list[object] = []
    original = TransportOptions.tls_context

    def context(options: TransportOptions) -> ssl.SSLContext:
        read.append(options)
        return original(options)

    monkeypatch.setattr(TransportOptions, "tls_context", context)
    sender = make(verify=ca_file)
    with Peer(polite) as plain, Peer(polite, server_context()) as secure:
        for url, count in ((plain.url, 0), (secure.url, 1), (plain.url, 1), (secure.url, 1)):
            assert sender.ask(url) == b"ok"
            assert len(read) == count
        sender.close()


def test_the_ca_files_are_waited_for_no_longer_than_the_connect_timeout(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = Event()

    def hang(_: TransportOptions) -> bool:
        return end.wait(10)

    monkeypatch.setattr(TransportOptions, "tls_context", hang)
    with pytest.raises(httpx.ConnectTimeout):
        make().ask("https://localhost:1/", connect=0.02)
    end.set()


@pytest.mark.parametrize("greeting", [b"220 ready\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_plain_text_on_the_tls_port_ends_the_call(make: Make, greeting: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.write(greeting)
        talk.line.shutdown(socket.SHUT_WR)
        while talk.line.recv(10_000):
            pass

    with Peer(script) as peer, pytest.raises(httpx.ConnectError) as caught:
        make().ask(peer.url.replace("http:", "https:"))
    failure = translated(caught.value, "localhost", None)
    assert "the server does not speak TLS on this port" in str(failure)
    assert isinstance(failure, ConnectionFailedError)
    assert not failure.may_pass


@pytest.mark.parametrize("beginning", [b"", b"\x16", b"\x15\x03", b"\x16\x03\x03\x00\x7a\x02"])
def test_a_handshake_that_breaks_off_may_pass(make: Make, beginning: bytes) -> None:
    def script(talk: Talk) -> None:
        talk.line.recv(10_000)
        talk.write(beginning)

    with Peer(script) as peer, pytest.raises(httpx.ConnectError) as caught:
        make().ask(peer.url.replace("http:", "https:"))
    assert may_pass(caught.value)


# Proxies


def test_a_proxy_gets_the_whole_address_and_the_password_of_its_own(make: Make) -> None:
    with Peer(polite) as proxy:
        url = proxy.url.replace("//", "//me:p%40ss@")
        assert make(proxy=url).ask("http://codepipeline.test/a?b") == b"ok"
    (request,) = proxy.heads
    assert request.startswith(b"POST http://codepipeline.test/a?b HTTP/1.1\r\nHost: codepipeline.test\r\n")
    assert b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(b"me:p@ss") in request


@pytest.mark.parametrize("tls_to_proxy", [False, True], ids=["http-proxy", "https-proxy"])
def test_tls_goes_through_a_proxy_in_a_tunnel_that_is_kept(make: Make, ca_file: str, tls_to_proxy: bool) -> None:
    with Peer(tunnels, server_context() if tls_to_proxy else None) as proxy, Peer(polite, server_context()) as peer:
        sender = make(verify=ca_file, proxy=proxy.url.replace("//", "//me:pass@"))
        assert [sender.ask(peer.url) for _ in range(3)] == [b"ok"] * 3
        sender.close()
    (request,) = proxy.heads
    assert request.startswith(b"CONNECT localhost:%d HTTP/1.1\r\n" % peer.port)
    assert b"Proxy-Authorization: Basic %b\r\n" % base64.b64encode(b"me:pass") in request
    assert peer.requests == [0, 0, 0]


def test_a_proxy_that_speaks_tls_gets_plain_requests_too(make: Make, ca_file: str) -> None:
    with Peer(polite, server_context()) as proxy:
        sender = make(verify=ca_file, proxy=proxy.url)
        assert sender.ask("http://codepipeline.test") == b"ok"
        sender.close()
    assert proxy.heads[0].startswith(b"POST http://codepipeline.test/ HTTP/1.1\r\n")


def test_a_tunnel_that_is_no_good_is_replaced(make: Make, ca_file: str) -> None:
    def breaks_on_the_second(talk: Talk) -> None:
        talk.read()
        talk.write(OK)
        talk.read()

    with Peer(tunnels) as proxy, Peer(breaks_on_the_second, server_context()) as peer:
        sender = make(verify=ca_file, proxy=proxy.url)
        assert [sender.ask(peer.url) for _ in range(2)] == [b"ok"] * 2
        sender.close()
    assert peer.requests == [0, 0, 1]


def test_a_tunnel_is_asked_for_by_host_and_port() -> None:
    route = Route(httpx.URL("https://[::1]:8443/"), httpx.Proxy("http://proxy.test"))
    assert route.peer == ("proxy.test", 80)
    assert route.encode_connect() == b"CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        pytest.param(b"", "not HTTP, or was cut short", id="nothing"),
        pytest.param(b"220 mail.test\r\n", "not HTTP", id="another-protocol"),
        pytest.param(b"HTTP/1.1 200 O", "cut short", id="cut-short"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000, "not HTTP", id="long-head"),
        pytest.param(b"HTTP/1.1 407 bad password hunter2\r\n\r\n", "^407$", id="407"),
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
        make(proxy=proxy.url).ask("https://far.test/")
    assert re.search(words, str(caught.value))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://me:secret@\u2603\u200b.test:1", "http://me:secret@"], ids=["odd", "none"])
def test_a_proxy_whose_host_is_not_valid_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL of the proxy cannot be used") as caught:
        TransportOptions(proxy=url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("host", ["a..b", "x" * 64, ".a"])
def test_a_proxys_name_that_is_none_is_a_failure(make: Make, host: str) -> None:
    with pytest.raises((httpx.ConnectError, ConfigurationError)):
        make(proxy=f"http://{host}:1").ask("https://localhost:9")


# Addresses


def test_a_refused_connection_is_told_in_the_systems_words(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpx.ConnectError, match=os.strerror(errno.ECONNREFUSED)):
        make().ask(f"http://127.0.0.1:{port}")


def resolve_to(patch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Have a lookup of any host find these addresses."""

    original = socket.getaddrinfo

    def look_up(host: Any, port: int, **options: Any) -> list[Any]:
        if host != b"localhost":
            return original(host, port, **options)
        if options["flags"]:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        families = [socket.AF_INET6 if ":" in host else socket.AF_INET for host in hosts]
        return [(family, socket.SOCK_STREAM, 6, "", (host, port)) for family, host in zip(families, hosts, strict=True)]

    patch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.parametrize("dead", ["127.0.0.9", "::1"], ids=["refused", "no-listener-there"])
def test_the_next_address_is_tried_when_one_is_dead(make: Make, dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, dead, "127.0.0.1")
    with Peer(polite) as peer:
        assert make().ask(peer.url) == b"ok"


def test_an_address_of_a_family_that_is_switched_off_is_passed_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Switched(socket.socket):
        def __init__(self, family: int = -1, *more: Any, **options: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError("Address family not supported by protocol")
            super().__init__(family, *more, **options)

    resolve_to(monkeypatch, "::1", "127.0.0.1")
    monkeypatch.setattr(socket, "socket", Switched)
    with Peer(polite) as peer:
        assert make().ask(peer.url) == b"ok"


def test_an_address_that_does_not_respond_leaves_time_for_the_others(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue of the first one is full, so that it takes part in no handshake."""
    with Peer(polite) as peer, socket.create_server(("127.0.0.2", peer.port), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")
        assert make().ask(peer.url, connect=0.6) == b"ok"
        for sock in waiting:
            sock.close()


# Lookups


class FakeTime:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Lookups:
    """Counts lookups, and ends each when it is told to."""

    def __init__(self) -> None:
        self.gates: list[Event] = []

    def end(self, number: int) -> None:
        """End a lookup as soon as it has begun."""
        while len(self.gates) <= number:
            time.sleep(0.001)
        self.gates[number].set()

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


def begun(resolver: Resolver, lookups: Lookups) -> SharedFuture[Addresses]:
    count = len(lookups.gates)
    found = resolver.find("far.test", 443)
    while len(lookups.gates) == count:
        pass  # its thread is about to begin
    return found


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_an_address_needs_no_lookup(host: str, family: int) -> None:
    found = Resolver(TransportOptions()).find(host, 443)
    assert found.done()
    assert found.outcome() == [(family, (host, 443))]


def test_a_host_is_looked_up_once_for_all_that_need_it_at_the_same_time(lookups: Lookups) -> None:
    resolver = Resolver(TransportOptions())
    first = begun(resolver, lookups)
    assert resolver.find("far.test", 443) is first
    lookups.gates[0].set()
    assert first.result(10) == [(socket.AF_INET, ("127.0.0.1", 443))]
    assert begun(resolver, lookups) is not first


def test_a_lookup_that_is_stuck_is_replaced_ever_more_rarely(lookups: Lookups) -> None:
    clock = FakeTime()
    resolver = Resolver(TransportOptions(), clock)
    stuck = begun(resolver, lookups)
    for last_moment, next_moment in ((4.9, 5.0), (14.9, 15.0), (34.9, 35.0)):
        clock.now = last_moment
        assert resolver.find("far.test", 443) is stuck
        clock.now = next_moment
        another = begun(resolver, lookups)
        assert another is not stuck
        stuck = another
    assert len(lookups.gates) == 4


def test_a_lookup_that_hangs_does_not_hold_up_later_calls(
    make: Make, lookups: Lookups, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one never ends. The calls that gave up on it have left nothing behind."""
    monkeypatch.setattr(network, "_STUCK_AFTER", 0.1)
    hung, shared = list[SharedFuture[Any]](), Resolver.find

    def find(resolver: Resolver, host: str, port: int) -> Addresses | SharedFuture[Addresses]:
        found = shared(resolver, host, port)
        assert isinstance(found, SharedFuture)
        hung.append(found)
        return found

    monkeypatch.setattr(Resolver, "find", find)
    sender = make()
    with Peer(polite) as peer:
        for _ in range(3):
            with pytest.raises(httpx.ConnectTimeout):
                sender.ask(peer.url, connect=0.02)
        assert [*map(id, hung)] == [id(hung[0])] * 3
        time.sleep(0.1)  # from now on the lookup counts as stuck
        Thread(target=lookups.end, args=[1]).start()
        assert sender.ask(peer.url) == b"ok"
    assert not hung[0].done()
    assert not hung[0].wakers


def test_closing_ends_a_wait_for_a_lookup(make: Make, lookups: Lookups) -> None:
    sender, failures = make(), list[Exception]()

    def ask() -> None:
        try:
            sender.ask("http://far.test/")
        except httpx.ReadError as error:
            failures.append(error)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not lookups.gates:
        pass  # the lookup is about to begin
    sender.close()
    for thread in threads:
        thread.join(10)
    assert [str(failure) for failure in failures] == ["the client was closed"] * 2


def test_without_a_thread_a_lookup_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", fail)
    with pytest.raises(OSError, match="no thread could be started"):
        Resolver(TransportOptions()).find("far.test", 443)


def test_a_host_without_an_address_is_an_unknown_host(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some resolvers find nothing, and do not fail."""

    def find_nothing(*_: object, **__: object) -> list[Any]:
        return []

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)
    with pytest.raises(httpx.ConnectError, match=r"far\.test has no address") as caught:
        make().ask("http://far.test/")
    assert not may_pass(caught.value)
    with pytest.raises(httpx.ConnectError):
        make(proxy="socks5://far.test:1080").ask("http://elsewhere.test/")


@pytest.mark.parametrize("host", ["a" * 70 + ".test", "x..y"])
def test_what_cannot_be_a_host_is_an_unknown_host(host: str) -> None:
    with pytest.raises(socket.gaierror):
        look_up(host, 443)
