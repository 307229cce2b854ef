"""Credentials that botocore finds, with botocore itself as the oracle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from attrs import evolve

from codepipeline_client import Credentials, CredentialsError
from codepipeline_client._credentials import CachedCredentials
from tests._credentials.support import (
    LIMIT,
    MINUTE,
    NOW,
    OTHER,
    SECRET,
    TOKEN,
    Frozen,
    Records,
    cache_of,
    credentials,
    from_botocore,
    get,
)
from tests._credentials.world import SOURCES, World, by_role, in_credentials_file, in_environment

# --- The chain ---


def chain(profile_name: str | None = None, region_name: str | None = None) -> CachedCredentials:
    """Return the cache of a client that is given no credentials."""
    return CachedCredentials(
        None, profile_name=profile_name, region_name=region_name, now=lambda: NOW, allow_async=False
    )


@pytest.mark.parametrize(("prepare", "end"), SOURCES)
def test_the_chain_is_that_of_botocore(prepare: Callable[[World], None], end: str | None, world: World) -> None:
    """Each source alone; with its expiry where it has one."""
    prepare(world)
    found = get(CachedCredentials(None, now=lambda: datetime.now(UTC).timestamp(), allow_async=False))
    assert evolve(found, expires_at=None) == from_botocore()
    if end is None:
        assert found.expires_at is None
    else:
        assert found.expires_at is not None
        assert abs(found.expires_at - datetime.fromisoformat(end)) < timedelta(seconds=1 + LIMIT)


@pytest.mark.parametrize("profile_name", [None, "named", "default"])
@pytest.mark.parametrize("variable", [None, "named", "default"])
@pytest.mark.parametrize("prepared", [(in_credentials_file,), (in_credentials_file, in_environment)])
def test_precedence_is_that_of_botocore(
    prepared: tuple[Callable[[World], None], ...], variable: str | None, profile_name: str | None, world: World
) -> None:
    """A profile named in code, then the environment, then a profile named in the environment, then the default."""
    for prepare in prepared:
        prepare(world)
    if variable:
        world.environment(PROFILE=variable)
    assert evolve(get(chain(profile_name)), expires_at=None) == from_botocore(profile_name)


def test_each_fetch_asks_the_chain_anew(world: World) -> None:
    """A botocore session that is kept would keep the credentials of a file, too."""
    in_credentials_file(world)
    cache = chain()
    stale = get(cache)
    world.shared_credentials(f"[default]\naws_access_key_id = AKIA9\naws_secret_access_key = {OTHER}\n")
    assert get(cache, stale).access_key_id == "AKIA9"


VARIABLES = {"REGION": "eu-west-2", "DEFAULT_REGION": "eu-west-3"}


@pytest.mark.parametrize(
    ("region_name", "variables", "expected"),
    [
        pytest.param("eu-west-1", VARIABLES, "eu-west-1", id="client"),
        pytest.param(None, VARIABLES, "eu-west-2", id="AWS_REGION"),
        pytest.param(None, {"DEFAULT_REGION": "eu-west-3"}, "eu-west-3", id="AWS_DEFAULT_REGION"),
    ],
)
def test_a_role_is_assumed_in_the_region_of_the_client(
    region_name: str | None, variables: dict[str, str], expected: str, world: World
) -> None:
    """In another partition, the STS of the default region knows nobody."""
    by_role(world)
    world.environment(**variables)
    get(chain(region_name=region_name))
    assert f"/{expected}/sts/aws4_request" in world.authorizations[0]


@pytest.mark.parametrize(
    ("profile_name", "tried"),
    [
        pytest.param(None, "the environment .AWS_ACCESS_KEY_ID.; the profile 'default'", id="default"),
        pytest.param("named", "Tried: the profile 'named'", id="named"),
    ],
)
def test_no_credentials_anywhere_says_where_and_what_to_do(profile_name: str | None, tried: str, world: World) -> None:
    """The one error that most newcomers meet."""
    world.config("[profile named]\nregion = eu-west-1\n")
    with pytest.raises(CredentialsError, match=f"no credentials were found. .*{tried}.* credentials=$"):
        get(chain(profile_name))


def test_a_profile_that_does_not_exist_is_an_error() -> None:
    """Which names it."""
    with pytest.raises(CredentialsError, match=r"ProfileNotFound: The config profile \(nobody\) could not be found"):
        get(chain("nobody"))


# --- botocore's credentials objects ---


def botocore_object(kind: str, *args: object) -> object:
    """Return a credentials object of botocore's own."""
    return getattr(import_module("botocore.credentials"), kind)(*args)


def refreshable(minutes: float | None, refresh: Callable[[], object]) -> object:
    """Return botocore's object for temporary credentials, which expire in so many *minutes*."""
    expiry_time = None if minutes is None else datetime.now(UTC) + timedelta(minutes=minutes)
    return botocore_object("RefreshableCredentials", "AKIA1", SECRET, TOKEN, expiry_time, refresh, "test")


def refresh() -> dict[str, str]:
    """Return what botocore's refreshing functions return."""
    expiry_time = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    return {"access_key": "AKIA2", "secret_key": SECRET, "token": TOKEN, "expiry_time": expiry_time}


def fail() -> object:
    """Fail to refresh, with a secret in a variable."""
    secret = OTHER
    raise LookupError(len(secret))


class Shared:
    """An object that others refresh, too: each time that it is asked, its credentials are others."""

    asked = 0

    def get_frozen_credentials(self) -> Frozen:
        self.asked += 1
        return Frozen(f"AKIA{self.asked}", SECRET, TOKEN)

    def refresh_needed(self, refresh_in: int) -> bool:
        return refresh_in > 3600


@pytest.mark.parametrize(
    ("make", "number", "minutes"),
    [
        pytest.param(lambda: botocore_object("Credentials", "AKIA1", SECRET, TOKEN), 1, None, id="long-term"),
        pytest.param(lambda: refreshable(None, fail), 1, None, id="expiry-unknown"),
        pytest.param(lambda: refreshable(52e6, fail), 1, None, id="expire-in-a-century"),
        pytest.param(lambda: refreshable(60, fail), 1, 60, id="fresh"),
        pytest.param(lambda: refreshable(12, fail), 1, 12, id="cannot-refresh-in-time"),
        pytest.param(lambda: refreshable(5, refresh), 2, 60, id="refresh-themselves"),
        pytest.param(
            lambda: botocore_object("DeferredRefreshableCredentials", refresh, "test"), 2, 60, id="not-fetched-yet"
        ),
        pytest.param(Shared, 2, 60, id="refreshed-by-others-meanwhile"),
    ],
)
def test_botocore_credentials_are_used_until_their_expiry(
    make: Callable[[], object], number: int, minutes: float | None, records: Records
) -> None:
    """To the second, and never too late. Of a failure while they last, botocore would warn with its frames."""
    found = get(cache_of(make()))
    assert evolve(found, expires_at=None) == credentials(number)
    if minutes is None:
        assert found.expires_at is None
    else:
        assert found.expires_at is not None
        assert 0 <= NOW + minutes * MINUTE - found.expires_at.timestamp() < 1 + LIMIT
    assert not records.texts


def test_an_empty_token_of_botocore_is_none() -> None:
    """As botocore treats it."""
    source = botocore_object("Credentials", "AKIA1", SECRET, "")
    assert get(cache_of(source)) == Credentials(access_key_id="AKIA1", secret_access_key=SECRET)
