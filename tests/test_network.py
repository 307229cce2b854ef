"""Sockets, TLS and names: every step is bounded, nothing is read from beyond an answer, failures keep their reason."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
from collections.abc import Callable, Generator, Iterator
from functools import partial
from itertools import pairwise
from math import inf
from threading import Event, Thread
from typing import Any, NoReturn

import anyio
import anyio.lowlevel
import h11
import pytest
import trustme
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import field, frozen
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._async_network import TaskWire, expire, wake
from codepipeline_client._broken import ConnectError, ConnectTimeout, ReadError, ReadTimeout, WriteTimeout
from codepipeline_client._clock import Deadline
from codepipeline_client._names import Names
from codepipeline_client._network import ThreadWire
from codepipeline_client._roundtrip import MAX_BODY
from codepipeline_client._tls import Closed, may_pass
from codepipeline_client._wire import MOST_WORK, Intake

AUTHORITY: Any = trustme.CA()  # its methods take pyOpenSSL's contexts too, which has no types here


def trusting() -> ssl.SSLContext:
    """Return a client's context."""
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def serving(name: str = "localhost") -> ssl.SSLContext:
    """Return a server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


# The end of an answer


ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "blank-lines-inside": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\r\n\r\n\n\n\r\n\n",
    "continued": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2\r\n\r\n\r\n0\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n",
    "bare-newlines": b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
}


def parsed(intake: Intake, arrivals: list[bytes]) -> tuple[bytes, bytes]:
    """Let h11 read one answer from what the intake hands on. Returns the body, and what h11 has got too much."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    parser.send(h11.EndOfMessage())
    body = b""
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(intake.take() or intake.take(arrivals.pop(0)))
        elif isinstance(event, h11.Response):
            headers = dict(event.headers)
            length = None if b"transfer-encoding" in headers else headers.get(b"content-length")
            intake.expect(None if length is None else int(length))
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return body, parser.trailing_data[0]


def split(content: bytes, cuts: list[int]) -> list[bytes]:
    """Cut *content* at the given places."""
    edges = sorted({0, len(content), *(cut % len(content) for cut in cuts)})
    return [content[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("name", ANSWERS)
@given(cuts=st.lists(st.integers(0, 1000), max_size=12), extra=st.sampled_from([b"", b"H", b"\r\n", *ANSWERS.values()]))
def test_the_parser_gets_one_answer_and_not_a_byte_more(name: str, cuts: list[int], extra: bytes) -> None:
    answer, intake = ANSWERS[name], Intake()
    arrivals = split(answer + extra, cuts)
    assert parsed(intake, arrivals) == (parsed(Intake(), [answer])[0], b"")
    assert (intake.is_clean and not arrivals) == (not extra)


def test_whether_an_answer_has_begun_is_known() -> None:
    intake, seen = Intake(), list[bool]()
    for step in (partial(intake.take, b""), partial(intake.take, b"H"), intake.restart):
        step()
        seen.append(intake.has_begun)
    assert seen == [False, True, False]


def test_a_body_of_blank_lines_does_not_keep_us_busy() -> None:
    """After so many the rest is handed on as it is, and the connection is not trusted any more."""
    intake = Intake()
    intake.expect(None)
    pieces = [intake.take(b"\n\n" * 10_000)]
    while piece := intake.take():
        pieces.append(piece)
    assert b"".join(pieces) == b"\n\n" * 10_000
    assert len(pieces) == 101
    assert not intake.is_clean
    intake.restart()
    assert intake.is_clean


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


def test_an_answer_that_does_not_begin_is_given_up() -> None:
    """Heads may come that only announce another one."""
    intake = Intake()
    piece = intake.take(INTERIM * 1000)
    for _ in range(98):
        assert piece == INTERIM
        piece = intake.take()
    with pytest.raises(ConnectionError, match="announced"):
        intake.take()
    intake.restart()
    assert intake.take(INTERIM) == INTERIM


@pytest.mark.parametrize(
    ("piece", "most"),
    [
        pytest.param(b"1\r\n \r\n" * 1000, 200_000, id="many-small-chunks"),
        pytest.param(b"1;" + b"x" * 60_000 + b"\r\n \r\n", 8_500_000, id="chunks-with-much-beside"),
        pytest.param(b"x" * 60_000, 8_500_000, id="no-lines-at-all"),
    ],
)
def test_an_answer_without_end_is_given_up(piece: bytes, most: int) -> None:
    """By its bytes, and much sooner by its lines, each of which keeps a parser busy."""
    intake = Intake()
    intake.take(b"HTTP/1.1 200 OK\r\n\r\n")
    intake.expect(None)

    def flood() -> None:
        for _ in range(most // len(piece)):
            intake.take(piece)

    with pytest.raises(ConnectionError, match="more came than any"):
        flood()


def test_an_answer_that_tells_its_length_is_measured_by_that_only() -> None:
    """It ends by itself, and who reads it may stop where he likes."""
    intake = Intake()
    assert intake.take(b"HTTP/1.1 200 OK\r\n\r\n") == b"HTTP/1.1 200 OK\r\n\r\n"
    intake.expect(100_000_000)
    for _ in range(10):
        assert len(intake.take(b"\n" * 1_000_000)) == 1_000_000


def test_the_most_that_an_answer_may_take_is_more_than_is_read_of_it() -> None:
    assert MOST_WORK >= 4 * MAX_BODY


# What can never pass


def with_reason(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(ConnectionRefusedError(), True, id="refused"),
        pytest.param(TimeoutError(), True, id="slow"),
        pytest.param(ssl.SSLCertVerificationError(), False, id="certificate"),
        pytest.param(with_reason("WRONG_VERSION_NUMBER"), False, id="plain-text"),
        pytest.param(with_reason("TLSV1_ALERT_PROTOCOL_VERSION"), False, id="tls-version"),
        pytest.param(with_reason("DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), True, id="broken-record"),
        pytest.param(ssl.SSLEOFError(8, "EOF"), True, id="hung-up"),
        pytest.param(socket.gaierror(socket.EAI_NONAME, "unknown"), False, id="unknown-host"),
        pytest.param(socket.gaierror(socket.EAI_AGAIN, "later"), True, id="resolver-down"),
        pytest.param(Closed(), False, id="closed"),
    ],
)
@pytest.mark.parametrize("how", ["itself", "cause", "context"])
def test_what_may_pass(error: BaseException, expected: bool, how: str) -> None:
    outer = error
    if how != "itself":
        outer = OSError("outer")
        setattr(outer, f"__{how}__", error)
    assert may_pass(outer) is expected


# Wires


class Subject:
    """A wire of either kind, as a thread sees it."""

    def __init__(self, portal: BlockingPortal | None) -> None:
        self._portal = portal
        self.wire: Any = self.run(partial(TaskWire if portal else ThreadWire, Names(), lambda: 0.0))

    def run(self, step: Callable[[], Any]) -> Any:
        """Run a step where the wire lives."""
        return step() if self._portal is None else self._portal.call(step)

    def connect(self, host: str, port: int, seconds: float | None = 5) -> None:
        self.run(partial(self.wire.connect, host, port, seconds))

    def start_tls(self, context: ssl.SSLContext, name: str = "localhost", seconds: float | None = 5) -> None:
        self.run(partial(self.wire.start_tls, context, name, seconds))

    def write(self, content: bytes, seconds: float | None = 5) -> None:
        self.run(partial(self.wire.write, content, seconds))

    def read(self, seconds: float | None = 5) -> bytes:
        content: bytes = self.run(partial(self.wire.read, seconds))
        return content

    def read_all(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            content += self.read()
        return content

    def close(self) -> None:
        self.run(self.wire.drop)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def wire(request: pytest.FixtureRequest) -> Iterator[Subject]:
    """A wire that is not connected yet."""
    if request.param == "sync":
        subject = Subject(None)
        yield subject
        subject.close()
    else:
        with start_blocking_portal(request.param) as portal:
            subject = Subject(portal)
            yield subject
            subject.close()


@frozen
class Peer:
    """The other end: a listening socket, and what it accepts."""

    listener: socket.socket

    @property
    def port(self) -> int:
        port: int = self.listener.getsockname()[1]
        return port

    def accept(self) -> socket.socket:
        accepted, _ = self.listener.accept()
        accepted.settimeout(10)
        return accepted


@pytest.fixture
def peer() -> Iterator[Peer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield Peer(listener)


def connected(wire: Subject, peer: Peer) -> socket.socket:
    """Connect, and return the other end."""
    wire.connect("127.0.0.1", peer.port)
    return peer.accept()


@contextlib.contextmanager
def secured(wire: Subject, peer: Peer) -> Generator[ssl.SSLSocket]:
    """Connect and speak TLS. Yields the other end."""
    found: list[ssl.SSLSocket] = []

    def accept() -> None:
        found.append(serving().wrap_socket(peer.accept(), server_side=True))

    thread = Thread(target=accept)
    thread.start()
    wire.connect("localhost", peer.port)
    wire.start_tls(trusting())
    thread.join()
    with found[0] as far:
        yield far


def test_what_is_written_goes_out_in_one_piece_when_it_is_time_to_read(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer) as far:
        wire.write(b"head, ")
        wire.write(b"")
        wire.write(b"body")
        far.sendall(b"answer")
        assert wire.read() == b"answer"
        assert far.recv(100) == b"head, body"


def test_much_is_sent_before_anything_is_read(wire: Subject, peer: Peer) -> None:
    """More than the kernel keeps, so that the wire has to wait for the peer."""
    much = b"x" * 20_000_000
    with connected(wire, peer) as far:
        received: list[int] = []

        def swallow() -> None:
            while sum(received) < len(much):
                received.append(len(far.recv(1 << 20)))
            far.sendall(b"thanks")

        thread = Thread(target=swallow)
        thread.start()
        wire.write(much)
        assert wire.read() == b"thanks"
        thread.join()


def test_a_peer_that_takes_nothing_ends_in_a_write_timeout(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer), pytest.raises(WriteTimeout):
        wire.write(b"x" * 20_000_000, 0.05)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(("reads", "least"), [pytest.param(2, 0, id="an-answer"), pytest.param(50, 40, id="a-flood")])
def test_a_peer_that_is_always_ready_does_not_hold_up_the_loop(
    peer: Peer, backend: str, reads: int, least: int
) -> None:
    """Others have their turns meanwhile. An answer that is there in a moment waits for none of them, on asyncio."""
    turns: list[None] = []

    async def others() -> None:
        while True:
            turns.append(None)
            await anyio.lowlevel.checkpoint()

    async def main() -> None:
        wire = TaskWire(Names(), lambda: 0.0)
        await wire.connect("127.0.0.1", peer.port, 5)
        with peer.accept() as far, contextlib.ExitStack() as stack:
            stack.callback(wire.drop)
            wire.begin(Deadline(None, lambda: 0.0))
            far.sendall(b"x" * 1_000_000)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(others)
                await anyio.lowlevel.checkpoint()
                turns.clear()
                for _ in range(reads):
                    assert len(await wire.read(None)) <= 16 * 1024
                assert len(turns) >= least
                assert backend == "trio" or least or not turns
                tasks.cancel_scope.cancel()

    anyio.run(main, backend=backend)


def test_a_silent_peer_ends_in_a_read_timeout(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer), pytest.raises(ReadTimeout) as caught:
        wire.read(0.05)
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_after_the_deadline_nothing_is_tried(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer) as far:
        far.sendall(b"too late")
        wire.wire.begin(Deadline(0, lambda: 0.0))
        with pytest.raises(ReadTimeout, match="the time for the call is over"):
            wire.read()
        wire.write(b"x")
        with pytest.raises(WriteTimeout, match="the time for the call is over"):
            wire.read()
        with pytest.raises(ConnectTimeout, match="the time for the call is over"):
            wire.connect("127.0.0.1", peer.port)


def test_a_broken_connection_is_a_read_error(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer) as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    with pytest.raises(ReadError) as caught:
        wire.read()
    assert isinstance(caught.value.__cause__, ConnectionResetError)


def test_an_answer_counts_though_the_request_could_not_be_sent(wire: Subject, peer: Peer) -> None:
    """Servers may refuse before they have read everything."""
    with connected(wire, peer) as far:
        far.sendall(b"refused")
        wire.wire.get_extra_info("socket").shutdown(socket.SHUT_WR)
        wire.write(b"request")
        assert wire.read() == b"refused"


def test_where_there_is_no_poll_select_does_the_same(
    wire: Subject, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, and where eventlet took it away."""
    monkeypatch.delattr(select, "poll")
    with connected(wire, peer) as far:
        assert wire.wire.is_quiet
        with pytest.raises(ReadTimeout):
            wire.read(0.01)
        with pytest.raises(WriteTimeout):
            wire.write(b"x" * 20_000_000, 0.05)
        far.sendall(b"answer")
        assert wire.read() == b"answer"


class NoReaders(asyncio.SelectorEventLoop):
    """An event loop as Windows has it."""

    def add_reader(self, fd: object, callback: object, *args: object) -> NoReturn:
        raise NotImplementedError


def test_where_a_loop_has_no_readers_anyio_waits(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows."""
    waits: list[object] = []

    async def main() -> None:
        wire = TaskWire(Names(), lambda: 0.0)
        await wire.connect("127.0.0.1", peer.port, None)
        with peer.accept() as far, contextlib.ExitStack() as stack:
            stack.callback(wire.drop)

            async def wait_readable(opened: socket.socket) -> None:
                waits.append(opened)
                far.sendall(b"answer")
                select.select([opened], [], [], 10)

            monkeypatch.setattr(anyio, "wait_readable", wait_readable)
            await wire.write(b"question", None)
            assert await wire.read(5) == b"answer"

    with asyncio.Runner(loop_factory=NoReaders) as runner:
        runner.run(main())
    assert len(waits) == 1


class Watched(asyncio.SelectorEventLoop):
    """An event loop that counts what is waited for."""

    waits = 0

    def add_reader(  # type: ignore[override]  # the base ties the arguments to the callback
        self, fd: Any, callback: Any, *args: Any
    ) -> None:
        """Count, and wait."""
        self.waits += 1
        super().add_reader(fd, callback, *args)


async def asked(wire: TaskWire, answer: Callable[[], object]) -> int:
    """Return how often one answer was waited for. *answer* is called before the one who asks has his next turn."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Watched)
    before = loop.waits
    wire.begin(Deadline(None, lambda: 0.0))
    await wire.write(b"question", None)
    loop.call_soon(answer)
    assert await wire.read(10) == b"answer"
    return loop.waits - before


def test_an_answer_that_is_there_when_others_had_their_turn_is_not_waited_for(peer: Peer) -> None:
    """In a busy loop most are, and to register with the loop for each would cost several times a look."""

    async def main() -> list[int]:
        wire = TaskWire(Names(), lambda: 0.0)
        await wire.connect("127.0.0.1", peer.port, None)
        with peer.accept() as far, contextlib.ExitStack() as stack:
            stack.callback(wire.drop)

            def soon() -> None:
                far.sendall(b"answer")
                opened = wire.get_extra_info("socket")
                assert isinstance(opened, socket.socket)
                select.select([opened], [], [], 10)

            late = partial(asyncio.get_running_loop().call_later, 0.001, soon)
            answers: list[Callable[[], object]] = [soon, soon, soon, late, *[soon] * 17]
            return [await asked(wire, answer) for answer in answers]

    with asyncio.Runner(loop_factory=Watched) as runner:
        found = runner.run(main())
    assert found == [0, 0, 0, 1, *[1] * 15, 0, 0]


def test_a_false_alarm_is_waited_through(wire: Subject, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel may say that there is something to read, and find that it was damaged."""

    class Alarmed:
        def __init__(self, opened: socket.socket) -> None:
            self._opened = opened
            self._alarms = 1

        def recv(self, most: int) -> bytes:
            if self._alarms:
                self._alarms -= 1
                raise BlockingIOError
            return self._opened.recv(most)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._opened, name)

    with connected(wire, peer) as far:
        wire.wire._socket = Alarmed(wire.wire._socket)
        far.sendall(b"answer")
        assert wire.read() == b"answer"


def test_reading_without_a_connection_is_a_read_error(wire: Subject) -> None:
    with pytest.raises(ReadError, match="not made yet"):
        wire.read()


def test_a_socket_that_somebody_else_closed_is_a_read_error(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer):
        wire.wire.get_extra_info("socket").close()
        wire.write(b"request")
        with pytest.raises(ReadError, match="the socket was closed") as caught:
            wire.read()
    assert isinstance(caught.value.__cause__, ConnectionError)


class Closing:
    """A socket that somebody else closes while the wire is at work with it."""

    def __init__(self, opened: socket.socket) -> None:
        self._opened = opened

    def recv(self, most: int) -> bytes:
        self._opened.close()
        raise BlockingIOError

    def send(self, content: bytes) -> int:
        self._opened.close()
        raise BlockingIOError

    def fileno(self) -> int:
        return self._opened.fileno()

    def close(self) -> None:
        self._opened.close()


@pytest.mark.parametrize("written", [b"", b"request"], ids=["reading", "writing"])
def test_a_socket_that_is_closed_meanwhile_is_a_read_error(wire: Subject, peer: Peer, written: bytes) -> None:
    """Before it would be waited for: who waits for a socket that is closed gets a ValueError."""
    with connected(wire, peer) as far:
        far.sendall(b"answer")
        wire.wire._socket = Closing(wire.wire._socket)
        wire.write(written)
        with pytest.raises(ReadError, match="the socket was closed"):
            wire.read()


@pytest.mark.parametrize("has_poll", [True, False], ids=["poll", "select"])
@pytest.mark.parametrize("seconds", [inf, 1e300, 1e9, 2.0**31])
def test_a_thread_may_wait_as_long_as_it_likes(
    has_poll: bool, seconds: float, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the system can count."""
    if not has_poll:
        monkeypatch.delattr(select, "poll")
    wire = Subject(None)
    with connected(wire, peer) as far, contextlib.closing(wire):
        far.sendall(b"answer")
        assert wire.read(seconds) == b"answer"


def test_a_refused_connection_is_a_connect_error(wire: Subject) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectError) as caught:
        wire.connect("127.0.0.1", port)
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert may_pass(caught.value)


def resolving(
    monkeypatch: pytest.MonkeyPatch, answer: Callable[[], list[tuple[str, int]]], asked: list[str] | None = None
) -> None:
    """Let names have these IPv4 addresses."""

    def getaddrinfo(host: str, port: int, *args: object, **options: Any) -> object:
        if options.get("flags") == socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "not numeric")
        if asked is not None:
            asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in answer()]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_an_address_that_does_not_answer_is_a_connect_timeout(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """For threads, that is: for tasks anyio keeps the time."""

    def unready(opened: socket.socket, seconds: float | None, *, to_write: bool) -> bool:
        return False

    monkeypatch.setattr("codepipeline_client._network.ready", unready)
    wire = ThreadWire(Names(), lambda: 0.0)
    with pytest.raises(ConnectTimeout):
        wire.connect("127.0.0.1", peer.port, 5)


def test_of_an_arrival_and_the_end_of_the_time_the_first_counts() -> None:
    """Both may come in one turn of the loop."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for first, second in ((wake, expire), (expire, wake)):
            waiting = loop.create_future()
            first(waiting)
            second(waiting)
            assert (waiting.exception() is None) is (first is wake)

    asyncio.run(main())


def test_the_next_address_is_tried_when_one_is_dead(wire: Subject, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = listener.getsockname()[1]
    resolving(monkeypatch, lambda: [("127.0.0.1", dead), ("127.0.0.1", peer.port)])
    wire.connect("two.test", 1)
    peer.accept().close()


@pytest.mark.parametrize(
    ("seconds", "among", "share"), [(None, 3, None), (30.0, 3, 10.0), (3.0, 3, 2.0), (1.0, 3, 1.0), (5.0, 1, 5.0)]
)
def test_a_dead_address_leaves_time_for_the_others(seconds: float | None, among: int, share: float | None) -> None:
    wire = ThreadWire(Names(), lambda: 0.0)
    with wire.limited(seconds):
        assert wire.share(among) == share


def test_an_unknown_host_is_a_connect_error_that_cannot_pass(wire: Subject) -> None:
    with pytest.raises(ConnectError) as caught:
        wire.connect("absent.test", 1)
    assert isinstance(caught.value.__cause__, socket.gaierror)
    assert not may_pass(caught.value)


@frozen
class Lookups:
    """What was asked for."""

    asked: list[str] = field(factory=list[str])
    begun: Event = field(factory=Event)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookups]:
    """Names are looked up for ever."""
    lookups, end = Lookups(), Event()

    def hang() -> list[tuple[str, int]]:
        lookups.begun.set()
        end.wait(20)
        return []

    resolving(monkeypatch, hang, lookups.asked)
    yield lookups
    end.set()


def test_a_lookup_that_hangs_is_a_connect_timeout(wire: Subject, hanging: Lookups) -> None:
    with pytest.raises(ConnectTimeout):
        wire.connect("slow.test", 1, 0.05)
    with pytest.raises(ConnectTimeout):
        wire.connect("slow.test", 1, 0.05)
    assert hanging.asked == ["slow.test"]


def test_a_lookup_is_not_waited_for_when_the_client_is_closed(wire: Subject, hanging: Lookups) -> None:
    def abort() -> None:
        assert hanging.begun.wait(10)
        wire.run(wire.wire.abort)

    thread = Thread(target=abort)
    thread.start()
    with pytest.raises(ConnectError, match="the client was closed") as caught:
        wire.connect("slow.test", 1)
    thread.join()
    assert not may_pass(caught.value)


def test_a_lookup_that_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names()
    asked: list[str] = []

    def fail() -> list[tuple[str, int]]:
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    resolving(monkeypatch, fail, asked)
    for _ in range(2):
        found = names.look_up("absent.test", 1)
        assert not isinstance(found, list)
        assert isinstance(found.exception(10), socket.gaierror)
    assert asked == ["absent.test"] * 2


def test_reading_ends_when_the_client_is_closed(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer) as far:
        wire.write(b"request")

        def abort() -> None:
            far.recv(100)
            wire.run(wire.wire.abort)

        thread = Thread(target=abort)
        thread.start()
        with pytest.raises(ReadError, match="the client was closed"):
            wire.read()
        thread.join()
        wire.run(wire.wire.abort)
        wire.write(b"another")
        with pytest.raises(ReadError, match="the client was closed"):
            wire.read()


def test_a_wire_tells_whether_it_is_quiet(wire: Subject, peer: Peer) -> None:
    assert not wire.wire.is_quiet
    with connected(wire, peer) as far:
        assert wire.wire.is_quiet
        far.sendall(b"unasked")
        assert select_readable(wire)
        assert not wire.wire.is_quiet
        assert wire.wire.get_extra_info("is_readable")
        assert wire.read() == b"unasked"
        assert wire.wire.is_quiet
    assert select_readable(wire)
    assert not wire.wire.is_quiet
    wire.close()
    assert not wire.wire.is_quiet


def select_readable(wire: Subject) -> bool:
    """Wait until something has arrived."""
    return bool(select.select([wire.wire.get_extra_info("socket")], [], [], 10)[0])


def test_a_wire_tells_of_itself(wire: Subject, peer: Peer) -> None:
    assert wire.wire.get_extra_info("socket") is None
    with secured(wire, peer):
        assert wire.wire.get_extra_info("ssl_object").version().startswith("TLS")
        assert isinstance(wire.wire.get_extra_info("socket"), socket.socket)
        assert wire.wire.get_extra_info("else") is None
    wire.connect("127.0.0.1", peer.port)
    assert wire.wire.get_extra_info("ssl_object") is None


def test_tls_carries_both_ways(wire: Subject, peer: Peer) -> None:
    with secured(wire, peer) as far:
        wire.write(b"question")

        def answer() -> None:
            assert far.recv(100) == b"question"
            far.sendall(b"x" * 1_000_000)

        thread = Thread(target=answer)
        thread.start()
        assert wire.read_all(1_000_000) == b"x" * 1_000_000
        thread.join()
        assert wire.wire.is_quiet


def test_records_that_nobody_asked_for_are_seen(wire: Subject, peer: Peer) -> None:
    """They may be in TLS's own buffers already, where the socket does not tell of them."""
    with secured(wire, peer) as far:
        far.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        far.sendall(b"unasked")
        assert wire.read() == b"HTTP/1.1 204 No Content\r\n\r\n"
        assert not wire.wire.is_quiet


def test_a_goodbye_is_the_end(wire: Subject, peer: Peer) -> None:
    with secured(wire, peer) as far:

        def say_goodbye() -> None:
            with contextlib.suppress(OSError):  # nobody says it back
                far.unwrap()

        thread = Thread(target=say_goodbye)
        thread.start()
        assert wire.read() == b""
        wire.close()
        thread.join()


def test_hanging_up_without_a_goodbye_is_a_read_error(wire: Subject, peer: Peer) -> None:
    """Else who cuts the connection could cut an answer."""
    with secured(wire, peer) as far:
        socket.close(far.detach())
        with pytest.raises(ReadError) as caught:
            wire.read()
    assert may_pass(caught.value)


@pytest.mark.parametrize(
    ("server", "client", "reason"),
    [
        pytest.param("trusted", "untrusting", "CERTIFICATE_VERIFY_FAILED", id="unknown-authority"),
        pytest.param("elsewhere.test", "trusting", "Hostname mismatch", id="another-name"),
        pytest.param("old", "trusting", "VERSION", id="old-tls"),
        pytest.param("plain", "trusting", "WRONG_VERSION_NUMBER|RECORD_LAYER", id="plain-text"),
    ],
)
def test_tls_that_cannot_be_agreed_on_is_a_connect_error_that_cannot_pass(
    wire: Subject, peer: Peer, server: str, client: str, reason: str
) -> None:
    def serve() -> None:
        context = serving("elsewhere.test" if server == "elsewhere.test" else "localhost")
        if server == "old":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        with peer.accept() as far, contextlib.suppress(OSError):
            if server == "plain":
                far.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                far.recv(10_000)
            else:
                context.wrap_socket(far, server_side=True).close()

    thread = Thread(target=serve)
    thread.start()
    context = trusting() if client == "trusting" else ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    wire.connect("localhost", peer.port)
    with pytest.raises(ConnectError, match=reason) as caught:
        wire.start_tls(context)
    thread.join()
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert not may_pass(caught.value)


def test_a_peer_that_hangs_up_during_the_handshake_may_pass(wire: Subject, peer: Peer) -> None:
    connected(wire, peer).close()
    with pytest.raises(ConnectError) as caught:
        wire.start_tls(trusting())
    assert may_pass(caught.value)


def test_a_handshake_that_hangs_is_a_connect_timeout(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer), pytest.raises(ConnectTimeout):
        wire.start_tls(trusting(), seconds=0.05)


def test_a_connection_that_is_closed_while_it_is_made_fails(wire: Subject, peer: Peer) -> None:
    with connected(wire, peer) as far:

        def abort() -> None:
            far.recv(10_000)
            wire.run(wire.wire.abort)

        thread = Thread(target=abort)
        thread.start()
        with pytest.raises(ConnectError, match="the client was closed"):
            wire.start_tls(trusting())
        thread.join()
    with pytest.raises(ConnectError, match="the client was closed"):
        wire.connect("127.0.0.1", peer.port)


def test_a_name_that_cannot_be_encoded_is_an_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The idna codec refuses empty and long labels before anybody is asked."""

    def refuse(*_: object, **__: object) -> None:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(socket.gaierror, match=r"a\.\.b is no host's name"):
        Names().look_up("a..b", 1)
