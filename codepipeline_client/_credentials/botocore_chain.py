"""
Credentials that botocore finds: in its chain of sources, or in a credentials object of its own.

botocore is imported when its chain is needed, and not before.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol, runtime_checkable

from .._protocol.sigv4 import Credentials
from ..errors import CredentialsError
from .redaction import suppress_botocore_logs

_FOR_EVER: Final = 2**31 - 1  # 68 years, in seconds


@runtime_checkable
class BotocoreCredentials(Protocol):
    """What botocore's ``Credentials`` can do, such as those of ``boto3.Session().get_credentials()``."""

    def get_frozen_credentials(self) -> object:
        """Return values that belong together, after a refresh if one is due."""


def from_chain(
    profile_name: str | None, region_name: str | None, now: Callable[[], float]
) -> Credentials | CredentialsError:
    """Return what botocore's chain finds now, or an error that says what was tried."""
    import botocore.session

    suppress_botocore_logs()  # again, since botocore's loggers exist only now
    variables = {
        "profile": (None, _set_variables("AWS_DEFAULT_PROFILE", "AWS_PROFILE"), None, None),
        "config_file": (None, _set_variables("AWS_CONFIG_FILE"), "~/.aws/config", None),
        "credentials_file": (None, _set_variables("AWS_SHARED_CREDENTIALS_FILE"), "~/.aws/credentials", None),
    }
    session: Any = botocore.session.Session(variables, profile=profile_name)  # a new one, since it keeps what it found
    # A role is assumed in the client's region, as boto3 does. botocore does not read AWS_REGION.
    region_name = region_name or os.environ.get("AWS_REGION")
    if region_name:
        session.set_config_variable("region", region_name)
    try:
        found: BotocoreCredentials | None = session.get_credentials()
        if found is not None:
            return from_botocore(found, now)
    except EOFError:  # at the question for it, the only one
        return CredentialsError(
            f"the profile {session.profile or 'default'!r} needs an MFA code, and none was entered: "
            "call from a terminal, or use credentials that need no code"
        )
    environment = "" if profile_name else "the environment (AWS_ACCESS_KEY_ID); "
    return CredentialsError(
        f"no credentials were found. Tried: {environment}the profile {session.profile or 'default'!r} of the shared "
        "config and credentials files (access keys, role, web identity, SSO, login, process); the container; the "
        "instance. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile with credentials, or give "
        "the client credentials="
    )


def _set_variables(*names: str) -> list[str]:
    """Return those that are not empty: botocore would look for a profile or a file without a name."""
    return [name for name in names if os.environ.get(name)]


def from_botocore(source: BotocoreCredentials, now: Callable[[], float]) -> Credentials:
    """Return the credentials of a botocore object, and when they expire."""
    frozen: Any = source.get_frozen_credentials()
    refresh_needed: Callable[..., bool] | None = getattr(source, "refresh_needed", None)
    left = _FOR_EVER
    if refresh_needed is not None:  # the only public way to learn when they expire
        left = bisect_left(range(_FOR_EVER), x=True, key=lambda seconds: refresh_needed(refresh_in=seconds))
    return Credentials(
        access_key_id=frozen.access_key,
        secret_access_key=frozen.secret_key,
        session_token=frozen.token or None,
        expires_at=None if left == _FOR_EVER else datetime.fromtimestamp(now() + max(left - 1, 0), UTC),
    )
