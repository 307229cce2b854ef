"""
What a client takes as its credentials, and how keys are got from it.

Fetches when asked, in the caller's thread; when that is due, and who waits for it, is not decided here.
"""

from __future__ import annotations

import inspect
import os
from abc import ABCMeta
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import CancelledError
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, cast

from ._botocore_keys import BotocoreCredentials, from_botocore, from_chain
from ._discretion import because, hush, message_of, stripped, without_locals
from ._message import Credentials
from .errors import CredentialsError

if TYPE_CHECKING:
    from anyio.lowlevel import EventLoopToken


CredentialsProvider: TypeAlias = Callable[[], Credentials]
"""A function that fetches keys. It may block: a thread calls it, and again when the keys near their end."""

AsyncCredentialsProvider: TypeAlias = Callable[[], Awaitable[Credentials]]
"""The same for the async client: a coroutine function, run on the event loop of the call that needs keys."""

CredentialsLike: TypeAlias = Credentials | CredentialsProvider | BotocoreCredentials
"""What a client takes as its credentials."""

AsyncCredentialsLike: TypeAlias = CredentialsLike | AsyncCredentialsProvider
"""What an async client takes as its credentials."""


class Source:
    """A place that keys come from."""

    __slots__ = ("at_once", "fetch", "is_botocore", "is_per_loop", "name")

    def __init__(
        self,
        *,
        name: str,
        at_once: Callable[[], Credentials | CredentialsError | None] = lambda: None,
        fetch: Callable[[EventLoopToken | None], object] = lambda _: None,
        is_per_loop: bool = False,
        is_botocore: bool = True,
    ) -> None:
        self.name = name
        self.at_once = at_once
        """Gives keys without blocking; None where it cannot."""
        self.fetch = fetch
        """Gives keys, and may block."""
        self.is_per_loop = is_per_loop
        """True when fetching may need an event loop: callers on another must not depend on its life."""
        self.is_botocore = is_botocore
        """False when the user's own code fetches, whose errors are not ours to change."""

    def ask(self, loop: EventLoopToken | None) -> object:
        """Fetch, in a refresh's thread. A failure is returned: raised, it would drag along frames that hold keys."""
        hush()
        try:
            return self.fetch(loop)
        except BaseException as error:  # noqa: BLE001 — even a SystemExit: nobody may be left waiting
            if self.is_botocore:
                return because(f"{self.name} failed with {type(error).__name__}: {message_of(error)}", stripped(error))
            return because(f"{self.name} raised {type(error).__name__}", without_locals(error))


def source_of(
    credentials: object,
    profile_name: str | None,
    region_name: str | None,
    now: Callable[[], float],
    *,
    allow_async: bool,
) -> Source | str:
    """Return the source that *credentials* are; a text when they are none."""
    if credentials is None:
        return Source(
            name=f"profile {profile_name!r}" if profile_name else "the default chain of sources",
            at_once=(lambda: None) if profile_name else _from_environment,
            fetch=lambda _: from_chain(profile_name, region_name, now),
        )
    if isinstance(credentials, Credentials):
        return Source(name="credentials=", at_once=lambda: credentials)
    if isinstance(credentials, BotocoreCredentials):
        if inspect.iscoroutinefunction(credentials.get_frozen_credentials):
            return (
                "credentials cannot be aiobotocore's, which are async: give an async function that returns Credentials"
            )
        return Source(name="botocore's credentials object", fetch=lambda _: from_botocore(credentials, now))
    if not callable(credentials):
        return (
            f"credentials cannot be a {type(credentials).__name__}: give Credentials, a function that returns them, or "
            "botocore's credentials object"
        )
    if not allow_async and any(map(inspect.iscoroutinefunction, (credentials, type(credentials).__call__))):
        return (
            "credentials cannot come from an async function in a sync client: use the async client, or a plain function"
        )
    return Source(
        name="the credentials provider",
        fetch=lambda loop: _provided(credentials, loop),
        is_per_loop=allow_async,
        is_botocore=False,
    )


def _provided(provider: Callable[[], object], loop: EventLoopToken | None) -> object:
    found = provider()
    try:
        if loop is None or not inspect.isawaitable(found):
            return found
        from anyio import from_thread

        # The cast: anyio's types want a coroutine, where what can be awaited will do.
        awaitable = cast("Coroutine[object, object, object]", _Ending(found))
        outcome = from_thread.run(lambda: awaitable, token=loop)
        if isinstance(outcome, CancelledError):
            raise outcome
        return outcome
    finally:
        if inspect.iscoroutine(found):
            found.close()  # one that was never awaited would warn


class _Ending:
    """
    What a provider gives in the end; a CancelledError if its event loop ends before.

    Nobody may wait for it any more then, and asyncio would log an error for what is raised.
    """

    def __init__(self, found: Awaitable[object]) -> None:
        self._found = found

    def __await__(self) -> Generator[object, object, object]:
        from anyio import get_cancelled_exc_class

        cancelled = get_cancelled_exc_class()
        try:
            return (yield from self._found.__await__())
        except cancelled:
            return CancelledError()


# trio insists on one, and then only awaits it. The cast: typeshed has it as a protocol, to which nothing registers.
cast("ABCMeta", Coroutine).register(_Ending)


def _from_environment() -> Credentials | CredentialsError | None:
    """Return what the environment gives: the variables of botocore's chain, in its order."""
    found = os.environ.get
    if not found("AWS_ACCESS_KEY_ID"):
        return None
    if not found("AWS_SECRET_ACCESS_KEY"):
        return CredentialsError(
            "AWS_ACCESS_KEY_ID is in the environment without AWS_SECRET_ACCESS_KEY: set both, or none"
        )
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"):
        if not _is_sendable(found(variable) or "unset"):
            return CredentialsError(f"{variable} in the environment must be visible ASCII without spaces: correct it")
    expiration = found("AWS_CREDENTIAL_EXPIRATION")
    expires_at = None
    with suppress(ValueError):
        expires_at = datetime.fromisoformat(expiration) if expiration else None
    if not _is_moment(expires_at) or (expiration and expires_at is None):
        return CredentialsError(
            f"AWS_CREDENTIAL_EXPIRATION {expiration!r} is not a time with its zone, such as 2026-11-22T12:00:00Z: "
            "correct or unset it"
        )
    return Credentials(
        access_key_id=found("AWS_ACCESS_KEY_ID", ""),
        secret_access_key=found("AWS_SECRET_ACCESS_KEY", ""),
        session_token=found("AWS_SECURITY_TOKEN") or found("AWS_SESSION_TOKEN") or None,
        expires_at=expires_at,
    )


def flaws(credentials: Credentials) -> list[str]:
    texts = {"access_key_id": credentials.access_key_id, "secret_access_key": credentials.secret_access_key}
    if credentials.session_token is not None:
        texts["session_token"] = credentials.session_token
    flaws = [
        f"{name} must be visible ASCII without spaces, and not empty" for name in texts if not _is_sendable(texts[name])
    ]
    if not _is_moment(credentials.expires_at):
        flaws.append("expires_at must be a datetime with a time zone, or None")
    return flaws


def _is_sendable(text: object) -> bool:
    return isinstance(text, str) and text != "" and text.isascii() and text.isprintable() and " " not in text


def _is_moment(value: object) -> bool:
    return value is None or (isinstance(value, datetime) and value.utcoffset() is not None)
