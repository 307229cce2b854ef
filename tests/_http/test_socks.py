"""A SOCKS proxy, over real sockets: both transports go through it, and say what is missing without httpx's extra."""

from __future__ import annotations

import socket
import sys
import time
from typing import Final

import httpx
import pytest

from codepipeline_client import ConfigurationError, ConnectionFailedError
from codepipeline_client._call.failures import translated
from codepipeline_client._http import TransportOptions
from tests._http.peer import End, Make, Peer, Script, Talk, polite, relay, silent

ELSEWHERE: Final = "http://codepipeline.example:8080/"
"""A name that this machine cannot look up: the proxy does."""

pytestmark = pytest.mark.usefixtures("garbage")


def proxy_to(port: int, password: bytes | None = None) -> Script:
    """Return the script of a SOCKS5 proxy (RFC 1928, RFC 1929) that knows one server, by any name."""

    def script(talk: Talk) -> None:
        with talk.line.makefile("rb") as received:
            received.read(received.read(2)[1])  # the methods that the client offers
            talk.write(b"\x05\x00" if password is None else b"\x05\x02")
            if password is not None:
                received.read(1)
                _, given = (received.read(received.read(1)[0]) for _ in range(2))
                talk.write(b"\x01\x00" if given == password else b"\x01\x01")
                if given != password:
                    raise End
            received.read(4)
            talk.peer.heads.append(received.read(received.read(1)[0]) + received.read(2))
        relay(talk, ("127.0.0.1", port), b"\x05\x00\x00\x01" + bytes(6))

    return script


def socks(proxy: Peer, scheme: str = "socks5", user: str = "") -> str:
    return f"{scheme}://{user}127.0.0.1:{proxy.port}"


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("password", [None, b"open"], ids=["open", "password"])
def test_calls_go_through_it_and_keep_their_connection(make: Make, scheme: str, password: bytes | None) -> None:
    """The name of the service is looked up by the proxy."""
    with Peer(polite) as peer, Peer(proxy_to(peer.port, password)) as proxy:
        sender = make(proxy=socks(proxy, scheme, "me:open@" if password else ""))
        assert [sender.ask(ELSEWHERE) for _ in range(3)] == [b"ok"] * 3
    assert proxy.heads == [b"codepipeline.example" + (8080).to_bytes(2)]
    assert peer.requests == [0, 0, 0]


def says(*replies: bytes) -> Script:
    """Return a script that reads, writes each reply, and then nothing."""

    def script(talk: Talk) -> None:
        for reply in replies:
            talk.line.recv(99)
            talk.write(reply)
        talk.line.shutdown(socket.SHUT_WR)
        talk.line.recv(99)

    return script


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # httpcore leaves the socket to the garbage collector
@pytest.mark.parametrize(
    ("script", "words", "may_pass"),
    [
        pytest.param(says(b""), "does not speak SOCKS5", True, id="closes"),
        pytest.param(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak SOCKS5", True, id="http"),
        pytest.param(says(b"\x05\x00", b"\x05\x00\x00"), "does not speak SOCKS5", True, id="short"),
        pytest.param(says(b"\x05\xff"), "NO ACCEPTABLE METHODS", False, id="method"),
        pytest.param(says(b"\x05\x00", b"\x05\x05\x00\x01" + bytes(6)), "Connection refused", True, id="refused"),
        # Tried again, a wrong password may lock an account.
        pytest.param(proxy_to(9, b"open"), "Invalid username/password", False, id="wrong-password"),
    ],
)
def test_one_that_fails_is_a_typed_error(make: Make, script: Script, words: str, may_pass: bool) -> None:
    with Peer(script) as proxy, pytest.raises(httpx.ProxyError, match=words) as caught:
        make(proxy=socks(proxy, user="me:planted@" if "password" in words else "")).ask(ELSEWHERE)
    failure = translated(caught.value, "codepipeline.example", None)
    assert isinstance(failure, ConnectionFailedError)
    assert failure.may_pass is may_pass
    assert "planted" not in str(failure)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # the same, when a pause lets it end in the handshake
def test_a_call_ends_in_time(make: Make) -> None:
    with Peer(silent) as peer, Peer(proxy_to(peer.port)) as proxy:
        sender = make(proxy=socks(proxy))
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            sender.ask(ELSEWHERE, 0.5)
        assert 0.49 < time.monotonic() - began < 4, "the upper bound leaves room for a busy machine"


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the URL is not shown, since a password may be in it."""
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "socksio", raising=False)
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(ConfigurationError, match=r"python -m pip install 'httpx\[socks\]'") as caught:
        TransportOptions(proxy="socks5://me:planted@127.0.0.1:1080")
    assert "planted" not in str(caught.value)
