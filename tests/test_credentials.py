"""Where keys come from, how long they last, and that nobody sees them on the way."""

from __future__ import annotations

import asyncio
import copy
import functools
import hashlib
import json
import logging
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from attrs import Factory, define, evolve
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import AsyncCodePipelineClient
from codepipeline_client._credentials import AsyncCredentialsLike, CredentialsCache, CredentialsLike, Freshness, Held
from codepipeline_client._message import Credentials
from codepipeline_client.errors import (
    CodePipelineError,
    ConfigurationError,
    ConnectionFailedError,
    CredentialsError,
    RequestTimeoutError,
)

NOW: Final = 1_800_000_000.0
MINUTE: Final = 60.0
LIMIT: Final = 30.0
"""How long a test waits for what should come at once, in seconds."""

SECRET: Final = "Pl4ntedSecretKey+AbCdEfGhIjKlMnOpQrStUv/"
TOKEN: Final = "Pl4ntedSessionToken" + 6 * "ZyXwVuTsRqPoNmLkJiHg9" + "=="
OTHER: Final = "Pl4ntedSourceKey/aBcDeFgHiJkLmNoPqRsTuV+"
PLANTED: Final = (SECRET, TOKEN, OTHER)
"""What must be seen nowhere; as long as the real ones, and of the same letters."""


def keys(number: int = 1, *, minutes: float | None = None) -> Credentials:
    """Return credentials that differ by *number*, and end *minutes* after NOW."""
    expires_at = None if minutes is None else datetime.fromtimestamp(NOW + minutes * MINUTE, UTC)
    return Credentials(
        access_key_id=f"AKIA{number}", secret_access_key=SECRET, session_token=TOKEN, expires_at=expires_at
    )


def sync_cache(credentials: CredentialsLike | None, now: Callable[[], float] = lambda: NOW) -> CredentialsCache:
    """Return the cache of a sync client."""
    return CredentialsCache(credentials, now=now, allow_async=False)


def async_cache(credentials: AsyncCredentialsLike | None, now: Callable[[], float] = lambda: NOW) -> CredentialsCache:
    """Return the cache of an async client."""
    return CredentialsCache(credentials, now=now, allow_async=True)


def got(found: Credentials | Future[Credentials]) -> Credentials:
    """Return the keys that a sync caller gets."""
    return found if isinstance(found, Credentials) else found.result(LIMIT)


async def awaited(found: Credentials | Future[Credentials]) -> Credentials:
    """Return the keys that an async caller gets, on asyncio or trio."""
    if isinstance(found, Credentials):
        return found
    event, token = anyio.Event(), anyio.lowlevel.current_token()
    found.add_done_callback(
        lambda _: threading.Thread(
            target=anyio.from_thread.run_sync, args=(event.set,), kwargs={"token": token}
        ).start()
    )
    with anyio.fail_after(LIMIT):
        await event.wait()
    return found.result(0)


def settle() -> None:
    """Wait until no refresh is under way."""
    for thread in threading.enumerate():
        if thread.name == "codepipeline_client-credentials":
            thread.join(LIMIT)


@define
class Clock:
    """A time of day that only a test moves."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@define
class Source:
    """A provider that gives the next of its answers, and counts; once its gate is shut, it waits for it to open."""

    answers: list[Credentials | BaseException]
    calls: int = 0
    entered: threading.Semaphore = Factory(lambda: threading.Semaphore(0))
    gate: threading.Event = Factory(threading.Event)

    @classmethod
    def open(cls, *answers: Credentials | BaseException) -> Source:
        source = cls(list(answers))
        source.gate.set()
        return source

    @classmethod
    def shut(cls, *answers: Credentials | BaseException) -> Source:
        return cls(list(answers))

    def __call__(self) -> Credentials:
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        self.entered.release()
        assert self.gate.wait(LIMIT)
        if isinstance(answer, BaseException):
            raise answer
        return answer


# --- How fresh keys are ---


@pytest.mark.parametrize(
    ("left", "since", "expected"),
    [
        pytest.param(float("inf"), 1e9, Freshness.GOOD, id="without-end"),
        pytest.param(15 * MINUTE, 1e9, Freshness.GOOD, id="advisory-window-ahead"),
        pytest.param(15 * MINUTE - 1, 1e9, Freshness.AGING, id="advisory-window"),
        pytest.param(10 * MINUTE, 1e9, Freshness.AGING, id="mandatory-window-ahead"),
        pytest.param(10 * MINUTE - 1, 1e9, Freshness.DUE, id="mandatory-window"),
        pytest.param(14 * MINUTE, 29.0, Freshness.GOOD, id="advisory-just-tried"),
        pytest.param(14 * MINUTE, 30.0, Freshness.AGING, id="advisory-tried-a-while-ago"),
        pytest.param(MINUTE, 29.0, Freshness.GOOD, id="mandatory-just-tried"),
        pytest.param(MINUTE, 30.0, Freshness.DUE, id="mandatory-tried-a-while-ago"),
        pytest.param(MINUTE, -1.0, Freshness.DUE, id="clock-was-set-back"),
        pytest.param(0.0, 1.0, Freshness.DUE, id="ended"),
        pytest.param(-1.0, 1.0, Freshness.DUE, id="ended-and-just-tried"),
    ],
)
def test_freshness_follows_the_windows(left: float, since: float, expected: Freshness) -> None:
    """Others are fetched behind the caller first, before the caller in the end, and not again and again."""
    held = Held(credentials=keys(), ends=NOW + left, tried=NOW - since)
    assert held.freshness(NOW) is expected


@given(left=st.floats(-1e6, 1e6), since=st.floats(-1e6, 1e6))
def test_keys_that_ended_are_never_used(left: float, since: float) -> None:
    """Whatever was tried, and whenever."""
    held = Held(credentials=keys(), ends=NOW + left, tried=NOW - since)
    assert (held.freshness(NOW) is Freshness.DUE) or NOW + left > NOW


# --- What can be given ---


class AsyncCallable:
    """An async provider that is an object."""

    async def __call__(self) -> Credentials:
        return keys()


async def async_provider() -> Credentials:
    """Return keys, as an async provider does."""
    return keys()


def disguised_provider() -> Awaitable[Credentials]:
    """Return keys to be awaited, though nothing about the function tells."""
    return async_provider()


class AsyncKind:
    """What aiobotocore's credentials look like."""

    async def get_frozen_credentials(self) -> object:
        return None


class Frozen(NamedTuple):
    """What botocore's frozen credentials look like."""

    access_key: str
    secret_key: str
    token: str | None


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda: {"aws_secret_access_key": SECRET}, "dict", id="mapping"),
        pytest.param(lambda: ("AKIA", SECRET), "tuple", id="pair"),
        pytest.param(lambda: Frozen("AKIA", SECRET, TOKEN), "Frozen", id="frozen-keys"),
        pytest.param(lambda: SECRET, "str", id="text"),
        pytest.param(lambda: 0, "int", id="number"),
        pytest.param(lambda: async_provider, "async", id="async-function-for-sync-client"),
        pytest.param(lambda: functools.partial(async_provider), "async", id="async-partial-for-sync-client"),
        pytest.param(AsyncCallable, "async", id="async-object-for-sync-client"),
        pytest.param(AsyncKind, "aiobotocore", id="aiobotocore"),
    ],
)
def test_what_gives_no_keys_is_refused_when_it_is_given(make: Callable[[], object], told: str) -> None:
    """A mistake in the code shows where it was made; bare keys do not show at all."""
    with pytest.raises(ConfigurationError, match=told) as caught:
        CredentialsCache(make(), allow_async=False)
    assert hidden(caught.value)


@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(None, id="nothing"),
        pytest.param(keys(), id="keys"),
        pytest.param(keys, id="function"),
        pytest.param(async_provider, id="async-function"),
        pytest.param(AsyncCallable(), id="async-object"),
    ],
)
def test_an_async_client_takes_both_kinds_of_provider(credentials: AsyncCredentialsLike | None) -> None:
    """Making a cache fetches nothing."""
    assert isinstance(async_cache(credentials), CredentialsCache)


def test_keys_given_are_used_at_once() -> None:
    """No thread, no future."""
    given_keys = keys()
    assert sync_cache(given_keys).lease() is given_keys


def test_keys_given_are_used_until_they_end() -> None:
    """There is nothing to fetch others from."""
    clock, given_keys = Clock(), keys(minutes=1)
    cache = sync_cache(given_keys, clock)
    for clock.now in (NOW, NOW + 31, NOW + 59):
        assert cache.lease() is given_keys
    clock.now += 1
    with pytest.raises(CredentialsError, match="ended at 2027-01-15 08:01:00"):
        cache.lease()


def change(**fields: object) -> Credentials:
    """Return keys with some *fields* of any type."""
    changed = copy.copy(keys())
    for name, value in fields.items():
        object.__setattr__(changed, name, value)
    return changed


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param(change(access_key_id=""), "access_key_id", id="empty-id"),
        pytest.param(change(access_key_id="AKIA 1"), "access_key_id", id="space"),
        pytest.param(change(access_key_id="AKIA\r\nHost: evil"), "access_key_id", id="header-injection"),
        pytest.param(change(secret_access_key=f"{SECRET}\n"), "secret_access_key", id="newline"),
        pytest.param(change(secret_access_key=f"{SECRET}é"), "secret_access_key", id="not-ascii"),
        pytest.param(change(secret_access_key=None), "secret_access_key", id="none"),
        pytest.param(change(secret_access_key=SECRET.encode()), "secret_access_key", id="bytes"),
        pytest.param(change(session_token=""), "session_token", id="empty-token"),
        pytest.param(change(session_token=f"{TOKEN}\x7f"), "session_token", id="control"),
        pytest.param(change(expires_at=datetime.fromisoformat("2030-01-01")), "expires_at", id="naive"),
        pytest.param(change(expires_at="2030-01-01T00:00:00Z"), "expires_at", id="text"),
    ],
)
@pytest.mark.parametrize("how", ["given", "provided"])
def test_keys_that_cannot_be_sent_are_refused_unseen(wrong: Credentials, told: str, how: str) -> None:
    """The message names the field and the rule; the value is nowhere."""
    cache = sync_cache(wrong if how == "given" else lambda: wrong)
    with pytest.raises(CredentialsError, match=f"cannot be used: {told} must be") as caught:
        got(cache.lease())
    assert hidden(caught.value)


# --- Providers ---


def test_a_provider_runs_in_a_thread_and_its_keys_are_kept() -> None:
    """It may block, and the next call asks it nothing."""
    threads: list[str] = []

    def provider() -> Credentials:
        threads.append(threading.current_thread().name)
        return keys()

    cache = sync_cache(provider)
    found = cache.lease()
    assert isinstance(found, Future)
    assert found.result(LIMIT) == keys()
    assert cache.lease() == keys()
    assert threads == ["codepipeline_client-credentials"]


def raise_with_secrets() -> Credentials:
    """Fail with keys in a variable, and behind other failures that had some."""
    aws_secret = SECRET
    try:
        fail_deeper(OTHER)
    except ExceptionGroup as group:
        raise LookupError("vault is sealed") from group
    return keys(len(aws_secret))


def fail_deeper(secret: str) -> None:
    """Fail with keys in a parameter."""
    try:
        raise KeyError(len(secret))
    except KeyError as error:
        raise ExceptionGroup("several", [error, ValueError("another")]) from error


def test_a_failing_provider_is_the_cause() -> None:
    """Its own exception, with the lines of its code; nothing of what its variables held, nor those behind it."""
    with pytest.raises(CredentialsError, match=r"^the credentials provider raised LookupError$") as caught:
        got(sync_cache(raise_with_secrets).lease())
    cause = caught.value.__cause__
    assert isinstance(cause, LookupError)
    assert cause.args == ("vault is sealed",)
    assert "raise_with_secrets" in "".join(traceback.format_exception(cause))
    assert isinstance(cause.__cause__, ExceptionGroup)
    assert hidden(caught.value)


@pytest.mark.parametrize(
    ("given_back", "name"),
    [
        pytest.param(None, "NoneType", id="none"),
        pytest.param({"secret": SECRET}, "dict", id="mapping"),
        pytest.param(Frozen("AKIA", SECRET, TOKEN), "Frozen", id="frozen-keys"),
    ],
)
def test_a_provider_that_gives_something_else_is_told_what(given_back: object, name: str) -> None:
    """By its type only."""
    with pytest.raises(CredentialsError, match=f"gave a {name}, not Credentials") as caught:
        got(CredentialsCache(lambda: given_back, allow_async=False).lease())
    assert hidden(caught.value)


def test_a_provider_that_turns_out_async_is_no_use_to_a_sync_client() -> None:
    """Only a call can tell what a plain function returns; what it returned is closed, and warns of nothing."""
    with pytest.raises(CredentialsError, match="gave a coroutine, not Credentials"):
        got(CredentialsCache(disguised_provider, allow_async=False).lease())


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_whatever_ends_a_provider_nobody_is_left_waiting(kind: type[BaseException]) -> None:
    """An exit in a thread that nobody owns is a failure like others."""
    cache = sync_cache(Source.open(kind(), keys()))
    with pytest.raises(CredentialsError, match=kind.__name__) as caught:
        got(cache.lease())
    assert isinstance(caught.value.__cause__, kind)
    assert got(cache.lease()) == keys()


def test_a_broken_clock_leaves_nobody_waiting() -> None:
    """The clock may be the user's own, and fail in the refresh only."""
    cache = sync_cache(keys, lambda: NOW / 0)
    with pytest.raises(CredentialsError, match="broke off") as caught:
        got(cache.lease())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_failure_that_cannot_even_be_told_is_over_when_it_is_over() -> None:
    """The call fails, and the next one starts afresh."""

    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    class Once:
        calls = 0

        def get_frozen_credentials(self) -> Frozen:
            self.calls += 1
            if self.calls == 1:
                raise Unspeakable from KeyError(SECRET)
            return Frozen("AKIA1", SECRET, TOKEN)

    cache = sync_cache(Once())
    with pytest.raises(CredentialsError, match="broke off") as caught:
        got(cache.lease())
    assert hidden(caught.value)
    assert got(cache.lease()) == keys(1)


def test_without_a_thread_to_be_had_the_call_fails_or_uses_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of the interpreter, or at a limit of the system."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    clock = Clock()
    cache = sync_cache(Source.open(keys(minutes=60)), clock)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(CredentialsError, match="no thread could be started"):
            got(cache.lease())
    assert got(cache.lease()) == keys(minutes=60)
    clock.now += 55 * MINUTE
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert got(cache.lease()) == keys(minutes=60)


# --- One refresh for all ---


def together(count: int, ask: Callable[[], Credentials | Future[Credentials]], source: Source) -> list[Credentials]:
    """Return what *count* threads get that all ask before *source* answers."""
    asked, answers, start = threading.Semaphore(0), list[Credentials](), threading.Barrier(count)

    def caller() -> None:
        start.wait(LIMIT)
        found = ask()
        asked.release()
        answers.append(got(found))

    callers = [threading.Thread(target=caller) for _ in range(count)]
    for thread in callers:
        thread.start()
    for _ in callers:
        assert asked.acquire(timeout=LIMIT)
    source.gate.set()
    for thread in callers:
        thread.join(LIMIT)
    return answers


def test_fifty_threads_cause_one_fetch() -> None:
    """All wait for the same."""
    source = Source.shut(keys())
    assert together(50, sync_cache(source).lease, source) == [keys()] * 50
    assert source.calls == 1


@pytest.mark.parametrize("is_async", [False, True], ids=["sync-provider", "async-provider"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_fifty_tasks_cause_one_fetch(backend: str, is_async: bool) -> None:
    """And the loop turns meanwhile: the provider ends only after every task has asked."""
    calls: list[str] = []

    async def main() -> None:
        all_asked = anyio.Event()
        gate = threading.Event()

        async def asynchronous() -> Credentials:
            calls.append(threading.current_thread().name)
            await all_asked.wait()
            return keys()

        def synchronous() -> Credentials:
            calls.append(threading.current_thread().name)
            assert gate.wait(LIMIT)
            return keys()

        cache = async_cache(asynchronous if is_async else synchronous)
        answers: list[Credentials] = []
        asked = 0

        async def caller() -> None:
            nonlocal asked
            found = cache.lease()
            asked += 1
            if asked == 50:
                all_asked.set()
                gate.set()
            answers.append(await awaited(found))

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(caller)
        assert answers == [keys()] * 50

    anyio.run(main, backend=backend)
    assert calls == ["MainThread" if is_async else "codepipeline_client-credentials"]


def test_a_waiter_cannot_cancel_the_refresh_of_the_others() -> None:
    """asyncio passes a cancelled wait on to the future; trio does not know it."""

    async def main() -> None:
        source = Source.shut(keys())
        cache = async_cache(source)
        found = cache.lease()
        assert isinstance(found, Future)
        wait = asyncio.ensure_future(asyncio.wrap_future(found))
        await asyncio.sleep(0)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        await asyncio.sleep(0)  # asyncio passes it on in the loop's next turn
        again = cache.lease()
        source.gate.set()
        assert await awaited(again) == keys()
        assert source.calls == 1

    asyncio.run(main())


def test_each_waiter_gets_an_error_of_its_own() -> None:
    """Raised by several, one would gather the frames and the facts of all."""
    source = Source.shut(LookupError())
    cache = sync_cache(source)
    found, same = cache.lease(), cache.lease()
    assert isinstance(found, Future)
    assert found is same
    source.gate.set()
    errors = [found.exception(LIMIT), found.exception(LIMIT)]
    for _ in range(2):
        with pytest.raises(CredentialsError) as caught:
            found.result(LIMIT)
        errors.append(caught.value)
    first = errors[0]
    assert isinstance(first, CodePipelineError)
    first.attempts = 3
    assert [getattr(error, "attempts", None) for error in errors] == [3, 0, 0, 0]
    assert {type(error.__cause__) for error in errors if error} == {LookupError}
    assert len({id(error) for error in errors}) == 4


def test_who_looked_just_before_a_refresh_ended_causes_no_other() -> None:
    """Between the look and the lock, another thread may have fetched."""
    looked, go = threading.Event(), threading.Event()

    class Slow(Clock):
        def __call__(self) -> float:
            if threading.current_thread().name == "late":
                looked.set()
                assert go.wait(LIMIT)
            return self.now

    clock = Slow()
    source = Source.open(keys(1, minutes=20), keys(2, minutes=80), keys(3, minutes=80))
    cache = sync_cache(source, clock)
    assert got(cache.lease()) == keys(1, minutes=20)
    clock.now += 15 * MINUTE
    late: list[Credentials] = []
    thread = threading.Thread(target=lambda: late.append(got(cache.lease())), name="late")
    thread.start()
    assert looked.wait(LIMIT)
    assert got(cache.lease()) == keys(2, minutes=80)
    go.set()
    thread.join(LIMIT)
    assert late == [keys(2, minutes=80)]
    assert source.calls == 2


# --- Before the end, at the end, after it ---


def test_an_early_refresh_makes_nobody_wait() -> None:
    """The old keys are given while others are fetched, and the others from then on."""
    clock, source = Clock(), Source.open(keys(1, minutes=60), keys(2, minutes=120))
    cache = sync_cache(source, clock)
    assert got(cache.lease()) == keys(1, minutes=60)
    source.gate.clear()
    clock.now += 46 * MINUTE
    assert [cache.lease() for _ in range(5)] == [keys(1, minutes=60)] * 5
    source.gate.set()
    settle()
    assert cache.lease() == keys(2, minutes=120)
    assert source.calls == 2


@pytest.mark.parametrize("minutes", [pytest.param(46, id="advisory"), pytest.param(55, id="mandatory")])
def test_a_failing_refresh_is_not_seen_while_the_keys_last(minutes: int) -> None:
    """Nor is it tried again at once; when it goes well in the end, the keys are new."""
    clock, source = Clock(), Source.open(keys(1, minutes=60), LookupError(), keys(2, minutes=120))
    cache = sync_cache(source, clock)
    assert got(cache.lease()) == keys(1, minutes=60)
    clock.now += minutes * MINUTE
    assert got(cache.lease()) == keys(1, minutes=60)
    settle()
    clock.now += 29
    assert cache.lease() == keys(1, minutes=60)
    assert source.calls == 2
    clock.now += 1
    got(cache.lease())
    settle()
    assert cache.lease() == keys(2, minutes=120)
    assert source.calls == 3


def test_near_the_end_callers_wait_for_others() -> None:
    """The keys at hand could end before the call does."""
    clock, source = Clock(), Source.open(keys(1, minutes=60), keys(2, minutes=120))
    cache = sync_cache(source, clock)
    got(cache.lease())
    clock.now += 51 * MINUTE
    assert got(cache.lease()) == keys(2, minutes=120)


def test_keys_that_ended_are_an_error_when_there_are_no_others() -> None:
    """And each call asks anew: the source may have recovered."""
    clock, source = Clock(), Source.open(keys(1, minutes=60), LookupError(), LookupError(), keys(2, minutes=120))
    cache = sync_cache(source, clock)
    got(cache.lease())
    clock.now += 60 * MINUTE
    for _ in range(2):
        with pytest.raises(CredentialsError) as caught:
            got(cache.lease())
        assert isinstance(caught.value.__cause__, LookupError)
    assert got(cache.lease()) == keys(2, minutes=120)


def test_keys_that_come_too_old_are_an_error() -> None:
    """Whether the source or the clock is wrong, the message names both."""
    with pytest.raises(CredentialsError, match=r"ended at 2027-01-15 07:59:00\+00:00: get new ones, or correct"):
        got(sync_cache(lambda: keys(minutes=-1)).lease())


def test_keys_that_come_with_little_time_are_used_for_a_while() -> None:
    """Not fetched again by every call."""
    clock, source = Clock(), Source.open(keys(1, minutes=5))
    cache = sync_cache(source, clock)
    for clock.now in (NOW, NOW + 1, NOW + 29):
        assert got(cache.lease()) == keys(1, minutes=5)
    assert source.calls == 1
    clock.now = NOW + 30
    got(cache.lease())
    assert source.calls == 2


# --- Keys that the service calls expired ---


def test_renewed_keys_are_others() -> None:
    """And they are the keys of all calls from then on."""
    source = Source.open(keys(1), keys(2))
    cache = sync_cache(source)
    assert got(cache.lease()) == keys(1)
    assert got(cache.renew(keys(1))) == keys(2)
    assert cache.lease() == keys(2)


def test_keys_that_were_renewed_already_are_given_at_once() -> None:
    """The second of two calls that failed with the same keys."""
    source = Source.open(keys(1), keys(2))
    cache = sync_cache(source)
    got(cache.lease())
    got(cache.renew(keys(1)))
    assert cache.renew(keys(1)) == keys(2)
    assert source.calls == 2


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: keys(1, minutes=60), id="given"),
        pytest.param(lambda: Source.open(keys(1, minutes=60), keys(1, minutes=70)), id="provided"),
    ],
)
def test_keys_that_do_not_change_are_an_error(make: Callable[[], CredentialsLike]) -> None:
    """The call that was refused is not tried again with the same; later ones may be."""
    cache = sync_cache(make())
    stale = got(cache.lease())
    with pytest.raises(CredentialsError, match=r"calls the credentials expired, and .* gives no others"):
        got(cache.renew(stale))
    assert got(cache.lease()).access_key_id == stale.access_key_id


def test_keys_that_the_service_refused_are_no_way_out() -> None:
    """When they cannot be renewed, that is an error, however long they should have lasted."""
    source = Source.open(keys(1, minutes=60), LookupError(), keys(2, minutes=60))
    cache = sync_cache(source)
    stale = got(cache.lease())
    with pytest.raises(CredentialsError) as caught:
        got(cache.renew(stale))
    assert isinstance(caught.value.__cause__, LookupError)
    assert got(cache.lease()) == keys(2, minutes=60)


def test_fifty_renewals_cause_one_fetch() -> None:
    """And who only leases waits with them, since the keys at hand are known to be refused."""
    source = Source.open(keys(1), keys(2))
    cache = sync_cache(source)
    got(cache.lease())
    source.gate.clear()
    leased: list[Credentials | Future[Credentials]] = []

    def ask() -> Credentials | Future[Credentials]:
        found = cache.renew(keys(1))
        leased.append(cache.lease())
        return found

    assert together(50, ask, source) == [keys(2)] * 50
    assert {got(found) for found in leased} == {keys(2)}
    assert source.calls == 2


def test_keys_of_another_cache_are_renewed_by_fetching() -> None:
    """Nothing was fetched here before: what comes may be the very same."""
    assert got(sync_cache(Source.open(keys(2))).renew(keys(1))) == keys(2)
    with pytest.raises(CredentialsError, match="gives no others"):
        got(sync_cache(Source.open(keys(1))).renew(keys(1)))


# --- Event loops ---


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_provider_runs_on_the_loop_of_the_call(backend: str) -> None:
    """Where its own connections live; also when a plain function makes the coroutine."""

    async def main() -> None:
        home = anyio.lowlevel.current_token()
        seen: list[bool] = []

        async def provider() -> Credentials:
            await anyio.lowlevel.checkpoint()
            seen.append(anyio.lowlevel.current_token() == home)
            return keys()

        def disguised() -> Awaitable[Credentials]:
            return provider()

        assert await awaited(async_cache(provider).lease()) == keys()
        assert await awaited(async_cache(disguised).lease()) == keys()
        assert seen == [True, True]

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_failing_async_provider_is_the_cause(backend: str) -> None:
    """As a sync one is, and as unseen."""

    async def provider() -> Credentials:
        await anyio.lowlevel.checkpoint()
        return raise_with_secrets()

    async def main() -> None:
        with pytest.raises(CredentialsError, match=r"^the credentials provider raised LookupError$") as caught:
            await awaited(async_cache(provider).lease())
        assert isinstance(caught.value.__cause__, LookupError)
        assert hidden(caught.value)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("minutes", [pytest.param(0, id="none-at-hand"), pytest.param(46, id="some-at-hand")])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_when_a_loop_ends_its_refresh_ends_with_it(backend: str, minutes: int) -> None:
    """The next loop starts one of its own, at once: what was cut off says nothing about the source."""
    clock, calls = Clock(), 0

    async def provider() -> Credentials:
        nonlocal calls
        calls += 1
        if calls == 2:
            started.set()
            await anyio.sleep_forever()
        return keys(calls, minutes=60 * calls)

    async def first() -> None:
        assert await awaited(cache.lease()) == keys(1, minutes=60)

    async def second() -> None:
        cache.lease()
        await anyio.to_thread.run_sync(started.wait, LIMIT)

    async def third() -> None:
        await awaited(cache.lease())
        await anyio.to_thread.run_sync(settle)
        assert await awaited(cache.lease()) == keys(3, minutes=180)

    started = threading.Event()
    cache = async_cache(provider, clock)
    anyio.run(first, backend=backend)
    clock.now += (minutes or 60) * MINUTE
    anyio.run(second, backend=backend)
    settle()
    anyio.run(third, backend=backend)
    assert calls == 3


@pytest.mark.parametrize("way", ["closed", "late"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
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
            raise AssertionError("nobody wakes it")

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
        settle()
    assert len(ended) == 1
    assert caplog.records == []


def test_a_loop_that_stands_still_keeps_no_other_waiting() -> None:
    """A loop may stop without an end, and whoever waits for it waits for ever."""
    calls: list[asyncio.AbstractEventLoop] = []

    async def provider() -> Credentials:
        calls.append(asyncio.get_running_loop())
        if len(calls) == 1:
            started.set()
            await asyncio.Event().wait()
        return keys(len(calls))

    async def begin() -> None:
        assert isinstance(cache.lease(), Future)
        await asyncio.to_thread(started.wait, LIMIT)

    async def main() -> None:
        assert await awaited(cache.lease()) == keys(2)

    started = threading.Event()
    cache = async_cache(provider)
    standing = asyncio.new_event_loop()
    try:
        standing.run_until_complete(begin())
        asyncio.run(main())
    finally:
        for task in asyncio.all_tasks(standing):
            task.cancel()
        standing.run_until_complete(asyncio.sleep(0))
        standing.run_until_complete(standing.shutdown_default_executor())
        standing.close()
    settle()
    assert len(calls) == 2


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_that_ended_before_its_refresh_began_is_an_error(backend: str) -> None:
    """The thread starts late: nothing hangs, and nothing warns of a coroutine that was never awaited."""
    entered, ended = threading.Event(), threading.Event()

    def late() -> Awaitable[Credentials]:
        entered.set()
        assert ended.wait(LIMIT)
        return async_provider()

    async def main() -> Future[Credentials]:
        found = async_cache(late).lease()
        assert isinstance(found, Future)
        await anyio.to_thread.run_sync(entered.wait, LIMIT)
        return found

    found = anyio.run(main, backend=backend)
    ended.set()
    with pytest.raises(CredentialsError, match="RunFinishedError"):
        found.result(LIMIT)


# --- botocore's credentials objects ---


class Plain:
    """botocore's long-term credentials."""

    def get_frozen_credentials(self) -> Frozen:
        return Frozen("AKIA1", SECRET, "")


def refreshable(left: timedelta | None, refresh: Callable[[], object], number: int = 1) -> CredentialsLike:
    """Return botocore's own credentials object, which lasts for the time *left*."""
    kind = import_module("botocore.credentials").RefreshableCredentials
    expiry_time = None if left is None else datetime.now(UTC) + left
    made: CredentialsLike = kind(f"AKIA{number}", SECRET, TOKEN, expiry_time, refresh, "test")
    return made


def told(number: int, left: timedelta) -> dict[str, str]:
    """Return what botocore's refreshing functions return."""
    expiry_time = (datetime.now(UTC) + left).isoformat()
    return {"access_key": f"AKIA{number}", "secret_key": SECRET, "token": TOKEN, "expiry_time": expiry_time}


def never() -> object:
    """Refuse to be asked."""
    raise AssertionError("no refresh was due")


def test_plain_botocore_credentials_have_no_end() -> None:
    """An empty token is none."""
    expected = Credentials(access_key_id="AKIA1", secret_access_key=SECRET)
    assert got(sync_cache(Plain()).lease()) == expected


@given(minutes=st.floats(15.5, 1e6))
def test_the_end_of_botocore_credentials_is_found(minutes: float) -> None:
    """To the second, and never too late, by asking only what may be asked in public."""
    found = got(sync_cache(refreshable(timedelta(minutes=minutes), never)).lease())
    assert found.expires_at is not None
    missing = NOW + minutes * MINUTE - found.expires_at.timestamp()
    assert 0 <= missing < 1 + LIMIT
    assert evolve(found, expires_at=None) == keys(1)


@pytest.mark.parametrize(
    "left", [pytest.param(None, id="nobody-said"), pytest.param(timedelta(days=36500), id="in-a-century")]
)
def test_botocore_credentials_may_have_no_end(left: timedelta | None) -> None:
    """Or one that nobody will see."""
    assert got(sync_cache(refreshable(left, never)).lease()) == keys(1)


def test_botocore_credentials_refresh_themselves() -> None:
    """Near their end, asking for them is what renews them."""
    source = refreshable(timedelta(minutes=5), lambda: told(2, timedelta(hours=1)))
    found = got(sync_cache(source).lease())
    assert evolve(found, expires_at=None) == keys(2)
    assert found.expires_at is not None
    assert 0 <= NOW + 60 * MINUTE - found.expires_at.timestamp() < 1 + LIMIT


def test_botocore_credentials_that_cannot_refresh_in_time_are_used(records: Records) -> None:
    """botocore would warn, with the frames of the failure; here others are asked for a little later."""

    def refresh() -> object:
        secret = OTHER
        raise LookupError(len(secret))

    found = got(sync_cache(refreshable(timedelta(minutes=12), refresh)).lease())
    assert evolve(found, expires_at=None) == keys(1)
    assert found.expires_at is not None
    assert not records.texts


def test_botocore_credentials_that_are_fetched_late_are_fetched() -> None:
    """Those of a role have no keys before they are asked for some."""
    kind = import_module("botocore.credentials").DeferredRefreshableCredentials
    found = got(sync_cache(kind(lambda: told(3, timedelta(hours=1)), "test")).lease())
    assert evolve(found, expires_at=None) == keys(3)
    assert found.expires_at is not None


def test_keys_and_end_belong_together_when_someone_else_refreshes_them() -> None:
    """An end that is read after the keys may be that of the next ones."""

    class Shared:
        asked = 0

        def get_frozen_credentials(self) -> Frozen:
            self.asked += 1
            return Frozen(f"AKIA{self.asked}", SECRET, TOKEN)

        def refresh_needed(self, refresh_in: int) -> bool:
            return refresh_in > 3600

    found = got(sync_cache(Shared()).lease())
    assert found == keys(2, minutes=60)


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        pytest.param(ValueError(f"cannot parse {SECRET}"), "ValueError: cannot parse .hidden.$", id="message"),
        pytest.param(
            json.JSONDecodeError("bad", f'{{"k": "{SECRET}"', 3), "JSONDecodeError: bad: line 1", id="document"
        ),
        pytest.param(
            UnicodeDecodeError("utf-8", SECRET.encode(), 3, 4, "bad"), "UnicodeDecodeError: .* 0x6e", id="bytes"
        ),
        pytest.param(
            OSError(2, "No such file", "/usr/local/bin/" + "company-tools/" * 5),
            "FileNotFoundError: .*company-tools/'$",
            id="path",
        ),
        pytest.param(LookupError("sha " + "0123456789abcdef" * 4), "LookupError: sha 0123", id="digest"),
    ],
)
def test_what_botocore_fails_with_is_told_without_what_it_holds(raised: Exception, shown: str) -> None:
    """What looks like a secret is masked, what only the exception held is gone, and the rest can be read."""
    vars(raised).update(request={"token": TOKEN}, code=7, response={"Error": {"Code": "bad", "Extra": SECRET}})

    def refresh() -> object:
        secret = OTHER
        raise raised from KeyError(secret)

    with pytest.raises(CredentialsError, match=f"^botocore's credentials object failed with {shown}") as caught:
        got(sync_cache(refreshable(timedelta(minutes=5), refresh)).lease())
    assert hidden(caught.value)
    cause = caught.value.__cause__
    assert cause is not None
    assert cause.__context__ is None
    if not isinstance(raised, UnicodeError):
        assert cause is raised
        assert vars(cause)["code"] == 7


# --- The environment, and botocore's chain ---


def environment(**variables: str) -> dict[str, str]:
    """Return AWS variables by their short names."""
    return {f"AWS_{name}": value for name, value in variables.items()}


def oracle(profile_name: str | None = None) -> Credentials:
    """Return the keys that botocore itself finds."""
    found = import_module("botocore.session").Session(profile=profile_name).get_credentials().get_frozen_credentials()
    return Credentials(access_key_id=found.access_key, secret_access_key=found.secret_key, session_token=found.token)


BARE: Final = environment(ACCESS_KEY_ID="AKIA1", SECRET_ACCESS_KEY=SECRET)


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(BARE, id="long-term"),
        pytest.param(BARE | environment(SESSION_TOKEN=TOKEN), id="token"),
        pytest.param(BARE | environment(SECURITY_TOKEN=TOKEN), id="old-token"),
        pytest.param(BARE | environment(SESSION_TOKEN="new", SECURITY_TOKEN="old"), id="both-tokens"),
        pytest.param(BARE | environment(SESSION_TOKEN="", SECURITY_TOKEN=""), id="empty-tokens"),
        pytest.param(BARE | environment(SESSION_TOKEN=TOKEN, CREDENTIAL_EXPIRATION="2040-01-01T00:00:00Z"), id="end"),
        pytest.param(BARE | environment(CREDENTIAL_EXPIRATION=""), id="empty-end"),
    ],
)
def test_environment_keys_are_those_of_botocore(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Answered at once, without a thread."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = CredentialsCache(None, allow_async=True).lease()
    assert isinstance(found, Credentials)
    assert evolve(found, expires_at=None) == oracle()
    expiration = variables.get("AWS_CREDENTIAL_EXPIRATION")
    assert found.expires_at == (datetime.fromisoformat(expiration) if expiration else None)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        pytest.param({"AWS_ACCESS_KEY_ID": "AKIA1"}, "without AWS_SECRET_ACCESS_KEY", id="no-secret"),
        pytest.param(BARE | environment(SECRET_ACCESS_KEY="", SESSION_TOKEN=TOKEN), "without AWS_SECRET", id="empty"),
        pytest.param(
            BARE | environment(CREDENTIAL_EXPIRATION="soon"), "AWS_CREDENTIAL_EXPIRATION 'soon'", id="no-time"
        ),
        pytest.param(BARE | environment(CREDENTIAL_EXPIRATION="2040-01-01T00:00:00"), "its zone", id="naive-time"),
        pytest.param(BARE | environment(CREDENTIAL_EXPIRATION="2020-01-01T00:00:00Z"), "ended at 2020", id="ended"),
        pytest.param(BARE | environment(SECRET_ACCESS_KEY=f"{SECRET} "), "AWS_SECRET_ACC", id="trailing-space"),
    ],
)
def test_half_or_odd_environment_keys_are_an_error(
    variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are meant to be used: what comes next in the chain would surprise."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CredentialsError, match=told) as caught:
        CredentialsCache(None, allow_async=False).lease()
    assert hidden(caught.value)


def test_environment_keys_are_read_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the client is made; and again to renew them."""
    cache = CredentialsCache(None, allow_async=False)
    for name, value in BARE.items():
        monkeypatch.setenv(name, value)
    first = got(cache.lease())
    with pytest.raises(CredentialsError, match="gives no others"):
        cache.renew(first)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA2")
    assert cache.lease() == first
    assert got(cache.renew(first)).access_key_id == "AKIA2"


def run(program: str, **variables: str) -> str:
    """Return what *program* prints in a fresh interpreter."""
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_environment_keys_need_no_botocore() -> None:
    """It would cost more than all the rest of a short program."""
    program = (
        "import sys\n"
        "from codepipeline_client._credentials import CredentialsCache\n"
        "found = CredentialsCache(None, allow_async=False).lease()\n"
        "print(found.access_key_id, 'botocore' in sys.modules)"
    )
    assert run(program, **BARE) == "AKIA1 False"


FORKING: Final = """
import os, sys, threading
from codepipeline_client._credentials import CredentialsCache
from codepipeline_client._message import Credentials

entered, gate, calls = threading.Event(), threading.Event(), []

def provider():
    calls.append(os.getpid())
    entered.set()
    if len(calls) == 1:
        gate.wait()
    return Credentials(access_key_id=f"AKIA{len(calls)}", secret_access_key="secret")

cache = CredentialsCache(provider, allow_async=False)
first = cache.lease()
entered.wait()
child = os.fork() if hasattr(os, "fork") else None
if not child:
    if child is None:  # no fork on this system: as good as a parent
        gate.set()
    print(cache.lease().result(20).access_key_id, len(calls), flush=True)
    os._exit(0)
os.waitpid(child, 0)
gate.set()
print(first.result(20).access_key_id, len(calls))
"""


def test_a_forked_child_does_not_wait_for_its_parents_refresh() -> None:
    """The thread that would end it stayed with the parent, whose own refresh goes on."""
    expected = ["AKIA2 2", "AKIA1 1"] if hasattr(os, "fork") else ["AKIA1 1"]
    assert run(FORKING).splitlines() == expected


@define
class World:
    """What the sources of botocore's chain look into: files, the environment, and AWS on loopback."""

    home: Path
    setenv: Callable[[str, str], None]
    url: str
    answers: dict[str, tuple[int, str]]
    asked: list[str]

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path

    def config(self, text: str) -> None:
        self.setenv("AWS_CONFIG_FILE", str(self.write("config", text)))

    def shared_credentials(self, text: str) -> None:
        self.setenv("AWS_SHARED_CREDENTIALS_FILE", str(self.write("credentials", text)))

    def environment(self, **variables: str) -> None:
        for name, value in environment(**variables).items():
            self.setenv(name, value)

    def script(self, text: str) -> str:
        return f'"{sys.executable}" "{self.write("script.py", text)}"'.replace("\\", "/")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An AWS that answers on loopback what a test puts there; each failure comes at once."""
    answers: dict[str, tuple[int, str]] = {}
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            asked.append(self.headers["Authorization"] or "")
            self.answer(body.partition("Action=")[2].partition("&")[0])

        def do_GET(self) -> None:
            self.answer(self.path.partition("?")[0])

        def do_PUT(self) -> None:
            self.answer(self.path)

        def answer(self, what: str) -> None:
            status, text = answers[what]
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass  # not on stderr

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield World(tmp_path, monkeypatch.setenv, url, answers, asked)
        server.shutdown()
        thread.join()


END: Final = "2040-01-01T00:00:00Z"


def assumed(action: str) -> str:
    """Return what STS answers."""
    return (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
        "<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId>"
        f"</AssumedRoleUser><Credentials><AccessKeyId>ASIA7</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
        f"<SessionToken>{TOKEN}</SessionToken><Expiration>{END}</Expiration></Credentials></{action}Result>"
        f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )


DENIED: Final = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not you</Message></Error>"
    "<RequestId>r</RequestId></ErrorResponse>"
)
ROLE: Final = "role_arn = arn:aws:iam::123456789012:role/deployer\n"
CONTAINER: Final = {"AccessKeyId": "ASIA8", "SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": END}
PROCESS: Final = {"Version": 1, **CONTAINER, "SessionToken": TOKEN}


def in_environment(world: World) -> None:
    world.environment(ACCESS_KEY_ID="AKIA1", SECRET_ACCESS_KEY=SECRET, SESSION_TOKEN=TOKEN, CREDENTIAL_EXPIRATION=END)


def in_credentials_file(world: World) -> None:
    world.shared_credentials(
        f"[default]\naws_access_key_id = AKIA2\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
        f"[named]\naws_access_key_id = AKIA3\naws_secret_access_key = {OTHER}\n"
    )


def in_config_file(world: World) -> None:
    world.config(f"[default]\naws_access_key_id = AKIA4\naws_secret_access_key = {SECRET}\n")


def by_process(world: World, text: str = f"print({json.dumps(json.dumps(PROCESS))})") -> None:
    world.config(f"[default]\ncredential_process = {world.script(text)}\n")


def by_endless_process(world: World) -> None:
    endless = {name: value for name, value in PROCESS.items() if name != "Expiration"}
    by_process(world, f"print({json.dumps(json.dumps(endless))})")


def by_role(world: World, status: int = 200, text: str = assumed("AssumeRole"), url: str | None = None) -> None:
    world.config(f"[default]\n{ROLE}source_profile = other\n")
    world.shared_credentials(f"[other]\naws_access_key_id = AKIA5\naws_secret_access_key = {OTHER}\n")
    world.answers["AssumeRole"] = status, text
    world.environment(ENDPOINT_URL_STS=url or world.url)


def by_web_identity(world: World, status: int = 200, text: str = assumed("AssumeRoleWithWebIdentity")) -> None:
    world.environment(
        ROLE_ARN="arn:aws:iam::123456789012:role/pod", WEB_IDENTITY_TOKEN_FILE=str(world.write("token", OTHER))
    )
    world.answers["AssumeRoleWithWebIdentity"] = status, text
    world.environment(ENDPOINT_URL_STS=world.url)


def by_container(world: World, text: str = json.dumps(CONTAINER)) -> None:
    world.environment(CONTAINER_CREDENTIALS_FULL_URI=f"{world.url}/keys", CONTAINER_AUTHORIZATION_TOKEN=OTHER)
    world.answers["/keys"] = 200, text


def by_instance(world: World) -> None:
    world.environment(EC2_METADATA_DISABLED="false", EC2_METADATA_SERVICE_ENDPOINT=world.url)
    role = "/latest/meta-data/iam/security-credentials/"
    world.answers |= {"/latest/api/token": (200, OTHER), role: (200, "web")}
    world.answers[f"{role}web"] = 200, json.dumps({"Code": "Success", **CONTAINER})


SOURCES: Final = [
    pytest.param(in_environment, id="environment"),
    pytest.param(in_credentials_file, id="credentials-file"),
    pytest.param(in_config_file, id="config-file"),
    pytest.param(by_process, id="process"),
    pytest.param(by_endless_process, id="process-without-end"),
    pytest.param(by_role, id="role"),
    pytest.param(by_web_identity, id="web-identity"),
    pytest.param(by_container, id="container"),
    pytest.param(by_instance, id="instance"),
]


@pytest.mark.parametrize("prepare", SOURCES)
def test_the_chain_is_that_of_botocore(prepare: Callable[[World], None], world: World) -> None:
    """Each source alone; with its end where it has one."""
    prepare(world)
    found = got(CredentialsCache(None, allow_async=False).lease())
    assert evolve(found, expires_at=None) == oracle()
    if prepare in (in_environment, by_process, by_role, by_web_identity, by_container, by_instance):
        assert found.expires_at is not None
        assert abs(found.expires_at - datetime.fromisoformat(END)) < timedelta(seconds=1 + LIMIT)
    else:
        assert found.expires_at is None


@pytest.mark.parametrize("profile_name", [None, "named", "default"])
@pytest.mark.parametrize("variable", [None, "named", "default"])
@pytest.mark.parametrize("prepared", [(in_credentials_file,), (in_credentials_file, in_environment)])
def test_precedence_is_that_of_botocore(
    prepared: tuple[Callable[[World], None], ...], variable: str | None, profile_name: str | None, world: World
) -> None:
    """A profile named in code, then environment keys, then a profile named in the environment, then the default."""
    for prepare in prepared:
        prepare(world)
    if variable:
        world.environment(PROFILE=variable)
    found = got(CredentialsCache(None, profile_name=profile_name, allow_async=False).lease())
    assert evolve(found, expires_at=None) == oracle(profile_name)


def test_each_fetch_asks_the_chain_anew(world: World) -> None:
    """A botocore session that is kept would keep the keys of a file, too."""
    in_credentials_file(world)
    cache = CredentialsCache(None, allow_async=False)
    stale = got(cache.lease())
    world.shared_credentials(f"[default]\naws_access_key_id = AKIA9\naws_secret_access_key = {OTHER}\n")
    assert got(cache.renew(stale)).access_key_id == "AKIA9"


@pytest.mark.parametrize(
    ("region_name", "variables", "expected"),
    [
        pytest.param(
            "eu-west-1", {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-1", id="client"
        ),
        pytest.param(
            None, {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-2", id="AWS_REGION"
        ),
        pytest.param(None, {"AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3", id="AWS_DEFAULT_REGION"),
    ],
)
def test_a_role_is_assumed_in_the_region_of_the_client(
    region_name: str | None, variables: dict[str, str], expected: str, world: World
) -> None:
    """In another partition, the STS of the default region knows nobody."""
    by_role(world)
    for name, value in variables.items():
        world.setenv(name, value)
    got(CredentialsCache(None, region_name=region_name, allow_async=False).lease())
    assert f"/{expected}/sts/aws4_request" in world.asked[0]


@pytest.mark.parametrize(
    ("profile_name", "told"),
    [
        pytest.param(None, "the environment .AWS_ACCESS_KEY_ID.; the profile 'default'", id="default"),
        pytest.param("named", "Tried: the profile 'named'", id="named"),
    ],
)
def test_no_keys_anywhere_says_where_and_what_to_do(profile_name: str | None, told: str, world: World) -> None:
    """The one error that most newcomers meet."""
    world.config("[profile named]\nregion = eu-west-1\n")
    with pytest.raises(CredentialsError, match=f"no credentials were found. .*{told}.* credentials=$"):
        got(CredentialsCache(None, profile_name=profile_name, allow_async=False).lease())


def test_a_profile_that_does_not_exist_is_an_error() -> None:
    """Which names it."""
    with pytest.raises(CredentialsError, match=r"ProfileNotFound: The config profile \(nobody\) could not be found"):
        got(CredentialsCache(None, profile_name="nobody", allow_async=False).lease())


# --- Nobody sees them ---


def shown(error: BaseException) -> Iterator[str]:
    """Yield what a log, a debugger, a pickle or a crash reporter can make of *error* and of those behind it."""
    seen: list[BaseException] = []
    ahead = [error]
    while ahead:
        one = ahead.pop()
        seen.append(one)
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)), repr(pickle.dumps(one)))
        yield repr(getattr(one, "object", None))
        for frame in traceback.TracebackException.from_exception(one, capture_locals=True).stack:
            if not frame.name.startswith("test_"):  # whose own variables are the test's business
                yield f"{frame.name}: {frame.locals}"
        behind: list[BaseException | None] = [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        ahead += [other for other in behind if other is not None and other not in seen]


def hidden(error: BaseException) -> bool:
    """True when of what was planted, not even the half can be seen."""
    return not any(secret[:20] in text for text in shown(error) for secret in PLANTED)


class Records(logging.Handler):
    """Keeps all that is logged, whatever a formatter would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{record.name}: {record.getMessage()} {record.__dict__}")
        if record.exc_info and record.exc_info[1]:
            self.texts += shown(record.exc_info[1])

    def hold(self, *texts: str) -> bool:
        """True when one of *texts* was logged."""
        return any(text in logged for logged in self.texts for text in texts)


@pytest.fixture
def records() -> Iterator[Records]:
    """All that any logger says, at every level."""
    handler, root = Records(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


def test_botocore_alone_does_log_keys(world: World, records: Records) -> None:
    """So the tests below would see it."""
    by_role(world)
    assert oracle().secret_access_key == SECRET
    assert records.hold(SECRET)
    assert records.hold(TOKEN)


@pytest.mark.parametrize("prepare", SOURCES)
def test_fetching_shows_no_keys(prepare: Callable[[World], None], world: World, records: Records) -> None:
    """In no log record, at no level, and in nothing that is left behind."""
    prepare(world)
    cache = CredentialsCache(None, allow_async=False)
    found = cache.lease()
    got(found)
    assert not records.hold(*PLANTED)
    left = repr([cache, found, cache.lease(), vars(cache)])
    assert not any(secret in left for secret in PLANTED)


SIGNED_IN: Final = """
import logging, sys
logging.basicConfig(level=1, stream=sys.stdout)
from codepipeline_client._credentials import CredentialsCache
found = CredentialsCache(None, allow_async=False).lease().result()
print(found, len(found.secret_access_key), len(found.session_token))
"""


def test_keys_of_a_single_sign_on_are_found_and_not_shown(world: World) -> None:
    """In a process of its own: botocore looks up the home, where the sign-on's token is, only once."""
    start_url = "https://example.awsapps.com/start"
    world.config(
        f"[default]\nsso_start_url = {start_url}\nsso_region = us-east-1\nsso_account_id = 123456789012\n"
        "sso_role_name = reader\n"
    )
    folder = world.home / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True)
    token = json.dumps({"startUrl": start_url, "region": "us-east-1", "accessToken": OTHER, "expiresAt": END})
    name = hashlib.sha1(start_url.encode()).hexdigest()
    (folder / f"{name}.json").write_text(token, encoding="utf-8")
    names = {"accessKeyId": "ASIA6", "secretAccessKey": SECRET, "sessionToken": TOKEN, "expiration": 2208988800000}
    world.answers["/federation/credentials"] = 200, json.dumps({"roleCredentials": names})
    printed = run(SIGNED_IN, HOME=str(world.home), USERPROFILE=str(world.home), AWS_ENDPOINT_URL_SSO=world.url)
    assert "access_key_id='ASIA6'" in printed
    assert printed.endswith(f" {len(SECRET)} {len(TOKEN)}")
    assert not any(secret in printed for secret in PLANTED)


def process_text(**members: object) -> str:
    """Return what a credential process prints, with some *members* replaced; None to leave one out."""
    return json.dumps({name: value for name, value in {**PROCESS, **members}.items() if value is not None})


FAILURES: Final[dict[str, tuple[Callable[[World], object], str]]] = {
    "process-exits": (
        lambda world: by_process(world, f"import sys; sys.exit('no entry for {SECRET}')"),
        "CredentialRetrievalError: Error when retrieving credentials from custom-process: no entry for .hidden.",
    ),
    "process-talks": (
        lambda world: by_process(world, f"print('Warning!', {process_text()!r})"),
        "JSONDecodeError: Expecting value: line 1 column 1",
    ),
    "process-prints-bytes": (
        lambda world: by_process(
            world, f"import sys; sys.stdout.buffer.write(bytes([255]) + {process_text().encode()!r})"
        ),
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0",
    ),
    "process-forgets": (
        lambda world: by_process(world, f"print({process_text(AccessKeyId=None)!r})"),
        "Missing required key in response: 'AccessKeyId'",
    ),
    "process-says-soon": (lambda world: by_process(world, f"print({process_text(Expiration='soon')!r})"), "soon"),
    "process-adds-a-space": (
        lambda world: by_process(world, f"print({process_text(SecretAccessKey=SECRET + ' ')!r})"),
        "secret_access_key must be visible ASCII",
    ),
    "file-half-written": (
        lambda world: world.shared_credentials(f"[default]\naws_access_key_id = A\naws_session_token = {TOKEN}\n"),
        "PartialCredentialsError: .* aws_secret_access_key",
    ),
    "role-denied": (
        lambda world: by_role(world, 403, DENIED),
        r"ClientError: An error occurred .AccessDenied. when calling the AssumeRole operation.*: not you",
    ),
    "role-garbled": (lambda world: by_role(world, 200, f"<html>{assumed('AssumeRole')}"), "ResponseParserError"),
    "role-without-key": (
        lambda world: by_role(world, 200, assumed("AssumeRole").replace("SecretAccessKey", "Other")),
        "KeyError: 'SecretAccessKey'",
    ),
    "role-unreachable": (
        lambda world: by_role(world, url="http://127.0.0.1:1"),
        "EndpointConnectionError: Could not connect to the endpoint URL",
    ),
    "web-identity-denied": (
        lambda world: by_web_identity(world, 403, DENIED),
        r"AccessDenied. when calling the AssumeRoleWithWebIdentity operation.*: not you",
    ),
    "container-says-soon": (
        lambda world: by_container(world, json.dumps({**CONTAINER, "Expiration": "soon"})),
        "soon",
    ),
    "container-forgets": (
        lambda world: by_container(world, json.dumps({"SecretAccessKey": SECRET, "Token": TOKEN})),
        "KeyError: 'AccessKeyId'",
    ),
}


@pytest.mark.parametrize(("prepare", "told"), FAILURES.values(), ids=FAILURES)
def test_failing_to_fetch_shows_no_keys(
    prepare: Callable[[World], object], told: str, world: World, records: Records
) -> None:
    """The message says what went wrong; neither it nor anything that hangs on it has a key, and no log has one."""
    prepare(world)
    with pytest.raises(CredentialsError, match=told) as caught:
        got(CredentialsCache(None, allow_async=False).lease())
    assert hidden(caught.value)
    assert not records.hold(*PLANTED)


def test_what_sts_answered_can_still_be_asked(world: World) -> None:
    """As far as the message shows it: a program may want to tell one denial from another."""
    by_role(world, 403, DENIED)
    with pytest.raises(CredentialsError) as caught:
        got(CredentialsCache(None, allow_async=False).lease())
    cause = caught.value.__cause__
    assert isinstance(cause, import_module("botocore.exceptions").ClientError)
    error = vars(cause)["response"]["Error"]
    assert (error["Code"], error["Message"]) == ("AccessDenied", "not you")


@pytest.mark.parametrize("backend", ["thread", "asyncio", "trio"])
def test_only_a_fetch_is_kept_out_of_the_logs(backend: str, records: Records) -> None:
    """What the program logs through botocore meanwhile is none of ours."""
    log = logging.getLogger("botocore.credentials")

    def synchronous() -> Credentials:
        log.warning("token %s", TOKEN)
        logging.getLogger("mine").info("fetched")
        return keys()

    async def asynchronous() -> Credentials:
        await anyio.lowlevel.checkpoint()
        return synchronous()

    async def main() -> None:
        found = async_cache(asynchronous).lease()
        log.warning("meanwhile")
        await awaited(found)
        log.warning("afterwards")

    if backend == "thread":
        got(sync_cache(synchronous).lease())
        log.warning("meanwhile afterwards")
    else:
        anyio.run(main, backend=backend)
    assert all(records.hold(text) for text in ("meanwhile", "afterwards", "fetched"))
    assert not records.hold(TOKEN)
