"""The connection pool: who may have a connection, in which order, and which one."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from threading import Event, Thread
from types import FrameType
from typing import Any, cast

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client._call.failures import may_pass
from codepipeline_client._http.pool import ConnectionPool, Lease, PoolClosed


@define(eq=False)
class FakeConnection:
    key: str = "here"
    is_usable: bool = True


@define
class FakeTime:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


Pool = ConnectionPool[FakeConnection]


class Call(Lease[FakeConnection]):
    """A lease that tells when it was woken."""

    __slots__ = ("is_granted_at_once", "woken")

    def __init__(self, pool: Pool, connection: FakeConnection | None = None) -> None:
        self.woken = Event()
        super().__init__(self.woken.set)
        self.is_granted_at_once = pool.enter(self)
        self.connection = connection


def new_pool(max_connections: int = 2, time: Callable[[], float] | None = None) -> Pool:
    return ConnectionPool(max_connections=max_connections, idle_seconds=15.0, monotonic=time or FakeTime())


def granted(pool: Pool, connection: FakeConnection | None = None) -> Call:
    """Return a lease that need not wait, with a connection if one is given."""
    lease = Call(pool, connection)
    assert lease.is_granted_at_once
    return lease


def idle(pool: Pool, *connections: FakeConnection) -> None:
    """Make connections idle, the last one used last."""
    for lease in [granted(pool, connection) for connection in connections]:
        pool.keep(lease)
        pool.release(lease)


def test_there_are_as_many_leases_as_connections() -> None:
    pool = new_pool()
    holders = [granted(pool), granted(pool)]
    late = Call(pool)
    assert not late.is_granted_at_once
    assert not late.woken.is_set()
    assert not pool.is_granted(late)
    assert all(pool.is_granted(each) for each in holders)


def test_calls_are_served_first_come_first_served() -> None:
    pool = new_pool(max_connections=1)
    holder = granted(pool)
    waiting = [Call(pool) for _ in range(3)]
    for lease in waiting:
        assert not lease.woken.is_set()
        pool.release(holder)
        assert lease.woken.is_set()
        assert pool.is_granted(lease)
        holder = lease


def test_a_newcomer_does_not_pass_a_call_that_was_granted_its_turn() -> None:
    pool = new_pool(max_connections=1)
    first = granted(pool)
    second = Call(pool)
    pool.release(first)
    third = Call(pool)
    assert pool.is_granted(second)
    assert not pool.is_granted(third)


@pytest.mark.parametrize("when", ["waiting", "granted"])
def test_a_call_that_gives_up_is_passed_over(when: str) -> None:
    pool = new_pool(max_connections=1)
    first = granted(pool)
    second, third = Call(pool), Call(pool)
    if when == "waiting":
        pool.release(second)
        pool.release(first)
    else:
        pool.release(first)
        pool.release(second)
    assert pool.is_granted(third)
    assert not pool.is_granted(second)


def test_a_release_may_be_repeated() -> None:
    pool = new_pool(max_connections=1)
    first = granted(pool)
    pool.release(first)
    pool.release(first)
    second = granted(pool)
    third = Call(pool)
    assert pool.is_granted(second)
    assert not pool.is_granted(third)


@pytest.mark.parametrize("when", ["waiting", "granted"])
def test_a_lease_that_was_lost_is_given_back(when: str) -> None:
    """An interrupt between two instructions may take a call away before it can release anything."""
    pool = new_pool(max_connections=1)
    first = granted(pool)
    lost: Call | None = Call(pool)
    last = Call(pool)
    if when == "granted":
        pool.release(first)
        assert lost is not None
        assert pool.is_granted(lost)
    lost = None
    gc.collect()
    pool.release(first)
    assert pool.is_granted(last)  # by looking again


def test_the_connection_used_last_is_used_next() -> None:
    pool = new_pool(max_connections=3)
    old, middle, new = FakeConnection(), FakeConnection(), FakeConnection()
    idle(pool, old, middle, new)
    leases = [granted(pool) for _ in range(3)]
    assert [pool.take(lease, "here") for lease in leases] == [True] * 3
    assert [lease.connection for lease in leases] == [new, middle, old]


def test_without_an_idle_connection_there_is_none() -> None:
    pool = new_pool()
    lease = granted(pool)
    assert not pool.take(lease, "here")
    assert lease.connection is None


def test_a_call_without_a_connection_leaves_none_behind() -> None:
    """An interrupt may have taken it before the call could give it back."""
    pool = new_pool()
    lease = granted(pool)
    pool.keep(lease)
    pool.release(lease)
    assert not pool.take(granted(pool), "here")


@pytest.mark.parametrize(
    "unusable", [FakeConnection(is_usable=False), FakeConnection(key="elsewhere")], ids=["broken", "elsewhere"]
)
def test_an_unusable_connection_is_given_to_be_closed_and_then_the_next_one(unusable: FakeConnection) -> None:
    pool, usable = new_pool(), FakeConnection()
    idle(pool, usable, unusable)
    lease = granted(pool)
    assert not pool.take(lease, "here")
    assert lease.connection is unusable
    assert pool.take(lease, "here")
    assert lease.connection is usable


@pytest.mark.parametrize(("after", "is_usable"), [(14.9, True), (15.0, False)], ids=["young", "old"])
def test_an_idle_connection_is_used_until_it_is_too_old(after: float, is_usable: bool) -> None:
    time, connection = FakeTime(), FakeConnection()
    pool = new_pool(time=time)
    idle(pool, connection)
    time.now = after
    lease = granted(pool)
    assert pool.take(lease, "here") is is_usable
    assert lease.connection is connection


def test_old_idle_connections_are_to_be_closed() -> None:
    time, forgotten, busy = FakeTime(), FakeConnection(), FakeConnection()
    pool = new_pool(time=time)
    idle(pool, forgotten, busy)
    time.now = 10.0
    lease = granted(pool)
    pool.take(lease, "here")
    time.now = 20.0
    pool.keep(lease)
    assert pool.expired() == [forgotten]
    assert pool.expired() == []
    assert lease.connection is None


def test_closing_ends_everything() -> None:
    """Calls in flight and waiting ones are woken, and no new ones are let in."""
    pool, kept, told = new_pool(), FakeConnection(), Event()
    idle(pool, kept)
    first, second = granted(pool), granted(pool)
    first.wake_by(told.set)
    second.wake = None  # which waits for nothing at the moment
    waiting = Call(pool)
    pool.close()
    pool.close()
    assert told.is_set()
    assert waiting.woken.is_set()
    for attempt in (lambda: pool.is_granted(waiting), lambda: Call(pool), lambda: second.wake_by(told.set)):
        with pytest.raises(PoolClosed, match="the client was closed") as caught:
            attempt()
        assert not may_pass(caught.value)
    assert pool.expired() == [kept]


def test_a_connection_that_is_kept_after_the_close_is_to_be_closed() -> None:
    pool, used = new_pool(), FakeConnection()
    lease = granted(pool, used)
    pool.close()
    pool.keep(lease)
    assert pool.expired() == [used]


def test_an_abandoned_pool_gives_all_connections_whoever_holds_the_lock() -> None:
    pool, kept, used = new_pool(max_connections=3), FakeConnection(), FakeConnection()
    idle(pool, kept)
    holders = [granted(pool, used), granted(pool)]
    assert pool.abandon() == [used, kept]
    assert pool.abandon() == [used]
    assert pool.is_closed
    assert holders


@pytest.mark.parametrize("act", ["enter", "release", "keep", "take", "expired"])
def test_a_signal_handler_may_close_the_pool_that_it_interrupts(act: str) -> None:
    """At any line: no deadlock, and whoever comes later is told."""
    moment = 0
    for moment in count(1):
        pool = new_pool(max_connections=2)
        idle(pool, FakeConnection())
        lease, other = granted(pool, FakeConnection()), granted(pool)
        waiting = Call(pool)
        acts: dict[str, Callable[[], object]] = {
            "enter": partial(Call, pool),
            "release": partial(pool.release, other),
            "keep": partial(pool.keep, lease),
            "take": partial(pool.take, other, "here"),
            "expired": pool.expired,
        }
        if not interrupted(acts[act], moment, pool.close):
            break
        assert waiting.woken.is_set()
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
            if lease.is_granted_at_once:
                inside.append(lease)
                if not pool.take(lease, "here"):
                    lease.connection = FakeConnection()
                    connections.add(id(lease.connection))
            else:
                waiting.append(lease)
        elif event == "give up" and waiting:
            pool.release(waiting.pop(index % len(waiting)))
        elif event in ("keep", "close") and inside:
            lease = inside.pop(index % len(inside))
            if event == "keep":
                pool.keep(lease)
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


def test_threads_are_served_in_the_order_in_which_they_came() -> None:
    pool = new_pool(max_connections=3)
    holders = [granted(pool) for _ in range(3)]
    order: list[int] = []

    def wait(number: int, lease: Call) -> None:
        assert lease.woken.wait(10)
        order.append(number)
        pool.release(lease)

    threads = [Thread(target=wait, args=(number, Call(pool))) for number in range(27)]
    pool.release(holders[0])
    for thread in threads:
        thread.start()
        thread.join()
    assert order == list(range(27))
