"""Lookups of hosts: shared, never waited for in vain, and no name that the resolver chokes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from codepipeline_client._http.lookup import Addresses, Lookups, look_up
from codepipeline_client._threads import SharedFuture


class FakeTime:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Resolver:
    """Counts lookups, and answers each when it is told to."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.gates: list[Event] = []

    def __call__(self, host: bytes, port: int, **options: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        if options["flags"]:
            raise socket.gaierror(socket.EAI_NONAME, "not an address")
        gate = Event()
        self.asked.append(host)
        self.gates.append(gate)
        assert gate.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    for gate in resolver.gates:
        gate.set()


def begun(lookups: Lookups, resolver: Resolver) -> SharedFuture[Addresses]:
    count = len(resolver.gates)
    found = lookups.find("far.test", 443)
    assert isinstance(found, SharedFuture)
    while len(resolver.gates) == count:
        pass  # its thread is about to begin
    return found


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)], ids=["ipv4", "ipv6"]
)
def test_an_address_needs_no_lookup(host: str, family: int) -> None:
    assert Lookups().find(host, 443) == [(family, (host, 443))]


def test_a_host_is_looked_up_once_for_all_that_ask_meanwhile(resolver: Resolver) -> None:
    lookups = Lookups()
    first = begun(lookups, resolver)
    assert lookups.find("far.test", 443) is first
    resolver.gates[0].set()
    assert first.result(10) == [(socket.AF_INET, ("127.0.0.1", 443))]
    assert begun(lookups, resolver) is not first


def test_a_lookup_that_is_stuck_is_replaced_ever_more_rarely(resolver: Resolver) -> None:
    time = FakeTime()
    lookups = Lookups(time)
    stuck = begun(lookups, resolver)
    for last_moment, next_moment in ((4.9, 5.0), (14.9, 15.0), (34.9, 35.0)):
        time.now = last_moment
        assert lookups.find("far.test", 443) is stuck
        time.now = next_moment
        another = begun(lookups, resolver)
        assert another is not stuck
        stuck = another
    assert len(resolver.asked) == 4


def test_without_a_thread_a_lookup_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", fail)
    with pytest.raises(OSError, match="no thread could be started"):
        Lookups().find("far.test", 443)


def test_a_host_without_an_address_is_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_address(*_: object, **__: object) -> list[object]:
        return []  # some resolvers do

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    with pytest.raises(socket.gaierror, match=r"far\.test has no address") as caught:
        look_up("far.test", 443)
    assert caught.value.errno == socket.EAI_NONAME


@pytest.mark.parametrize("host", ["a" * 70 + ".test", "x..y"])
def test_what_cannot_be_a_host_is_an_unknown_host(host: str) -> None:
    with pytest.raises(socket.gaierror):
        look_up(host, 443)
