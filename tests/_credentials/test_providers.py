"""
What a client takes as its credentials, what it refuses, and what botocore finds.

botocore itself is the oracle, and nothing of the credentials is in logs and errors.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import anyio
import pytest
from attrs import evolve, frozen

from codepipeline_client import ConfigurationError, Credentials, CredentialsError
from codepipeline_client._credentials.cache import CachedCredentials
from tests._credentials.fake_aws import DENIED, SOURCES, FakeAws, process_text
from tests._credentials.support import (
    LIMIT,
    MINUTE,
    NOW,
    OTHER,
    PLANTED,
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
    shown,
)

botocore = import_module("botocore.credentials")


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that was logged, whatever a formatter would make of it."""
    errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
    texts = [f"{record.name}: {record.getMessage()} {record.__dict__}" for record in caplog.records]
    return "\n".join([*texts, *(text for error in errors if error for text in shown(error))])


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
    with pytest.raises(CredentialsError, match=f"returned {name}, not codepipeline_client.Credentials") as caught:
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


KEY: Final = {"ACCESS_KEY_ID": "AKIA1", "SECRET_ACCESS_KEY": SECRET}


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
def test_the_environment_is_read_as_botocore_reads_it(variables: dict[str, str], aws: FakeAws) -> None:
    """At once, without a thread."""
    aws.environment(**{**KEY, **variables})
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
    variables: dict[str, str], message: str, aws: FakeAws
) -> None:
    """They are meant to be used: what comes next in the chain would surprise."""
    aws.environment(**{**KEY, **variables})
    with pytest.raises(CredentialsError, match=message) as caught:
        cache_of(None, time.time).get(timeout=0)
    assert hidden(caught.value)


def test_the_environment_is_read_when_credentials_are_needed(aws: FakeAws) -> None:
    """Not when the client is made; and again when the service calls them expired."""
    cache = cache_of(None, time.time)
    aws.environment(**KEY)
    first = get(cache)
    with pytest.raises(CredentialsError, match="returned the same ones"):
        get(cache, first)
    aws.environment(ACCESS_KEY_ID="AKIA2")
    assert cache.fresh() == first
    assert get(cache, first).access_key_id == "AKIA2"


# --- The chain ---


def chain(profile_name: str | None = None, region_name: str | None = None) -> CachedCredentials:
    """Return the cache of a client that is given no credentials."""
    return CachedCredentials(None, profile_name=profile_name, region_name=region_name, now=time.time, allow_async=False)


@pytest.mark.parametrize(("prepare", "end"), SOURCES.values(), ids=SOURCES)
def test_the_chain_is_that_of_botocore(
    prepare: Callable[[FakeAws], None], end: str | None, aws: FakeAws, caplog: pytest.LogCaptureFixture
) -> None:
    """Each source alone; with its expiry where it has one. No record of a log, at no level, has a secret."""
    caplog.set_level(1)
    prepare(aws)
    cache = chain()
    found = get(cache)
    left = repr([cache, found, cache.fresh(), vars(cache)])
    assert not any(secret in left for secret in PLANTED)
    assert not any(secret in logged(caplog) for secret in PLANTED)
    assert evolve(found, expires_at=None) == from_botocore()
    assert found.expires_at is None if end is None else found.expires_at is not None
    if found.expires_at is not None and end is not None:
        assert abs(found.expires_at - datetime.fromisoformat(end)) < timedelta(seconds=1 + LIMIT)


def test_botocore_alone_does_log_secrets(aws: FakeAws, caplog: pytest.LogCaptureFixture) -> None:
    """So the test above would see it."""
    caplog.set_level(1)
    aws.by_role()
    assert from_botocore().secret_access_key == SECRET
    assert SECRET in logged(caplog)
    assert TOKEN in logged(caplog)


@pytest.mark.parametrize("profile_name", [None, "named", "default"])
@pytest.mark.parametrize("variable", [None, "", "named", "default"])
@pytest.mark.parametrize("has_keys", [False, True])
def test_precedence_is_that_of_botocore(
    has_keys: bool, variable: str | None, profile_name: str | None, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In code, then the environment, then a profile in the environment. botocore takes an empty variable for a name."""
    aws.in_credentials_file()
    if has_keys:
        aws.in_environment()
    if variable is not None:
        aws.environment(PROFILE=variable, DEFAULT_PROFILE="")
    found = get(chain(profile_name))
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if not os.environ.get(name):
            monkeypatch.delenv(name, raising=False)
    assert evolve(found, expires_at=None) == from_botocore(profile_name)


def test_an_empty_variable_names_no_file(aws: FakeAws, home: Path) -> None:
    """botocore would look for a file without a name; the settings are read from the usual one."""
    aws.in_credentials_file()
    (home / ".aws").mkdir(exist_ok=True)
    file = (aws.home / "credentials").rename(home / ".aws" / "credentials")
    aws.environment(SHARED_CREDENTIALS_FILE="", CONFIG_FILE="")
    assert get(chain()).access_key_id == "AKIA2"
    file.unlink()


def test_each_fetch_asks_the_chain_anew(aws: FakeAws) -> None:
    """A botocore session that is kept would keep the credentials of a file, too."""
    aws.in_credentials_file()
    cache = chain()
    stale = get(cache)
    aws.shared_credentials(f"[default]\naws_access_key_id = AKIA9\naws_secret_access_key = {OTHER}\n")
    assert get(cache, stale).access_key_id == "AKIA9"


VARIABLES: Final = {"REGION": "eu-west-2", "DEFAULT_REGION": "eu-west-3"}


@pytest.mark.parametrize(
    ("region_name", "variables", "expected"),
    [
        pytest.param("eu-west-1", VARIABLES, "eu-west-1", id="client"),
        pytest.param(None, VARIABLES, "eu-west-2", id="AWS_REGION"),
        pytest.param(None, {"DEFAULT_REGION": "eu-west-3"}, "eu-west-3", id="AWS_DEFAULT_REGION"),
    ],
)
def test_a_role_is_assumed_in_the_region_of_the_client(
    region_name: str | None, variables: dict[str, str], expected: str, aws: FakeAws
) -> None:
    """In another partition, the STS of the default region does not know the account."""
    aws.by_role()
    aws.environment(**variables)
    get(chain(region_name=region_name))
    assert f"/{expected}/sts/aws4_request" in aws.authorizations[0]


# --- Failures ---


@pytest.mark.parametrize(
    ("profile_name", "message"),
    [
        (None, r"Tried: the environment .AWS_ACCESS_KEY_ID.; the profile 'default' .* credentials=$"),
        ("named", r"no credentials were found. Tried: the profile 'named' .* credentials=$"),
        ("nobody", r"ProfileNotFound: The config profile \(nobody\) could not be found"),
    ],
)
def test_no_credentials_anywhere_says_where_and_what_to_do(
    profile_name: str | None, message: str, aws: FakeAws
) -> None:
    """The error that most newcomers meet."""
    aws.config("[profile named]\nregion = eu-west-1\n")
    with pytest.raises(CredentialsError, match=message):
        get(chain(profile_name))


FAILURES: Final[dict[str, tuple[Callable[[FakeAws], object], str]]] = {
    "process-exits": (
        lambda aws: aws.by_process(f"import sys; sys.exit('no entry for {SECRET}')"),
        "CredentialRetrievalError: Error when retrieving credentials from custom-process: no entry for .hidden.",
    ),
    "process-talks": (
        lambda aws: aws.by_process(f"print('Warning!', {process_text()!r})"),
        "JSONDecodeError: Expecting value: line 1 column 1",
    ),
    "process-prints-bytes": (
        lambda aws: aws.by_process(f"import sys; sys.stdout.buffer.write(bytes([255]) + {process_text().encode()!r})"),
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0",
    ),
    "process-adds-a-space": (
        lambda aws: aws.by_process(f"print({process_text(SecretAccessKey=SECRET + ' ')!r})"),
        "secret_access_key must be visible ASCII",
    ),
    "file-half-written": (
        lambda aws: aws.shared_credentials(f"[default]\naws_access_key_id = A\naws_session_token = {TOKEN}\n"),
        "PartialCredentialsError: .* aws_secret_access_key",
    ),
    "role-denied": (
        lambda aws: aws.by_role(403, DENIED),
        r"ClientError: An error occurred .AccessDenied. when calling the AssumeRole operation.*: not you",
    ),
}


@pytest.mark.parametrize(("prepare", "message"), FAILURES.values(), ids=FAILURES)
def test_failing_to_fetch_shows_no_secrets(
    prepare: Callable[[FakeAws], object], message: str, aws: FakeAws, caplog: pytest.LogCaptureFixture
) -> None:
    """The message says what went wrong; neither it nor anything that hangs on it has a secret, and no log has one."""
    caplog.set_level(1)
    prepare(aws)
    with pytest.raises(CredentialsError, match=message) as caught:
        get(chain())
    assert hidden(caught.value)
    assert not any(secret in logged(caplog) for secret in PLANTED)


def test_the_error_code_of_sts_can_be_read_from_the_cause(aws: FakeAws) -> None:
    """As far as the message shows it: a program may want to tell one denial from another."""
    aws.by_role(403, DENIED)
    with pytest.raises(CredentialsError) as caught:
        get(chain())
    cause = caught.value.__cause__
    assert isinstance(cause, import_module("botocore.exceptions").ClientError)
    error = vars(cause)["response"]["Error"]
    assert (error["Code"], error["Message"]) == ("AccessDenied", "not you")


TOOLS: Final = "/usr/local/bin/" + "company-tools/" * 5


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        pytest.param(ValueError(f"cannot parse {SECRET}"), "ValueError: cannot parse .hidden.$", id="message"),
        pytest.param(
            ValueError(f"cannot parse {quote(TOKEN, safe='')} and wJalrXUtnFEMIxKvMDENGobPxRfiCYEXAMPLEKEY!"),
            "ValueError: cannot parse .hidden. and .hidden.!$",
            id="escaped-and-without-a-digit",
        ),
        pytest.param(OSError(2, "No such file", TOOLS), "FileNotFoundError: .*company-tools/'$", id="path"),
        pytest.param(LookupError("sha " + "0123456789abcdef" * 4), "LookupError: sha 0123", id="digest"),
    ],
)
def test_errors_of_botocore_keep_what_can_be_read_and_lose_what_they_hold(raised: Exception, shown: str) -> None:
    """What looks like a secret is masked, what only the exception held is gone."""
    vars(raised).update(request={"token": TOKEN}, code=7, response={"Error": {"Code": "bad", "Extra": SECRET}})

    class Failing:
        def get_frozen_credentials(self) -> object:
            secret = OTHER
            raise raised from KeyError(secret)

    with pytest.raises(CredentialsError, match=f"^botocore's credentials object failed with {shown}") as caught:
        get(cache_of(Failing()))
    assert hidden(caught.value)
    cause = caught.value.__cause__
    assert cause is not None
    assert cause.__context__ is None
    assert vars(cause)["code"] == 7


@pytest.mark.anyio
async def test_only_the_fetch_is_kept_out_of_the_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    log = logging.getLogger("botocore.credentials")

    async def provider() -> Credentials:
        await anyio.lowlevel.checkpoint()
        log.warning("token %s", TOKEN)
        logging.getLogger("mine").info("fetched")
        return credentials()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cache_of(provider, allow_async=True).get_async)
        await anyio.lowlevel.checkpoint()
        log.warning("beside it")
    log.warning("afterwards")
    assert all(text in caplog.text for text in ("fetched", "beside it", "afterwards"))
    assert TOKEN not in logged(caplog)


# --- botocore's credentials objects ---


def refreshable(minutes: float, refresh: Callable[[], object]) -> object:
    """Return botocore's object for temporary credentials, which expire in so many *minutes*."""
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    return botocore.RefreshableCredentials("AKIA1", SECRET, TOKEN, end, refresh, "test")


def refresh() -> dict[str, str]:
    expiry_time = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {"access_key": "AKIA2", "secret_key": SECRET, "token": TOKEN, "expiry_time": expiry_time}


def fail() -> object:
    secret = OTHER
    raise LookupError(len(secret))


@pytest.mark.parametrize(
    ("make", "number", "minutes"),
    [
        pytest.param(lambda: botocore.Credentials("AKIA1", SECRET, TOKEN), 1, None, id="long-term"),
        pytest.param(lambda: refreshable(52e6, fail), 1, None, id="in-a-century"),
        pytest.param(lambda: refreshable(60, fail), 1, 60, id="fresh"),
        pytest.param(lambda: refreshable(12, fail), 1, 12, id="cannot-refresh-in-time"),
        pytest.param(lambda: refreshable(5, refresh), 2, 60, id="refresh-themselves"),
        pytest.param(lambda: botocore.DeferredRefreshableCredentials(refresh, "test"), 2, 60, id="not-fetched-yet"),
    ],
)
def test_botocore_credentials_are_used_until_their_expiry(
    make: Callable[[], object], number: int, minutes: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    """To the second, and never too late. Of a failure while they last, botocore would warn with its frames."""
    caplog.set_level(1)
    found = get(cache_of(make()))
    assert evolve(found, expires_at=None) == credentials(number)
    if minutes is None:
        assert found.expires_at is None
    else:
        assert found.expires_at is not None
        assert 0 <= NOW + minutes * MINUTE - found.expires_at.timestamp() < 1 + LIMIT
    assert not caplog.records


def test_an_empty_token_of_botocore_is_none() -> None:
    source = botocore.Credentials("AKIA1", SECRET, "")
    assert get(cache_of(source)) == Credentials(access_key_id="AKIA1", secret_access_key=SECRET)


@frozen(kw_only=True)
class OfAnAccount(Credentials):
    account_id: int | None = None


def test_a_subclass_of_credentials_may_have_more_fields() -> None:
    mine = OfAnAccount(access_key_id="AKIDEXAMPLE", secret_access_key="s" * 40, account_id=7)
    assert CachedCredentials(lambda: mine, now=time.time, allow_async=False).get() is mine
