"""What a client takes as its credentials, and what it refuses."""

from __future__ import annotations

import functools
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import anyio
import pytest
from attrs import evolve

from codepipeline_client import ConfigurationError, Credentials, CredentialsError
from codepipeline_client._credentials.cache import CachedCredentials
from tests._credentials.support import (
    ENVIRONMENT,
    NOW,
    SECRET,
    TOKEN,
    Clock,
    cache_of,
    credentials,
    from_botocore,
    get,
    get_async,
    hidden,
    open_source,
)

# --- What can be given ---


async def async_provider() -> Credentials:
    return credentials()


def credentials_later() -> Awaitable[Credentials]:
    """Return a coroutine, though nothing about the function tells."""
    return async_provider()


class AsyncProvider:
    async def __call__(self) -> Credentials:
        return credentials()


class AsyncBotocoreCredentials:
    """What aiobotocore's credentials look like."""

    async def get_frozen_credentials(self) -> object:
        return None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: {"aws_secret_access_key": SECRET}, "dict", id="mapping"),
        pytest.param(lambda: SECRET, "str", id="text"),
        pytest.param(lambda: functools.partial(async_provider), "async", id="async-partial-for-sync-client"),
        pytest.param(AsyncProvider, "async", id="async-object-for-sync-client"),
        pytest.param(AsyncBotocoreCredentials, "aiobotocore", id="aiobotocore"),
    ],
)
def test_what_gives_no_credentials_is_refused_when_it_is_given(make: Callable[[], object], message: str) -> None:
    """A mistake in the code shows where it was made; bare secrets do not show at all."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        CachedCredentials(make(), now=time.time, allow_async=False)
    assert hidden(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda: async_provider, id="async-function"),
        pytest.param(AsyncProvider, id="async-object"),
        pytest.param(lambda: credentials_later, id="function-that-returns-a-coroutine"),
        pytest.param(lambda: credentials, id="function"),
        pytest.param(credentials, id="credentials"),
    ],
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_client_takes_both_kinds_of_provider(backend: str, source: Callable[[], object]) -> None:
    assert anyio.run(get_async, cache_of(source(), allow_async=True), backend=backend) == credentials()


def test_credentials_given_are_used_at_once_until_they_expire() -> None:
    """No thread is started for them. There is nothing to fetch others from."""
    clock, given = Clock(), credentials(minutes=1)
    cache, before = cache_of(given, clock), threading.active_count()
    for clock.now in (NOW, NOW + 31, NOW + 59):
        assert cache.get(timeout=0) is given
    assert threading.active_count() == before
    clock.now += 1
    with pytest.raises(CredentialsError, match="expired at 2027-01-15 08:01:00"):
        cache.get()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("access_key_id", "AKIA\r\nHost: evil"),
        ("secret_access_key", f"{SECRET}é"),
        ("secret_access_key", SECRET.encode()),
        ("session_token", ""),
        ("expires_at", datetime.fromisoformat("2030-01-01")),
        ("expires_at", "2030-01-01T00:00:00Z"),
    ],
)
def test_credentials_that_cannot_be_sent_are_refused_unseen(name: str, value: Any) -> None:
    """The message names the field and the rule; the value is nowhere."""
    wrong = evolve(credentials(), **{name: value})
    for source in (wrong, lambda: wrong):
        with pytest.raises(CredentialsError, match=f"cannot be used: {name} must be") as caught:
            get(cache_of(source))
        assert hidden(caught.value)


# --- The user's own functions ---


def raise_with_cause() -> Credentials:
    raise LookupError("vault is sealed") from KeyError("vault")


@pytest.mark.parametrize("way", ["thread", "asyncio", "trio"])
def test_a_failing_provider_is_the_cause(way: str) -> None:
    """Its own exception, with the lines of its code; the message says nothing of what it said."""

    async def provider() -> Credentials:
        await anyio.lowlevel.checkpoint()
        return raise_with_cause()

    def fetch() -> Credentials:
        if way == "thread":
            return get(cache_of(raise_with_cause))
        return anyio.run(get_async, cache_of(provider, allow_async=True), backend=way)

    with pytest.raises(CredentialsError, match=r"^the credentials provider raised LookupError$") as caught:
        fetch()
    cause = caught.value.__cause__
    assert isinstance(cause, LookupError)
    assert "raise_with_cause" in "".join(traceback.format_exception(cause))
    assert isinstance(cause.__cause__, KeyError)


@pytest.mark.parametrize(
    ("given_back", "name"),
    [
        pytest.param(lambda: {"secret": SECRET}, "dict", id="mapping"),
        pytest.param(credentials_later, "coroutine", id="coroutine-in-sync-client"),
    ],
)
def test_a_provider_that_gives_something_else_is_told_what(given_back: Callable[[], object], name: str) -> None:
    """By its type only. A coroutine is closed, so Python does not warn of it."""
    with pytest.raises(CredentialsError, match=f"returned {name}, not Credentials") as caught:
        get(cache_of(given_back))
    assert hidden(caught.value)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_a_provider_that_exits_has_failed(kind: type[BaseException]) -> None:
    """Nobody is left waiting, and the next call asks it again."""
    cache = cache_of(open_source(kind(), credentials()))
    with pytest.raises(CredentialsError, match=kind.__name__) as caught:
        get(cache)
    assert isinstance(caught.value.__cause__, kind)
    assert get(cache) == credentials()


# --- The environment ---


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in {**ENVIRONMENT, **{f"AWS_{name}": value for name, value in variables.items()}}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "variables",
    [
        pytest.param({}, id="long-term"),
        pytest.param({"SECURITY_TOKEN": TOKEN}, id="old-token"),
        pytest.param({"SESSION_TOKEN": "new", "SECURITY_TOKEN": "old"}, id="both-tokens"),
        pytest.param({"SESSION_TOKEN": "", "SECURITY_TOKEN": ""}, id="empty-tokens"),
        pytest.param({"SESSION_TOKEN": TOKEN, "CREDENTIAL_EXPIRATION": "2040-01-01T00:00:00Z"}, id="expiration"),
    ],
)
def test_the_environment_is_read_as_botocore_reads_it(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, without a thread."""
    set_environment(monkeypatch, **variables)
    found = cache_of(None, time.time).get(timeout=0)
    assert evolve(found, expires_at=None) == from_botocore()
    expiration = variables.get("CREDENTIAL_EXPIRATION")
    assert found.expires_at == (datetime.fromisoformat(expiration) if expiration else None)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        pytest.param({"SECRET_ACCESS_KEY": ""}, "without AWS_SECRET_ACCESS_KEY", id="no-secret"),
        pytest.param({"CREDENTIAL_EXPIRATION": "soon"}, "AWS_CREDENTIAL_EXPIRATION 'soon' is not", id="no-time"),
        pytest.param({"CREDENTIAL_EXPIRATION": "2040-01-01T00:00:00"}, "a time zone", id="naive-time"),
        pytest.param({"SECRET_ACCESS_KEY": f"{SECRET} "}, "environment or .*: secret_access_key must", id="space"),
    ],
)
def test_half_or_odd_credentials_in_the_environment_are_an_error(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are meant to be used: what comes next in the chain would surprise."""
    set_environment(monkeypatch, **variables)
    with pytest.raises(CredentialsError, match=message) as caught:
        cache_of(None, time.time).get(timeout=0)
    assert hidden(caught.value)


def test_the_environment_is_read_when_credentials_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the client is made; and again when the service calls them expired."""
    cache = cache_of(None, time.time)
    set_environment(monkeypatch)
    first = get(cache)
    with pytest.raises(CredentialsError, match="has no others"):
        get(cache, first)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA2")
    assert cache.fresh() == first
    assert get(cache, first).access_key_id == "AKIA2"
