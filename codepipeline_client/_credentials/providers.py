"""
Providers of credentials: the values that a client accepts, and how credentials are fetched from them.

When they are fetched, and which calls wait for them, is decided in `cache`.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from anyio import from_thread, get_cancelled_exc_class
from anyio.lowlevel import EventLoopToken
from attrs import frozen

from .._protocol.sigv4 import Credentials
from ..errors import ConfigurationError, CredentialsError
from .botocore_chain import BotocoreCredentials, from_botocore, from_chain
from .redaction import masked_message, redact, suppress_botocore_logs

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
    """Whether *call* is the user's own function, which may return something to await."""

    def fetch(self, loop: EventLoopToken | None) -> object:
        """Fetch in this thread, or await on *loop*. Failures are returned: raised, their frames would hold secrets."""
        suppress_botocore_logs()
        try:
            return _awaited(self.call(), loop)
        except BaseException as error:  # noqa: BLE001 - a SystemExit too, since callers wait for the outcome
            kind = type(error).__name__
            problem = f"raised {kind}" if self.is_custom else f"failed with {kind}: {masked_message(error)}"
            failure = CredentialsError(f"{self.name} {problem}")
            failure.__cause__ = error if self.is_custom else redact(error)
            return failure


def _awaited(fetched: object, loop: EventLoopToken | None) -> object:
    try:
        if loop is None or not inspect.isawaitable(fetched):
            return fetched
        return from_thread.run(_awaited_on_loop, fetched, token=loop)
    finally:
        if inspect.iscoroutine(fetched):
            fetched.close()  # Python warns of one that was never awaited


async def _awaited_on_loop(fetched: Awaitable[object]) -> object:
    try:
        return await fetched
    except get_cancelled_exc_class():  # returned, since asyncio would log what is raised
        return CredentialsError("the event loop ended while credentials were being fetched")


def provider_of(
    source: object, profile_name: str | None, region_name: str | None, now: Callable[[], float], *, allow_async: bool
) -> Provider | ConfigurationError:
    """Return the provider that *source* stands for, or an error that shows none of it."""
    if source is None:
        return Provider(
            name=f"profile {profile_name!r}" if profile_name else "the environment or botocore's chain of sources",
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
            f"credentials cannot be {type(source).__name__}: give Credentials, a function that returns them, or "
            "botocore's credentials object"
        )
    if not allow_async and any(map(inspect.iscoroutinefunction, (source, type(source).__call__))):
        return ConfigurationError(
            "credentials cannot come from an async function in a sync client: use the async client, or a plain function"
        )
    return Provider(name="the credentials provider", call=source, is_custom=True)


def _from_environment() -> Credentials | CredentialsError | None:
    """Return the credentials in the environment, by the variables of botocore's chain and in its order."""
    variable = os.environ.get
    access_key_id, secret_access_key = variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")
    if not access_key_id:
        return None
    if not secret_access_key:
        return CredentialsError("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY: set both or neither")
    expiration = variable("AWS_CREDENTIAL_EXPIRATION")
    try:
        expires_at = datetime.fromisoformat(expiration) if expiration else None
    except ValueError:
        return CredentialsError(
            f"AWS_CREDENTIAL_EXPIRATION {expiration!r} is not a time, such as 2026-11-22T12:00:00Z: correct or unset it"
        )
    return Credentials(
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        session_token=variable("AWS_SECURITY_TOKEN") or variable("AWS_SESSION_TOKEN") or None,
        expires_at=expires_at,
    )
