"""Connections: used again when they can be, never when they must not, always bounded; over real sockets."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import select
import socket
import ssl
import sys
import time
import weakref
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from threading import Event, current_thread
from typing import Any
from unittest.mock import Mock

import anyio
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from codepipeline_client._call.failures import may_pass
from codepipeline_client._http import AsyncPooledTransport, PooledTransport, TransportOptions
from codepipeline_client._http import transport as transport_module
from codepipeline_client._http.connection import Connection
from codepipeline_client._http.pool import ConnectionPool, Lease
from codepipeline_client._http.response import ResponseParser
from tests._http.peer import OK, Make, Peer, Script, Sender, Talk, breaks_on_the_second, polite, server_context, silent

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 58000\r\n\r\n" + b"a" * 58_000


@pytest.fixture
def sender(make: Make) -> Sender:
    """A pool of two connections."""
    return make()


def post(url: str) -> httpx.Request:
    return httpx.Request("POST", url, content=b"ask")


# What is used again, and what is not


def waits_for(gate: Event) -> Script:
    """Return a script that responds on the first connection once *gate* is set."""

    def script(talk: Talk) -> None:
        talk.read()
        assert talk.number or gate.wait(10)
        talk.write(OK)
        polite(talk)

    return script


def test_the_connection_used_last_is_used_next_and_the_others_grow_old(make: Make) -> None:
    now, first_may_end = [0.0], Event()
    sender = make(monotonic=lambda: now[0])
    with Peer(waits_for(first_may_end)) as peer, ThreadPoolExecutor(1) as threads:
        first = threads.submit(sender.ask, peer.url)
        assert peer.wait_requests(1)
        assert sender.ask(peer.url) == b"ok"
        first_may_end.set()
        assert first.result() == b"ok"
        for now[0] in (0.0, 10.0, 20.0):
            assert sender.ask(peer.url) == b"ok"
        assert peer.wait_closed(1)
        for now[0] in (34.9, 49.9):
            assert sender.ask(peer.url) == b"ok"
        assert peer.wait_closed(2)
    assert peer.requests == [0, 1, 0, 0, 0, 0, 2]


def test_calls_are_served_first_come_first_served() -> None:
    async def main() -> None:
        async with AsyncPooledTransport(TransportOptions(max_connections=1)) as transport:
            await asyncio.gather(*(transport.handle_async_request(post(f"{peer.url}{n}")) for n in range(5)))

    with Peer(polite) as peer:
        asyncio.run(main())
    assert [head.partition(b" HTTP")[0] for head in peer.heads] == [b"POST /%d" % n for n in range(5)]


def responds(*responses: bytes) -> Script:
    """Return a script that writes one response to each request, and ends with the last one."""

    def script(talk: Talk) -> None:
        for response in responses:
            talk.read()
            talk.write(response)
        talk.line.recv(1)

    return script


def once(script: Script) -> Script:
    """Return *script* for the first connection, followed by polite ones."""
    return lambda talk: (polite if talk.number else script)(talk)


def always(response: bytes) -> Script:
    """Return a script that would respond to the next request on the same connection as well."""
    return responds(*[response] * 3)


def closes_after_one(talk: Talk) -> None:
    talk.read()
    talk.write(OK)


def ends_tls(talk: Talk) -> None:
    """The socket stays open, and nothing can be read from it any more."""
    talk.read()
    talk.write(OK)
    if isinstance(talk.line, ssl.SSLSocket):
        talk.line.unwrap()
        talk.line.recv(1)


@pytest.mark.parametrize(
    ("script", "requests"),
    [
        pytest.param(closes_after_one, [0, 1, 2], id="closed-while-idle"),
        pytest.param(breaks_on_the_second, [0, 0, 1, 1, 2], id="keep-alive-race"),
        pytest.param(always(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")), [0, 1, 2], id="said-close"),
        pytest.param(always(OK.replace(b"1.1", b"1.0")), [0, 1, 2], id="http-1.0"),
        pytest.param(always(OK + OK.replace(b"ok", b"no")), [0, 1, 2], id="a-second-response"),
        pytest.param(always(OK + b"H"), [0, 1, 2], id="a-byte-too-many"),
        pytest.param(always(OK + SWITCH), [0, 1, 2], id="another-protocol"),
        pytest.param(always(OK.replace(b"200", b"503")), [0, 1, 2], id="a-server-error"),
        pytest.param(ends_tls, [0, 1, 2], id="a-goodbye-of-tls"),
    ],
)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_connection_that_is_no_good_is_replaced_unnoticed(
    make: Make, script: Script, requests: list[int], secure: bool, ca_file: str
) -> None:
    sender = make(verify=ca_file)
    with Peer(script, server_context() if secure else None) as peer:
        for number in range(3):
            assert sender.ask(peer.url) == b"ok"
            if script is closes_after_one or (script is ends_tls and not secure):
                assert peer.wait_closed(number + 1)
    assert peer.requests == requests


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("stray", [9, 9_000, 300_000])
def test_what_comes_with_a_response_never_reaches_the_next_request(
    make: Make, ca_file: str, secure: bool, stray: int
) -> None:
    """In the same piece and TLS record or in the next, and in more than is read at once."""
    behind = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % stray + b"b" * stray

    def script(talk: Talk) -> None:
        talk.read()
        talk.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        for record in ([LONG + behind], [OK, behind], [OK])[talk.number]:
            talk.write(record)
        talk.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        polite(talk)

    sender = make(verify=ca_file)
    with Peer(script, server_context() if secure else None) as peer:
        assert [sender.ask(peer.url)[-2:] for _ in range(3)] == [b"aa", b"ok", b"ok"]
    assert peer.requests == [0, 1, 2]


def test_a_response_that_was_not_requested_is_not_given_to_the_next_call(sender: Sender) -> None:
    talks: list[Talk] = []

    def script(talk: Talk) -> None:
        talks.append(talk)
        polite(talk)

    with Peer(script) as peer:
        assert sender.ask(peer.url) == b"ok"
        talks[0].write(OK.replace(b"ok", b"no"))
        assert sender.ask(peer.url) == b"ok"
    assert peer.requests == [0, 1]


@pytest.mark.parametrize(
    ("response", "body"),
    [
        pytest.param(CHUNKED.replace(b"0\r\n", b"0\r\nX-Trailer: a\r\n"), b"ok", id="trailers"),
        pytest.param(INTERIM * 3 + OK, b"ok", id="interim-responses"),
        pytest.param(OK.replace(b"200", b"199") + OK, b"ok", id="interim-response-with-a-body"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", b"", id="no-content"),
        pytest.param(OK.replace(b"OK", b""), b"ok", id="no-reason"),
    ],
)
def test_a_whole_response_leaves_its_connection_to_the_next_call(sender: Sender, response: bytes, body: bytes) -> None:
    with Peer(responds(*[response] * 3)) as peer:
        assert [sender.ask(peer.url) for _ in range(3)] == [body] * 3
    assert peer.requests == [0, 0, 0]


def test_nothing_of_an_interim_response_is_in_the_final_one(sender: Sender) -> None:
    with Peer(responds(INTERIM + b"HTTP/1.1 418 Very Well\r\nA: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n")) as peer:
        response = sender.send(peer.url)
    assert response.status_code == 418
    assert response.headers.raw == [(b"A", b"1"), (b"a", b"2"), (b"Content-Length", b"0")]


def test_a_connection_to_elsewhere_is_not_used(make: Make) -> None:
    sender = make(max_connections=1)
    with Peer(polite) as one, Peer(polite) as two:
        assert [sender.ask(each.url) for each in (one, two, one)] == [b"ok"] * 3
        assert one.wait_closed(1)
        assert two.wait_closed(1)


def test_a_closed_socket_is_no_usable_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Event loops on Windows may notice the end of an idle connection by themselves, and close its socket."""
    sent = Connection.send

    def send_and_close(self: Connection, *arguments: Any) -> httpx.Response:
        response = sent(self, *arguments)
        self.close()
        return response

    monkeypatch.setattr(Connection, "send", send_and_close)
    sender = Sender(TransportOptions(), None)
    with Peer(polite) as peer:
        assert [sender.ask(peer.url) for _ in range(2)] == [b"ok"] * 2
    assert peer.connections == 2


def test_where_there_is_no_poll_select_does_the_same(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows."""
    monkeypatch.delattr(select, "poll", raising=False)

    with Peer(once(closes_after_one)) as peer:
        assert sender.ask(peer.url) == b"ok"
        assert peer.wait_closed(1)
        assert [sender.ask(peer.url) for _ in range(2)] == [b"ok"] * 2
    assert peer.requests == [0, 1, 1]


# What breaks


def resets(talk: Talk) -> None:
    talk.read()
    talk.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def breaks_off(response: bytes) -> Script:
    """Return a script that writes *response* and then nothing; over TLS, without a goodbye."""

    def script(talk: Talk) -> None:
        talk.read()
        talk.write(response)
        talk.line.shutdown(socket.SHUT_WR)
        talk.read()

    return script


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param(breaks_off(b""), "without sending a response", id="hangs-up"),
        pytest.param(resets, "Connection reset|without sending|was closed", id="resets"),  # TLS has one name for both
        pytest.param(breaks_off(b"HTTP/1.1 200 OK\r\nContent-Le"), "before the response headers", id="cut-in-the-head"),
        pytest.param(breaks_off(OK[:-1]), "after 1 bytes of the body", id="cut-in-the-body"),
        pytest.param(breaks_off(CHUNKED[:-8]), "after 1 bytes of the body", id="cut-in-a-chunk"),
        pytest.param(breaks_off(CHUNKED[:-1]), "after 2 bytes of the body", id="cut-in-the-last-chunk"),
        pytest.param(breaks_off(b"\0\xff garbage\r\n\r\n"), "HTTP", id="garbage"),
        pytest.param(responds(OK.replace(b": 2", b": -2")), "Content-Length", id="negative-length"),
        pytest.param(responds(OK.replace(b": 2", b": " + b"9" * 40)), "Content-Length", id="long-length"),
        pytest.param(responds(CHUNKED.replace(b"2\r\nok", b"no")), "chunk size", id="chunk-size"),
        pytest.param(responds(SWITCH), "HTTP 101", id="another-protocol"),
        pytest.param(responds(INTERIM * 3_000), "100 KiB of response headers", id="interim-responses"),
        pytest.param(responds(CHUNKED[:-2] + b"A: b\r\n" * 20_000), "100 KiB around the body", id="flood-of-trailers"),
    ],
)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_broken_response_is_a_failure_and_its_connection_is_closed(
    make: Make, script: Script, words: str, secure: bool, ca_file: str
) -> None:
    sender = make(max_connections=1, verify=ca_file)
    with Peer(once(script), server_context() if secure else None) as peer:
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError), match=words):
            sender.ask(peer.url)
        assert peer.wait_closed(1)
        assert sender.ask(peer.url) == b"ok"
    assert peer.requests == [0, 1]


def test_a_used_connection_that_breaks_within_the_response_is_a_failure(sender: Sender) -> None:
    """The request has been seen: to send it once more is the retry policy's decision."""

    def script(talk: Talk) -> None:
        closes_after_one(talk)
        talk.read()
        talk.write(b"HTTP/1.1 2")

    with Peer(script) as peer:
        assert sender.ask(peer.url) == b"ok"
        with pytest.raises(httpx.RemoteProtocolError):
            sender.ask(peer.url)
    assert peer.requests == [0, 0]


def test_an_interrupt_in_the_parser_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ResponseParser, "on_header", Mock(side_effect=KeyboardInterrupt))
    with Peer(polite) as peer, pytest.raises(KeyboardInterrupt):
        Sender(TransportOptions(), None).ask(peer.url)


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\rb", "a\0b"])
def test_a_header_cannot_smuggle_in_another_one(value: str) -> None:
    with Peer(polite) as peer:
        request = httpx.Request("POST", peer.url, headers={"A": value}, content=b"ask")
        with pytest.raises(httpx.LocalProtocolError, match="a line break or a NUL"):
            PooledTransport(TransportOptions()).handle_request(request)
    assert peer.requests == []


def test_a_response_that_comes_before_the_request_was_sent_counts() -> None:
    """A server may refuse what is too large by its head, and hang up. (asyncio tells tasks of the reset only.)"""

    def refuses(talk: Talk) -> None:
        talk.line.recv(1000)
        talk.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        talk.line.shutdown(socket.SHUT_RDWR)

    with Peer(refuses) as peer:
        response = Sender(TransportOptions(), None).send(peer.url, content=b"x" * 30_000_000)
    assert response.status_code == 413


# Limits of time


def drips(beginning: bytes, rest: bytes, request: bytes = b"\r\n\r\nask") -> Script:
    """Return a script that writes *beginning* after a *request*, then a byte of *rest* now and then, for ever."""

    def script(talk: Talk) -> None:
        if request:
            talk.read(request)
        talk.write(beginning)
        for byte in itertools.cycle(rest):
            talk.write(bytes([byte]))
            if talk.peer.end.wait(0.02):
                break

    return script


HEAD = drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n")
BODY = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x")
HANDSHAKE = drips(b"\x16\x03\x03\x40\x00", b"\0", request=b"")
"""The beginning of a long TLS record that never ends."""
TUNNEL = drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", request=b"\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "scheme", "through"),
    [
        pytest.param(HANDSHAKE, "https", False, id="handshake"),
        pytest.param(HEAD, "http", False, id="head"),
        pytest.param(BODY, "http", False, id="body"),
        pytest.param(HEAD, "https", False, id="head-over-tls"),
        pytest.param(BODY, "https", False, id="body-over-tls"),
        pytest.param(BODY, "http", True, id="through-a-proxy"),
        pytest.param(TUNNEL, "https", True, id="proxy"),
    ],
)
def test_one_byte_after_the_other_does_not_pass_the_deadline(
    make: Make, ca_file: str, script: Script, scheme: str, through: bool
) -> None:
    connects = script in (HEAD, BODY)
    with Peer(script, server_context() if scheme == "https" and connects else None) as peer:
        sender = make(verify=ca_file, proxy=peer.url if through else None)
        url = f"{scheme}://far.test/" if through else f"{scheme}://localhost:{peer.port}/"
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout if connects else httpx.ConnectTimeout):
            sender.ask(url, 0.2)
        # uvloop counts in milliseconds. A busy machine is late; test_faults has the bound that counts.
        assert 0.19 <= time.monotonic() - began < 4


def test_a_handshake_takes_what_a_slow_proxy_has_left_of_the_time(
    ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float | None] = []

    def slow_proxy(talk: Talk) -> None:
        talk.read(b"\r\n\r\n")
        talk.peer.end.wait(0.1)
        talk.write(b"HTTP/1.1 200 OK\r\n\r\n")

    def do_handshake(self: ssl.SSLSocket) -> None:
        limits.append(self.gettimeout())
        raise ConnectionResetError

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", do_handshake)
    with Peer(slow_proxy) as peer, pytest.raises(httpx.ConnectError):
        Sender(TransportOptions(verify=ca_file, proxy=peer.url), None).ask("https://far.test/", connect=5)
    assert 0 < (limits[0] or 0) <= 4.9


def test_a_server_that_takes_nothing_ends_the_request_in_time(sender: Sender) -> None:
    with Peer(lambda talk: talk.peer.end.wait(10)) as peer, pytest.raises((httpx.WriteTimeout, httpx.ReadTimeout)):
        sender.send(peer.url, content=b"x" * 30_000_000, write=0.1, read=0.1)


def test_a_silent_server_gets_a_request_once_over_an_idle_connection_too() -> None:
    """A timeout is no race with a server that closes it."""
    sender = Sender(TransportOptions(), None)
    with Peer(responds(OK, b"")) as peer:
        assert sender.ask(peer.url) == b"ok"
        with pytest.raises(httpx.ReadTimeout):
            sender.ask(peer.url, read=0.1)
        sender.close()
    assert peer.requests == [0, 0]


def test_a_free_connection_is_waited_for_no_longer_than_the_pool_timeout(make: Make) -> None:
    sender, may_end = make(max_connections=1), Event()
    with Peer(waits_for(may_end)) as peer, ThreadPoolExecutor(1) as threads:
        first = threads.submit(sender.ask, peer.url)
        assert peer.wait_requests(1)
        with pytest.raises(httpx.PoolTimeout):
            sender.ask(peer.url, pool=0.02)
        with pytest.raises(httpx.PoolTimeout):
            sender.ask(peer.url, 0.02)
        may_end.set()
        assert [first.result(), sender.ask(peer.url)] == [b"ok", b"ok"]
    assert peer.requests == [0, 0]


def test_a_connection_is_closed_before_its_slot_is_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, is_open, most = Sender(TransportOptions(max_connections=2), None), set[Connection](), list[int]()
    open_it, close_it = Connection.open, Connection.close

    def counted_open(connection: Connection, *arguments: Any) -> None:
        is_open.add(connection)
        most.append(len(is_open))
        open_it(connection, *arguments)

    def counted_close(connection: Connection) -> None:
        close_it(connection)
        is_open.discard(connection)

    monkeypatch.setattr(Connection, "open", counted_open)
    monkeypatch.setattr(Connection, "close", counted_close)
    with Peer(always(OK.replace(b"200", b"503"))) as peer, ThreadPoolExecutor(8) as threads:
        assert [*threads.map(sender.ask, [peer.url] * 100)] == [b"ok"] * 100
        sender.close()
    assert max(most) <= 2


def test_the_parser_of_an_idle_connection_keeps_no_response() -> None:
    parser = ResponseParser()
    parser.feed(LONG)
    assert len(parser.response().read()) == 58_000
    assert not any(each for each in vars(parser).values() if isinstance(each, bytearray))


# Interrupts


class Interrupt(BaseException):
    """Ctrl-C, at a moment of our choice."""


@pytest.mark.parametrize("moment", ["connect", "sendall", "recv"])
@pytest.mark.parametrize("after", [0, 1], ids=["first-call", "next-call"])
def test_an_interrupted_call_loses_no_connection(moment: str, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(TransportOptions(max_connections=1), None)
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


def test_a_call_that_an_interrupt_ends_before_its_own_clean_up_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(TransportOptions(max_connections=1), None)
    with Peer(polite) as peer:
        with monkeypatch.context() as patch, suppress(Interrupt):
            patch.setattr(ConnectionPool, "release", Mock(side_effect=Interrupt))
            sender.ask(peer.url)
        assert sender.ask(peer.url, pool=0) == b"ok"
        sender.close()


def test_a_call_that_is_lost_in_the_queue_is_passed_over() -> None:
    """An interrupt may take it away before it can leave the queue."""
    pool = ConnectionPool[Connection](TransportOptions(max_connections=1))
    first, *waiting = (Lease[Connection]((b"http", b"here", False)) for _ in range(3))
    assert [pool.enter(lease) for lease in (first, *waiting)] == [True, False, False]
    last = waiting.pop()
    waiting.clear()
    gc.collect()
    pool.release(first)
    assert pool.is_granted(last)


def test_a_signal_handler_that_ends_a_call_takes_nobodys_turn() -> None:
    """It comes while a call is granted its turn, and grants that one and the next."""
    pool = ConnectionPool[Connection](TransportOptions(max_connections=2))
    first, second, third, fourth, last = leases = [Lease[Connection]((b"http", b"here", False)) for _ in range(5)]
    assert [pool.enter(lease) for lease in leases] == [True, True, False, False, False]

    def end_the_second() -> None:
        third.wake_by(third.wake_thread)
        pool.release(second)

    third.wake_by(end_the_second)
    pool.release(first)
    assert [pool.is_granted(lease) for lease in (third, fourth, last)] == [True, True, False]
    pool.release(third)
    assert pool.is_granted(last)


# Event loops and processes


async def ask_twice(pool: AsyncPooledTransport, url: str) -> list[bytes]:
    return [(await pool.handle_async_request(post(url))).read() for _ in range(2)]


@pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("trio", "trio"), ("asyncio", "trio")], ids="-then-".join)
def test_one_pool_serves_one_event_loop_after_the_other(backends: tuple[str, str]) -> None:
    with Peer(polite) as peer:
        pool = AsyncPooledTransport(TransportOptions(max_connections=2))
        for backend in backends:
            assert anyio.run(ask_twice, pool, peer.url, backend=backend) == [b"ok", b"ok"]
        assert peer.wait_closed(2)
        anyio.run(pool.aclose)
    assert peer.requests == [0, 0, 1, 1]


def test_event_loops_that_have_ended_are_forgotten() -> None:
    """A function that calls asyncio.run for each event keeps one client, and must not keep all the loops."""
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []
    with Peer(polite) as peer:
        transport = AsyncPooledTransport(TransportOptions())

        async def main() -> None:
            loops.append(weakref.ref(asyncio.get_running_loop()))
            assert await ask_twice(transport, peer.url) == [b"ok", b"ok"]

        for _ in range(5):
            asyncio.run(main())
        gc.collect()
        assert [each() is None for each in loops] == [True] * 4 + [False]  # the last one is known until the next


@pytest.mark.filterwarnings("ignore:asynchronous generator:ResourceWarning")  # asyncio's, for the second one
def test_an_event_loop_may_go_on_after_its_generators_have_ended() -> None:
    """As with a helper that ends them after each call, and keeps the loop."""
    with Peer(polite) as peer, asyncio.Runner() as runner:
        transport = AsyncPooledTransport(TransportOptions())
        for _ in range(2):
            assert runner.run(ask_twice(transport, peer.url)) == [b"ok", b"ok"]
            runner.run(runner.get_loop().shutdown_asyncgens())
        runner.run(transport.aclose())
    assert peer.requests == [0, 0, 1, 1]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # asyncio's, of what a loop did not close
@pytest.mark.parametrize("hooks", [sys.set_asyncgen_hooks, Mock()], ids=["asyncio", "nest-asyncio"])
def test_what_a_closed_loop_has_left_goes_to_the_garbage_collector(hooks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "set_asyncgen_hooks", hooks)
    transport = AsyncPooledTransport(TransportOptions())
    with Peer(polite) as peer:
        for _ in range(2):
            with closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(transport.handle_async_request(post(peer.url)))
        asyncio.run(ask_twice(transport, peer.url))
        del transport
        gc.collect()
        assert peer.wait_closed(3)
    assert peer.requests == [0, 1, 2, 2]


def test_one_pool_serves_two_event_loops_at_once() -> None:
    with Peer(polite) as peer, start_blocking_portal("asyncio") as one, start_blocking_portal("trio") as two:
        pool = AsyncPooledTransport(TransportOptions(max_connections=2))
        for _ in range(2):
            for portal in (one, two):
                assert portal.call(ask_twice, pool, peer.url) == [b"ok", b"ok"]
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


def test_another_process_has_a_pool_of_its_own_and_keeps_no_connection_of_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a forked child, whose sockets are its own: here they are the same, so the parent's are closed."""
    sender = Sender(TransportOptions(max_connections=2), None)
    with Peer(polite) as peer:
        assert sender.ask(peer.url) == b"ok"
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert [sender.ask(peer.url), sender.ask(peer.url)] == [b"ok", b"ok"]
        assert peer.wait_closed(1)
        sender.close()
    assert peer.requests == [0, 1, 1]


# The end


@pytest.mark.parametrize(
    "script",
    [silent, responds(OK[:-1]), responds(b"HTTP/1.1 200 OK\r\n\r\no")],
    ids=["silent", "stops-in-the-body", "stops-in-a-body-without-a-length"],
)
def test_closing_ends_calls_that_wait_for_a_response_or_a_connection(make: Make, script: Script) -> None:
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


def test_closing_from_another_event_loop_ends_calls_too() -> None:
    pool = AsyncPooledTransport(TransportOptions(max_connections=1))
    with Peer(silent) as peer, start_blocking_portal("asyncio") as one, start_blocking_portal("trio") as two:
        calls = [portal.start_task_soon(ask_twice, pool, peer.url) for portal in (one, two)]
        assert peer.wait_requests(2)
        anyio.run(pool.aclose)
        for call in calls:
            with pytest.raises(httpx.ReadError, match="the client was closed"):
                call.result(10)
        assert peer.wait_closed(2)


def test_closing_from_another_thread_ends_a_call_that_just_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    transport, make_end = AsyncPooledTransport(TransportOptions()), vars(transport_module)["_close_at_end"]

    def closing(pool: Any) -> Any:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(anyio.run, transport.aclose).result(10)
        return make_end(pool)

    monkeypatch.setattr(transport_module, "_close_at_end", closing)
    with Peer(polite) as peer, pytest.raises(httpx.ReadError, match="the client was closed"):
        asyncio.run(transport.handle_async_request(post(peer.url)))


def test_a_close_that_is_cancelled_closes_all_connections() -> None:
    async def main() -> None:
        pool = AsyncPooledTransport(TransportOptions(max_connections=5))
        await asyncio.gather(*(pool.handle_async_request(post(peer.url)) for _ in range(5)))
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
        await transport.handle_async_request(post(peer.url))

    kept: list[AsyncIterator[AsyncPooledTransport]] = []
    with Peer(polite) as peer:
        anyio.run(main, backend=backend)
        assert peer.wait_closed(1)


def test_a_pool_that_was_never_used_can_be_closed_or_forgotten(make: Make) -> None:
    make().close()
    gone = weakref.ref(PooledTransport(TransportOptions()))
    assert gone() is None
