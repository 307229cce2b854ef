"""Who fetches credentials, when, and who waits for them."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import anyio
import pytest

from codepipeline_client import (
    AsyncCodePipelineClient,
    ConnectionFailedError,
    Credentials,
    CredentialsError,
    RequestTimeoutError,
)
from codepipeline_client._credentials import CachedCredentials
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
    run,
    wait_for_refreshes,
)

BACKENDS: Final = ["asyncio", "trio"]
SECOND: Final = 1 / 60


# --- One refresh for all ---


def test_a_provider_runs_in_a_thread_and_its_credentials_are_kept() -> None:
    """It may block, and the next call asks it nothing."""
    threads: list[str] = []

    def provider() -> Credentials:
        threads.append(threading.current_thread().name)
        return credentials()

    cache = cache_of(provider)
    assert cache.fresh() is None
    assert get(cache) == cache.fresh() == get(cache) == credentials()
    assert threads == ["codepipeline_client-credentials"]


def test_fifty_threads_cause_one_fetch() -> None:
    """All wait for the same."""
    source, start = Source((credentials(),)), threading.Barrier(50)
    cache = cache_of(source)

    def caller(_: int) -> Credentials:
        start.wait(LIMIT)
        return get(cache)

    with ThreadPoolExecutor(50) as pool:
        found = pool.map(caller, range(50))
        assert source.entered.acquire(timeout=LIMIT)
        source.gate.set()
    assert list(found) == [credentials()] * 50
    assert source.calls == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync-provider", "async-provider"])
def test_fifty_tasks_cause_one_fetch_and_a_cancelled_one_cancels_no_other(backend: str, is_async: bool) -> None:
    """Not even the one that began it. The event loop goes on while a provider blocks."""
    source, found = Source((LookupError(), credentials())), list[Credentials | CredentialsError]()

    async def main() -> None:
        gate, home = anyio.Event(), anyio.lowlevel.current_token()

        async def provider() -> Credentials:
            await gate.wait()
            assert anyio.lowlevel.current_token() == home  # where its connections live
            return source()

        cache = cache_of(provider if is_async else source, allow_async=True)

        async def caller() -> None:
            try:
                found.append(await get_async(cache))
            except CredentialsError as error:
                found.append(error)

        for _ in range(2):
            source.gate.clear()
            gate = anyio.Event()
            async with anyio.create_task_group() as tasks:
                with anyio.move_on_after(0.05):
                    await cache.get_async()
                for _ in range(50):
                    tasks.start_soon(caller)
                await anyio.wait_all_tasks_blocked()
                source.gate.set()
                gate.set()

    anyio.run(main, backend=backend)
    errors = [error for error in found[:50] if isinstance(error, CredentialsError)]
    errors[0].attempts = 3
    assert [error.attempts for error in errors] == [3] + 49 * [0]  # a shared one would gather the facts of all
    assert {type(error.__cause__) for error in errors} == {LookupError}
    assert found[50:] == [credentials()] * 50
    assert source.calls == 2


def test_starting_a_thread_may_switch_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under gevent: the new thread may need a lock that the caller holds, and never give way."""
    start = threading.Thread.start

    def start_and_finish(thread: threading.Thread) -> None:
        start(thread)
        thread.join(LIMIT)
        assert not thread.is_alive()

    monkeypatch.setattr(threading.Thread, "start", start_and_finish)
    assert get(cache_of(credentials)) == credentials()


def test_without_a_thread_a_call_uses_what_is_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of the interpreter, or at a limit of the system."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    clock = Clock()
    cache = cache_of(open_source(credentials(minutes=60)), clock)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(CredentialsError, match="no thread could be started"):
            get(cache)
    assert get(cache) == credentials(minutes=60)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    for minutes in (46, 55):
        clock.now = NOW + minutes * MINUTE
        assert get(cache) == credentials(minutes=60)


def test_a_clock_that_fails_leaves_nobody_waiting() -> None:
    """It may be the user's own. The next call starts afresh."""
    readings = [0.0, NOW]
    cache = cache_of(credentials, lambda: 1 / readings[0] and readings[1])
    with pytest.raises(CredentialsError, match="broke off") as caught:
        get(cache)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    readings[0] = 1.0
    assert get(cache) == credentials()


# --- Before the expiry, and after it ---

ONE, TWO, ERROR = credentials(1, minutes=60), credentials(2, minutes=120), LookupError()


@pytest.mark.parametrize(
    ("outcomes", "calls"),
    [
        pytest.param([ONE, TWO], [(0, 1, 1), (44, 1, 1), (46, 1, 2), (46, 2, 2)], id="advisory"),
        pytest.param([ONE, TWO], [(0, 1, 1), (51, 2, 2)], id="mandatory"),
        pytest.param(
            [ONE, ERROR, TWO],
            [(0, 1, 1), (46, 1, 2), (46 + 29 * SECOND, 1, 2), (46.5, 1, 3), (46.5, 2, 3)],
            id="advisory-and-failing",
        ),
        pytest.param(
            [ONE, ERROR, TWO],
            [(0, 1, 1), (55, 1, 2), (55 + 29 * SECOND, 1, 2), (55.5, 2, 3)],
            id="mandatory-and-failing",
        ),
        pytest.param(
            [ONE, ERROR, ERROR, TWO], [(0, 1, 1), (60, None, 2), (60, None, 3), (60, 2, 4)], id="expired-and-failing"
        ),
        pytest.param([credentials(1, minutes=-1), ONE], [(0, None, 1), (0, 1, 2)], id="fetched-too-old"),
        pytest.param([credentials(1, minutes=5)], [(0, 1, 1), (29 * SECOND, 1, 1), (0.5, 1, 2)], id="short-lived"),
    ],
)
def test_credentials_are_refreshed_before_they_expire(
    outcomes: list[Credentials | BaseException], calls: list[tuple[float, int | None, int]]
) -> None:
    """For each call: the minute, the number of the credentials or None for an error, and the fetches so far."""
    clock, source = Clock(), open_source(*outcomes)
    cache = cache_of(source, clock)
    for minute, expected, fetches in calls:
        clock.now = NOW + minute * MINUTE
        if expected is None:
            with pytest.raises(CredentialsError, match=r"raised LookupError|ended at 2027-01-15 07:59:00\+00:00: get"):
                get(cache)
        else:
            assert get(cache).access_key_id == f"AKIA{expected}"
        wait_for_refreshes()
        assert source.calls == fetches


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_early_refresh_makes_nobody_wait(backend: str) -> None:
    """Neither threads nor tasks: the old credentials are used while others are fetched."""
    clock, source = Clock(), open_source(ONE, TWO)

    async def main() -> None:
        gate = anyio.Event()
        gate.set()

        async def provider() -> Credentials:
            await gate.wait()
            return source()

        blocking = open_source(ONE, TWO)
        caches = cache_of(provider, clock, allow_async=True), cache_of(blocking, clock)
        assert [await get_async(cache) for cache in caches] == [ONE, ONE]
        gate = anyio.Event()
        blocking.gate.clear()
        clock.now += 46 * MINUTE
        for cache in caches:
            assert cache.fresh() is None
            assert await get_async(cache) == await get_async(cache) == ONE
        gate.set()
        blocking.gate.set()
        await anyio.to_thread.run_sync(wait_for_refreshes)
        assert [cache.fresh() for cache in caches] == [TWO, TWO]

    anyio.run(main, backend=backend)


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
    ("source", "is_cached", "told"),
    [
        pytest.param(lambda: ONE, True, "credentials= gives no others", id="given"),
        pytest.param(lambda: open_source(ONE, credentials(1, minutes=70)), True, "gives no others", id="provided"),
        pytest.param(lambda: open_source(ONE), False, "gives no others", id="of-another-cache"),
        pytest.param(lambda: open_source(ONE, ERROR, ONE), True, "raised LookupError", id="failing"),
    ],
)
def test_stale_credentials_without_others_are_an_error(
    source: Callable[[], object], is_cached: bool, told: str
) -> None:
    """However long they should have lasted. Later calls may use them."""
    cache = cache_of(source())
    if is_cached:
        assert get(cache) == ONE
    with pytest.raises(CredentialsError, match=told):
        get(cache, ONE)
    assert get(cache).access_key_id == "AKIA1"


# --- Sources that hang, and closed clients ---


def test_a_source_that_hung_is_asked_again_some_minutes_later() -> None:
    """Else a client that lives for months would fail from then on. Its first callers get what comes first."""
    gates, calls, now = [threading.Event() for _ in range(3)], [0], [0.0]
    gates[1].set()

    def provider() -> Credentials:
        number = calls[0] = calls[0] + 1
        assert gates[number - 1].wait(LIMIT)
        if number == 1:
            raise LookupError
        return credentials(number)

    cache = CachedCredentials(provider, now=lambda: NOW, monotonic=lambda: now[0], allow_async=False)
    with ThreadPoolExecutor(1) as pool:
        for now[0] in (0.0, 299.0):
            with pytest.raises(TimeoutError):
                cache.get(timeout=0.01)
        hung = next(thread for thread in threading.enumerate() if thread.name == "codepipeline_client-credentials")
        first = pool.submit(get, cache)
        assert calls == [1]
        now[0] = 300.0
        assert get(cache) == first.result() == credentials(2)
    with pytest.raises(TimeoutError):
        cache.get(stale=credentials(2), timeout=0.01)
    gates[0].set()
    hung.join(LIMIT)  # its end does not end the refresh that is in progress now
    with pytest.raises(TimeoutError):
        cache.get(timeout=0.01)
    gates[2].set()
    assert get(cache) == credentials(3)
    assert calls == [3]


def test_a_source_that_never_responds_is_asked_ever_more_seldom() -> None:
    """Each time costs a thread."""
    source, now = Source((credentials(),)), [0.0]
    cache = CachedCredentials(source, now=lambda: NOW, monotonic=lambda: now[0], allow_async=False)
    while now[0] < 30 * 24 * 3600:
        with pytest.raises(TimeoutError):
            cache.get(timeout=0)
        now[0] += 600.0
    source.gate.set()
    wait_for_refreshes()
    assert 8 < source.calls < 20


@pytest.mark.parametrize("way", ["thread", *BACKENDS])
def test_after_a_close_nobody_waits_and_nothing_is_fetched(way: str) -> None:
    """Also nobody who comes after it."""
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
def test_a_refresh_ends_with_its_event_loop(backend: str, is_late: bool, minutes: int) -> None:
    """The next event loop starts one of its own. Python warns of no coroutine that was never awaited."""
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


@pytest.mark.parametrize("way", ["closed", "late"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_async_provider_that_hangs_ends_with_its_loop_in_silence(
    backend: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It outlives its call, and the client. asyncio logs an error for whatever fails at the loop's end."""
    ended: list[BaseException] = []

    async def main() -> None:
        asked = anyio.Event()

        async def provider() -> Credentials:
            asked.set()
            try:
                await anyio.Event().wait()
            except BaseException as error:
                ended.append(error)
                raise
            return credentials()

        client = AsyncCodePipelineClient(
            region_name="eu-west-1",
            credentials=provider,
            endpoint_url="http://127.0.0.1:9",
            timeout=0.2 if way == "late" else LIMIT,
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, client)
            await asked.wait()
            if way == "closed":
                await client.aclose()

    async def call(client: AsyncCodePipelineClient) -> None:
        with pytest.raises(RequestTimeoutError if way == "late" else ConnectionFailedError):
            await client.get_pipeline_execution(
                pipeline_name="web", pipeline_execution_id="3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e"
            )

    with caplog.at_level(logging.WARNING):
        anyio.run(main, backend=backend)
        wait_for_refreshes()
    assert len(ended) == 1
    assert caplog.records == []


def test_an_event_loop_that_stands_still_keeps_no_other_waiting() -> None:
    """It may stop without an end, and whoever waits for it waits for ever."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def provider() -> Credentials:
        loops.append(asyncio.get_running_loop())
        if len(loops) == 1:
            loops[0].call_soon(loops[0].stop)
            await asyncio.Event().wait()
        return credentials(len(loops))

    cache = cache_of(provider, allow_async=True)
    standing = asyncio.new_event_loop()
    waiting = standing.create_task(cache.get_async())
    standing.run_forever()
    assert asyncio.run(get_async(cache)) == credentials(2)
    for task in asyncio.all_tasks(standing):
        task.cancel()
    standing.run_until_complete(asyncio.wait([waiting]))
    standing.run_until_complete(asyncio.sleep(0))
    standing.close()
    wait_for_refreshes()
    assert len(loops) == 2


FORKING: Final = """
import os, threading, time
from codepipeline_client import Credentials
from codepipeline_client._credentials import CachedCredentials

entered, gate, calls, first = threading.Event(), threading.Event(), [], []

def provider():
    calls.append(os.getpid())
    entered.set()
    if len(calls) == 1:
        gate.wait()
    return Credentials(access_key_id=f"AKIA{len(calls)}", secret_access_key="secret")

cache = CachedCredentials(provider, now=time.time, allow_async=False)
caller = threading.Thread(target=lambda: first.append(cache.get(timeout=20)))
caller.start()
entered.wait()
child = os.fork() if hasattr(os, "fork") else None
if not child:
    if child is None:  # no fork on this system: as good as a parent
        gate.set()
    print(cache.get(timeout=20).access_key_id, len(calls), flush=True)
    os._exit(0)
os.waitpid(child, 0)
gate.set()
caller.join()
print(first[0].access_key_id, len(calls))
"""


def test_a_forked_child_does_not_wait_for_its_parents_refresh() -> None:
    """The thread that would end it stayed with the parent, whose own refresh goes on."""
    assert run(FORKING).splitlines() in (["AKIA2 2", "AKIA1 1"], ["AKIA1 1"])
