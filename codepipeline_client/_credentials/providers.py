"""
What a client takes as its credentials, and how credentials are fetched from it.

When they are fetched, and who waits for it, is not decided here.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from .._protocol.sigv4 import Credentials
from ..errors import ConfigurationError, CredentialsError
from .botocore_chain import BotocoreCredentials, from_botocore, from_chain
from .expiry import FetchedCredentials
from .redaction import clear_variables, credentials_error, masked_message, redact, suppress_botocore_logs

if TYPE_CHECKING:
    from anyio.lowlevel import EventLoopToken

CredentialsProvider: TypeAlias = Callable[[], Credentials]
"""A function that fetches credentials. It may block: it is called in a thread, and again before they expire."""

AsyncCredentialsProvider: TypeAlias = Callable[[], Awaitable[Credentials]]
"""The same for the async client: a coroutine function, run on the event loop of the call that needs credentials."""

CredentialsLike: TypeAlias = Credentials | CredentialsProvider | BotocoreCredentials
"""What a client takes as its credentials."""

AsyncCredentialsLike: TypeAlias = CredentialsLike | AsyncCredentialsProvider
"""What an async client takes as its credentials."""


@frozen(kw_only=True)
class Provider:
    """Where credentials come from."""

    name: str
    call: Callable[[], object]
    """Returns credentials. May block."""
    call_at_once: Callable[[], Credentials | CredentialsError | None] = lambda: None
    """Returns credentials without blocking. None if it cannot."""
    is_custom: bool = False
    """Whether *call* is the user's own function."""
    may_be_async: bool = False
    """Whether *call* may return something to await."""

    def fetch(self, loop: EventLoopToken | None) -> object:
        """
        Fetch in this thread, which is not the one of the *loop* that awaits what is async.

        Failures are returned: raised, they would carry frames that hold secrets.
        """
        suppress_botocore_logs()
        try:
            return _awaited(self.call(), loop)
        except BaseException as error:  # noqa: BLE001 - a SystemExit too, since callers wait for the outcome
            kind = type(error).__name__
            if self.is_custom:
                return credentials_error(f"{self.name} raised {kind}", clear_variables(error))
            return credentials_error(f"{self.name} failed with {kind}: {masked_message(error)}", redact(error))


def _awaited(fetched: object, loop: EventLoopToken | None) -> object:
    try:
        if loop is None or not inspect.isawaitable(fetched):
            return fetched
        from anyio import from_thread

        return from_thread.run(_awaited_on_loop, fetched, token=loop)
    finally:
        if inspect.iscoroutine(fetched):
            fetched.close()  # Python warns of one that was never awaited


async def _awaited_on_loop(fetched: Awaitable[object]) -> object:
    from anyio import get_cancelled_exc_class

    try:
        return await fetched
    except get_cancelled_exc_class():  # returned, since asyncio would log what is raised
        return CredentialsError("the event loop ended while credentials were being fetched")


def provider_of(
    source: object,
    profile_name: str | None,
    region_name: str | None,
    now: Callable[[], float],
    *,
    allow_async: bool,
) -> Provider | ConfigurationError:
    """Return the provider that *source* stands for, or an error that shows none of it."""
    if source is None:
        return Provider(
            name=f"profile {profile_name!r}" if profile_name else "the default chain of sources",
            call_at_once=(lambda: None) if profile_name else _from_environment,
            call=lambda: from_chain(profile_name, region_name, now),
        )
    if isinstance(source, Credentials):
        return Provider(name="credentials=", call=lambda: source, call_at_once=lambda: source)
    if isinstance(source, BotocoreCredentials):
        if inspect.iscoroutinefunction(source.get_frozen_credentials):
            return ConfigurationError(
                "credentials cannot be aiobotocore's, which are async: give an async function that returns Credentials"
            )
        return Provider(name="botocore's credentials object", call=lambda: from_botocore(source, now))
    if not callable(source):
        return ConfigurationError(
            f"credentials cannot be a {type(source).__name__}: give Credentials, a function that returns them, or "
            "botocore's credentials object"
        )
    if not allow_async and any(map(inspect.iscoroutinefunction, (source, type(source).__call__))):
        return ConfigurationError(
            "credentials cannot come from an async function in a sync client: use the async client, or a plain function"
        )
    return Provider(name="the credentials provider", call=source, is_custom=True, may_be_async=allow_async)


def _from_environment() -> Credentials | CredentialsError | None:
    """Return the credentials in the environment, by the variables of botocore's chain and in its order."""
    variable = os.environ.get
    access_key_id, secret_access_key = variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")
    if not access_key_id:
        return None
    if not secret_access_key:
        return CredentialsError(
            "AWS_ACCESS_KEY_ID is in the environment without AWS_SECRET_ACCESS_KEY: set both, or none"
        )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"):
        if variable(name) and not _is_header_value(variable(name)):
            return CredentialsError(f"{name} in the environment must be visible ASCII without spaces: correct it")
    expiration, expires_at = variable("AWS_CREDENTIAL_EXPIRATION"), None
    with suppress(ValueError):
        expires_at = datetime.fromisoformat(expiration) if expiration else None
    if expiration and not _is_aware(expires_at):
        return CredentialsError(
            f"AWS_CREDENTIAL_EXPIRATION {expiration!r} is not a time with its zone, such as 2026-11-22T12:00:00Z: "
            "correct or unset it"
        )
    return Credentials(
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        session_token=variable("AWS_SECURITY_TOKEN") or variable("AWS_SESSION_TOKEN") or None,
        expires_at=expires_at,
    )


def validated(fetched: object, name: str, now: float) -> FetchedCredentials | CredentialsError:
    """Return what the provider of that *name* gave, for the cache. An error, which shows none of it, if unusable."""
    if isinstance(fetched, CredentialsError):
        return fetched
    if not isinstance(fetched, Credentials):
        return CredentialsError(f"{name} gave a {type(fetched).__name__}, not Credentials of codepipeline_client")
    texts = {"access_key_id": fetched.access_key_id, "secret_access_key": fetched.secret_access_key}
    if fetched.session_token is not None:
        texts["session_token"] = fetched.session_token
    problems = [
        f"{field} must be visible ASCII without spaces, and not empty"
        for field, text in texts.items()
        if not _is_header_value(text)
    ]
    expires_at = fetched.expires_at
    if expires_at is not None and not _is_aware(expires_at):
        problems.append("expires_at must be a datetime with a time zone, or None")
    if problems:
        return CredentialsError(f"{name} gave credentials that cannot be used: {'; '.join(problems)}")
    expires = inf if expires_at is None else expires_at.timestamp()
    if expires <= now:
        return CredentialsError(
            f"{name} gave credentials that ended at {expires_at}: get new ones, or correct this machine's clock"
        )
    return FetchedCredentials(credentials=fetched, expires=expires, tried=now)


def _is_header_value(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch("[!-~]+", text) is not None


def _is_aware(value: object) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None
