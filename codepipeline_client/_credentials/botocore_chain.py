"""
Credentials that botocore finds: in its chain of sources, or in a credentials object of its own.

botocore is imported when its chain is asked, and not before.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol, runtime_checkable

from attrs import evolve

from .._protocol.sigv4 import Credentials
from ..errors import CredentialsError
from .expiry import ADVISORY_WINDOW
from .redaction import suppress_botocore_logs

_FOR_EVER: Final = 2**31 - 1  # 68 years, in seconds


class _FrozenCredentials(Protocol):
    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


@runtime_checkable
class BotocoreCredentials(Protocol):
    """What botocore's ``Credentials`` can do, such as those of ``boto3.Session().get_credentials()``."""

    def get_frozen_credentials(self) -> _FrozenCredentials:
        """Return values that belong together, after a refresh if one is due."""
        ...


@runtime_checkable
class _RefreshableCredentials(Protocol):
    def refresh_needed(self, refresh_in: int) -> bool: ...


class _Session(Protocol):
    @property
    def profile(self) -> str | None: ...
    def get_credentials(self) -> BotocoreCredentials | None: ...
    def set_config_variable(self, logical_name: str, value: str) -> None: ...


def from_chain(
    profile_name: str | None, region_name: str | None, now: Callable[[], float]
) -> Credentials | CredentialsError:
    """Return what botocore's chain finds now, or an error that says what was tried."""
    session = _new_session(profile_name)
    # A role is assumed in the client's region, as boto3 does. botocore does not read AWS_REGION.
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


def _new_session(profile_name: str | None) -> _Session:
    """Return a session that has read no file yet: a session keeps the credentials that it found."""
    import botocore.session

    suppress_botocore_logs()  # again, since botocore's loggers exist only now
    session: _Session = botocore.session.Session(profile=profile_name)
    return session


def from_botocore(source: BotocoreCredentials, now: Callable[[], float]) -> Credentials:
    """Return the credentials of a botocore object, and when they expire."""
    credentials = _converted(source.get_frozen_credentials())
    left = _seconds_left(source)
    if left is None:
        return credentials
    if left >= ADVISORY_WINDOW:
        # Another user of the object may have refreshed it in between, and then *left* belongs to the new ones.
        credentials = _converted(source.get_frozen_credentials())
    return evolve(credentials, expires_at=datetime.fromtimestamp(now() + left, UTC))


def _converted(frozen: _FrozenCredentials) -> Credentials:
    return Credentials(
        access_key_id=frozen.access_key, secret_access_key=frozen.secret_key, session_token=frozen.token or None
    )


def _seconds_left(source: object) -> int | None:
    """Return how long botocore's credentials last; None for ever. Only whether they expire within a time is public."""
    if not isinstance(source, _RefreshableCredentials):
        return None
    left = bisect_left(range(_FOR_EVER), x=True, key=lambda seconds: source.refresh_needed(refresh_in=seconds))
    return None if left == _FOR_EVER else max(left - 1, 0)
