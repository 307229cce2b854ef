"""When credentials are refreshed, in which thread, and which calls wait for it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import anyio
import pytest

from codepipeline_client import Credentials, CredentialsError
from codepipeline_client._credentials import cache as cache_module
from tests._credentials.support import (
    LIMIT,
    MINUTE,
    NOW,
    Clock,
    Source,
    cache_of,
    credentials,
    get,
    get_async,
    open_source,
    wait_for_refreshes,
)
from tests.forks import CAN_FORK, MAY_WARN_OF_FORKS, in_child

BACKENDS: Final = ["asyncio", "trio"]


# --- One refresh for all ---


def test_a_refresh_that_an_interrupt_kept_from_starting_is_started_by_a_later_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signal handler may raise an exception at any moment, and the next callers would wait for nothing."""
    now, cache = [0.0], cache_of(open_source(credentials()))
    monkeypatch.setattr(cache_module, "monotonic", lambda: now[0])

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache_module, "run_in_thread", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get(cache)
    with pytest.raises(TimeoutError):
        cache.get(timeout=0.01)
    now[0] = 1.0
    assert cache.get(timeout=LIMIT) == credentials()


def test_fifty_threads_cause_one_fetch() -> None:
    """It runs in a thread of its own, since it may block, and its credentials are kept."""
    source, start = Source((credentials(),)), threading.Barrier(50)
    cache = cache_of(source)
    assert cache.fresh() is None

    def caller(_: int) -> Credentials:
        start.wait(LIMIT)
        return get(cache)

    with ThreadPoolExecutor(50) as pool:
        found = pool.map(caller, range(50))
        assert source.entered.acquire(timeout=LIMIT)
        assert "codepipeline_client-credentials" in {thread.name for thread in threading.enumerate()}
        source.gate.set()
    assert list(found) == [credentials()] * 50
    assert cache.fresh() == get(cache) == credentials()
    assert source.calls == 1


@pytest.mark.anyio
@pytest.mark.parametrize("is_async", [False, True], ids=["sync-provider", "async-provider"])
async def test_fifty_tasks_cause_one_fetch_and_a_cancelled_one_cancels_no_other(is_async: bool) -> None:
    """Not even the one that began it. The event loop goes on while a provider blocks."""
    source, found = Source((credentials(),)), list[Credentials]()
    gate, home = anyio.Event(), anyio.lowlevel.current_token()

    async def provider() -> Credentials:
        await gate.wait()
        assert anyio.lowlevel.current_token() == home  # where its connections live
        return source()

    async def caller() -> None:
        found.append(await get_async(cache))

    cache = cache_of(provider if is_async else source, allow_async=True)
    async with anyio.create_task_group() as tasks:
        with anyio.move_on_after(0.05):
            await cache.get_async()
        for _ in range(50):
            tasks.start_soon(caller)
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
        gate.set()
    assert found == [credentials()] * 50
    assert source.calls == 1


def test_without_a_thread_a_call_uses_what_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of the interpreter, or at a limit of the system."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    clock = Clock()
    cache, empty = (cache_of(open_source(credentials(minutes=60)), clock) for _ in range(2))
    assert get(cache) == credentials(minutes=60)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for minutes in (46, 55):
        clock.now = NOW + minutes * MINUTE
        assert get(cache) == credentials(minutes=60)
    with pytest.raises(CredentialsError, match="no thread could be started"):
        get(empty)


# --- Before the expiry, and after it ---

ONE, TWO, ERROR = credentials(1, minutes=60), credentials(2, minutes=120), LookupError()


REFRESHES: Final[dict[str, tuple[list[Credentials | BaseException], list[tuple[float, int | None, int]]]]] = {
    "advisory": ([ONE, TWO], [(0, 1, 1), (44, 1, 1), (46, 1, 2), (46, 2, 2)]),
    "mandatory": ([ONE, TWO], [(0, 1, 1), (51, 2, 2)]),
    "advisory-fails": ([ONE, ERROR, TWO], [(0, 1, 1), (46, 1, 2), (46.48, 1, 2), (46.5, 1, 3), (46.5, 2, 3)]),
    "mandatory-fails": ([ONE, ERROR, TWO], [(0, 1, 1), (55, 1, 2), (55.48, 1, 2), (55.5, 2, 3)]),
    "expired-fails": ([ONE, ERROR, ERROR, TWO], [(0, 1, 1), (60, None, 2), (60, None, 3), (60, 2, 4)]),
    "fetched-too-old": ([credentials(1, minutes=-1), ONE], [(0, None, 1), (0, 1, 2)]),
    "short-lived": ([credentials(1, minutes=5)], [(0, 1, 1), (0.48, 1, 1), (0.5, 1, 2)]),
    "clock-set-back": ([ONE, ERROR, TWO], [(0, 1, 1), (55, 1, 2), (54.9, 2, 3)]),
}


@pytest.mark.parametrize(("outcomes", "calls"), REFRESHES.values(), ids=REFRESHES)
def test_credentials_are_refreshed_before_they_expire(
    outcomes: list[Credentials | BaseException], calls: list[tuple[float, int | None, int]]
) -> None:
    """For each call: the minute, the number of the credentials or None for an error, and the fetches so far."""
    clock, source = Clock(), open_source(*outcomes)
    cache = cache_of(source, clock)
    for minute, expected, fetches in calls:
        clock.now = NOW + minute * MINUTE
        if expected is None:
            with pytest.raises(CredentialsError, match=r"raised LookupError|expired at 2027-01-15 07:59:00\+00:00"):
                get(cache)
        else:
            assert get(cache).access_key_id == f"AKIA{expected}"
        wait_for_refreshes()
        assert source.calls == fetches


# --- Credentials that the service calls expired ---


def test_stale_credentials_are_replaced_for_all_calls() -> None:
    """The second of two calls that failed with the same credentials gets the others at once."""
    source = open_source(credentials(1), credentials(2))
    cache = cache_of(source)
    assert get(cache) == credentials(1)
    assert get(cache, credentials(1)) == cache.fresh() == credentials(2)
    assert cache.get(stale=credentials(1), timeout=0) == credentials(2)
    assert source.calls == 2


@pytest.mark.parametrize(
    ("source", "is_cached", "message"),
    [
        pytest.param(lambda: ONE, True, "credentials= returned the same ones", id="given"),
        pytest.param(lambda: open_source(ONE, credentials(1, minutes=70)), True, "the same ones", id="provided"),
        pytest.param(lambda: open_source(ONE), False, "returned the same ones", id="of-another-cache"),
        pytest.param(lambda: open_source(ONE, ERROR, ONE), True, "raised LookupError", id="failing"),
    ],
)
def test_stale_credentials_without_others_are_an_error(
    source: Callable[[], object], is_cached: bool, message: str
) -> None:
    """However long they should have lasted. Later calls may use them."""
    cache = cache_of(source())
    if is_cached:
        assert get(cache) == ONE
    with pytest.raises(CredentialsError, match=message):
        get(cache, ONE)
    assert get(cache).access_key_id == "AKIA1"


# --- Sources that hang, and closed clients ---


def test_a_source_that_hung_is_asked_again_some_minutes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a client that lives for months would fail from then on. Its first callers get what comes first."""
    source, now = Source((credentials(1), credentials(2)), waiting_calls=1), [0.0]
    monkeypatch.setattr(cache_module, "monotonic", lambda: now[0])
    cache = cache_of(source)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(get, cache)
        assert source.entered.acquire(timeout=LIMIT)
        now[0] = 299.0
        with pytest.raises(TimeoutError):
            cache.get(timeout=0.01)
        assert source.calls == 1
        now[0] = 300.0
        assert get(cache) == first.result() == credentials(2)
    source.gate.set()
    wait_for_refreshes()


def test_a_source_that_never_responds_occupies_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    source, now = Source((credentials(),)), [0.0]
    monkeypatch.setattr(cache_module, "monotonic", lambda: now[0])
    cache = cache_of(source)
    while now[0] < 30 * 24 * 3600:
        with pytest.raises(TimeoutError):
            cache.get(timeout=0)
        now[0] += 600.0
    source.gate.set()
    wait_for_refreshes()
    assert 8 < source.calls < 20


@pytest.mark.parametrize("way", ["thread", *BACKENDS])
def test_after_a_close_no_call_waits_and_nothing_is_fetched(way: str) -> None:
    source = Source((credentials(),))
    cache = cache_of(source, allow_async=way != "thread")

    def close() -> None:
        assert source.entered.acquire(timeout=LIMIT)
        cache.close()

    closer = threading.Thread(target=close)
    closer.start()
    for _ in range(2):
        with pytest.raises(CredentialsError, match="the client was closed"):
            get(cache) if way == "thread" else anyio.run(get_async, cache, backend=way)
    closer.join(LIMIT)
    source.gate.set()
    assert source.calls == 1


def test_a_signal_handler_may_close_a_cache_in_use() -> None:
    """It runs in the midst of whatever the main thread does, under its locks too."""

    def now() -> float:
        cache.close()
        return NOW

    cache = cache_of(credentials, now)
    with pytest.raises(CredentialsError, match="the client was closed"):
        get(cache)


# --- Event loops and processes ---


@pytest.mark.parametrize("minutes", [pytest.param(60, id="none-cached"), pytest.param(46, id="some-cached")])
@pytest.mark.parametrize("is_late", [False, True], ids=["on-the-loop", "in-the-thread"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_refresh_ends_with_its_event_loop(
    backend: str, is_late: bool, minutes: int, caplog: pytest.LogCaptureFixture
) -> None:
    """In silence, though asyncio logs what fails then, and Python warns of coroutines that were never awaited."""
    clock, calls, entered, ended = Clock(), [0], threading.Event(), threading.Event()

    async def fetch(call: int) -> Credentials:
        if call == 2:
            entered.set()
            await anyio.sleep_forever()
        return credentials(call, minutes=60 * call)

    def provider() -> Awaitable[Credentials]:
        calls[0] += 1
        if calls[0] == 2 and is_late:
            entered.set()
            assert ended.wait(LIMIT)
        return fetch(calls[0])

    async def abandon() -> None:
        with anyio.move_on_after(0.05):
            await cache.get_async()
        await anyio.to_thread.run_sync(entered.wait, LIMIT)

    cache = cache_of(provider, clock, allow_async=True)
    assert anyio.run(get_async, cache, backend=backend) == credentials(1, minutes=60)
    clock.now += minutes * MINUTE
    anyio.run(abandon, backend=backend)
    ended.set()
    wait_for_refreshes()
    gc.collect()
    clock.now += 14 * MINUTE
    assert anyio.run(get_async, cache, backend=backend) == credentials(3, minutes=180)
    assert caplog.records == []


@CAN_FORK
@MAY_WARN_OF_FORKS
def test_a_forked_child_does_not_wait_for_its_parents_refresh() -> None:
    """The thread that would end it stayed with the parent, whose own refresh goes on."""
    source = Source((credentials(1), credentials(2)), waiting_calls=1)
    cache = cache_of(source)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(get, cache)
        assert source.entered.acquire(timeout=LIMIT)
        assert in_child(lambda: get(cache) == credentials(2))
        source.gate.set()
        assert first.result() == credentials(1)
    assert source.calls == 1
