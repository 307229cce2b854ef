"""The connection pool: which call may have a connection, in which order, and which one."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from threading import Event
from types import FrameType
from typing import Any, cast

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._http import TransportOptions
from codepipeline_client._http.pool import ConnectionPool, Lease, PoolClosed, PooledConnection


class FakeConnection(PooledConnection):
    allows_reuse = True


@define
class FakeTime:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


Pool = ConnectionPool[FakeConnection]


class Call(Lease[FakeConnection]):
    """A lease that tells when it was woken."""

    __slots__ = ("has_been_woken", "is_granted_at_once")

    def __init__(self, pool: Pool, connection: FakeConnection | None = None) -> None:
        super().__init__()
        self.has_been_woken = Event()
        self.wake_by(self.has_been_woken.set)
        self.is_granted_at_once = pool.enter(self)
        self.connection = connection


def new_pool(max_connections: int = 2, time: Callable[[], float] | None = None) -> Pool:
    return ConnectionPool(TransportOptions(max_connections=max_connections, monotonic=time or FakeTime()))


def granted(pool: Pool, connection: FakeConnection | None = None) -> Call:
    """Return a lease that need not wait, with a connection if one is given."""
    lease = Call(pool, connection)
    assert lease.is_granted_at_once
    return lease


def idle(pool: Pool, *connections: FakeConnection) -> None:
    """Make connections idle, the last one used last."""
    for lease in [granted(pool, connection) for connection in connections]:
        pool.keep(lease, "here")
        pool.release(lease)


def test_calls_are_served_first_come_first_served_and_no_newcomer_passes() -> None:
    pool = new_pool(max_connections=1)
    holder = granted(pool)
    waiting = [Call(pool) for _ in range(3)]
    for lease in waiting:
        assert not lease.has_been_woken.is_set()
        pool.release(holder)
        assert not Call(pool).is_granted_at_once
        assert lease.has_been_woken.is_set()
        assert pool.is_granted(lease)
        holder = lease


@pytest.mark.parametrize("when", ["waiting", "granted"])
@pytest.mark.parametrize("is_lost", [False, True], ids=["gives-up", "is-lost"])
def test_a_call_that_gives_up_or_is_lost_is_passed_over(when: str, is_lost: bool) -> None:
    """An interrupt between two instructions may take a call away before it can release anything."""
    pool = new_pool(max_connections=1)
    first, last = granted(pool), list[Call]()
    second: Call | None = Call(pool)
    last.append(Call(pool))
    if when == "granted":
        pool.release(first)
    assert second is not None
    if not is_lost:
        pool.release(second)
    second = None
    gc.collect()
    pool.release(first)
    assert pool.is_granted(last[0])  # by looking again


def test_an_old_idle_connection_is_closed_while_a_newer_one_is_used() -> None:
    time, forgotten, busy = FakeTime(), FakeConnection(), FakeConnection()
    pool = new_pool(time=time)
    idle(pool, forgotten, busy)
    time.now = 10.0
    lease = granted(pool, pool.take("here"))
    assert lease.connection is busy
    time.now = 20.0
    pool.keep(lease, "here")
    assert [pool.expired(), pool.expired()] == [forgotten, None]


def test_closing_ends_everything() -> None:
    """Calls in flight and waiting ones are woken, and no new ones are let in."""
    pool, kept, told = new_pool(), FakeConnection(), Event()
    idle(pool, kept)
    first, second = granted(pool), granted(pool, FakeConnection())
    first.wake_by(told.set)
    waiting = Call(pool)
    pool.close()
    pool.close()
    assert told.is_set()
    assert waiting.has_been_woken.is_set()
    for attempt in (lambda: pool.is_granted(waiting), lambda: Call(pool), lambda: second.wake_by(told.set)):
        with pytest.raises(PoolClosed, match="the client was closed"):
            attempt()
    pool.keep(second, "here")
    assert [pool.expired() is None for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("act", ["enter", "release", "keep", "take", "expired"])
def test_a_signal_handler_may_close_the_pool_that_it_interrupts(act: str) -> None:
    """At any line: no deadlock, and later calls are told."""
    moment = 0
    for moment in count(1):
        pool = new_pool(max_connections=2)
        idle(pool, FakeConnection())
        lease, other = granted(pool, FakeConnection()), granted(pool)
        waiting = Call(pool)
        acts: dict[str, Callable[[], object]] = {
            "enter": partial(Call, pool),
            "release": partial(pool.release, other),
            "keep": partial(pool.keep, lease, "here"),
            "take": partial(pool.take, "here"),
            "expired": pool.expired,
        }
        if not interrupted(acts[act], moment, pool.close):
            break
        assert waiting.has_been_woken.is_set()
        with pytest.raises(PoolClosed):
            pool.is_granted(waiting)
    assert moment > 3


def interrupted(act: Callable[[], object], moment: int, handler: Callable[[], object]) -> bool:
    """Call *handler* at the given line of the pool that *act* runs; return False when it runs fewer lines."""
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        nonlocal lines
        if not frame.f_code.co_filename.endswith("pool.py"):
            return None
        if event == "line":
            lines += 1
            if lines == moment:
                sys.settrace(None)
                handler()
        return trace

    before = sys.gettrace()
    sys.settrace(cast("Any", trace))
    try:
        with suppress(PoolClosed):
            act()
    finally:
        sys.settrace(before)
    return lines >= moment


@given(st.lists(st.tuples(st.sampled_from(["come", "keep", "close", "give up"]), st.integers(0, 9)), max_size=60))
def test_whatever_happens_no_lease_is_lost_and_none_too_many_is_granted(events: list[tuple[str, int]]) -> None:
    pool = new_pool(max_connections=3)
    inside: list[Call] = []
    waiting: list[Call] = []
    connections: set[int] = set()
    for event, index in events:
        if event == "come":
            lease = Call(pool)
            (inside if lease.is_granted_at_once else waiting).append(lease)
            if lease.is_granted_at_once:
                lease.connection = pool.take("here") or FakeConnection()
                connections.add(id(lease.connection))
        elif event == "give up" and waiting:
            pool.release(waiting.pop(index % len(waiting)))
        elif event in ("keep", "close") and inside:
            lease = inside.pop(index % len(inside))
            if event == "keep":
                pool.keep(lease, "here")
            else:
                connections.discard(id(lease.connection))
            pool.release(lease)
        while waiting and pool.is_granted(waiting[0]):
            inside.append(waiting.pop(0))
        assert len(inside) <= 3
        assert not waiting or len(inside) == 3
        assert len(connections) <= 3
    for lease in [*inside, *waiting]:
        pool.release(lease)
    last = [Call(pool) for _ in range(3)]
    assert [lease.is_granted_at_once for lease in last] == [True] * 3
