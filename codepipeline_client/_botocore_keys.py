"""
Keys that botocore finds: in its chain of sources, or in a credentials object of its own.

botocore is imported when the chain is asked, and not before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

from attrs import evolve

from ._discretion import hush
from ._freshness import ADVISORY
from ._message import Credentials
from .errors import CredentialsError


class FrozenKeys(Protocol):
    """Keys as botocore hands them out."""

    @property
    def access_key(self) -> str:
        """The public part."""
        ...

    @property
    def secret_key(self) -> str:
        """The secret part."""
        ...

    @property
    def token(self) -> str | None:
        """Goes with temporary keys."""
        ...


@runtime_checkable
class BotocoreCredentials(Protocol):
    """What botocore's ``Credentials`` can do, such as those of ``boto3.Session().get_credentials()``."""

    def get_frozen_credentials(self) -> FrozenKeys:
        """Return keys that belong together, after a refresh where one is due."""
        ...


class _Session(Protocol):
    """What botocore's session does for us."""

    @property
    def profile(self) -> str | None:
        """The profile in use, when one is named anywhere."""
        ...

    def get_credentials(self) -> BotocoreCredentials | None:
        """Return the keys of the first source that has some."""
        ...

    def set_config_variable(self, logical_name: str, value: str) -> None:
        """Set what would else come from the environment or a file."""
        ...


def from_chain(
    profile_name: str | None, region_name: str | None, now: Callable[[], float]
) -> Credentials | CredentialsError:
    """Return what botocore's chain gives. The session is new each time: one that is kept keeps its keys too."""
    session = _session(profile_name)
    # A role is assumed in the client's region, as boto3 does; AWS_REGION is not known to botocore.
    region_name = region_name or os.environ.get("AWS_REGION")
    if region_name:
        session.set_config_variable("region", region_name)
    found = session.get_credentials()
    if found is not None:
        return from_botocore(found, now)
    environment = "" if profile_name else "the environment (AWS_ACCESS_KEY_ID); "
    return CredentialsError(
        f"no credentials were found. Tried: {environment}the profile {session.profile or 'default'!r} of the shared "
        "config and credentials files (keys, role, web identity, SSO, login, process); the container; the instance. "
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile that has keys, or give the client credentials="
    )


def _session(profile_name: str | None) -> _Session:
    import botocore.session

    hush()  # again: now botocore's loggers exist
    session: _Session = botocore.session.Session(profile=profile_name)
    return session


def from_botocore(found: BotocoreCredentials, now: Callable[[], float]) -> Credentials:
    keys = _thawed(found.get_frozen_credentials())
    left = _seconds_left(found)
    if left is None:
        return keys
    if left >= ADVISORY:
        # Someone else may have had them refreshed since: what ends then are the keys of now, which cost no fetch.
        keys = _thawed(found.get_frozen_credentials())
    return evolve(keys, expires_at=datetime.fromtimestamp(now() + left, UTC))


def _thawed(keys: FrozenKeys) -> Credentials:
    return Credentials(
        access_key_id=keys.access_key, secret_access_key=keys.secret_key, session_token=keys.token or None
    )


@runtime_checkable
class _Refreshable(Protocol):
    def refresh_needed(self, refresh_in: int) -> bool:
        """True when the keys end within so many seconds."""
        ...


def _seconds_left(found: object) -> int | None:
    """Return how long botocore's keys still last; None for ever. Their end is private, but this may be asked."""
    over, lasting = _FOR_EVER, 0
    if not isinstance(found, _Refreshable) or not found.refresh_needed(refresh_in=over):
        return None
    while over - lasting > 1:
        middle = (over + lasting) // 2
        if found.refresh_needed(refresh_in=middle):
            over = middle
        else:
            lasting = middle
    return lasting


_FOR_EVER: Final = 2**31  # 68 years
