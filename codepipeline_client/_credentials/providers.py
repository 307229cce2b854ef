"""
Providers of credentials: what a client accepts, the environment, and what botocore finds in its chain of sources.

`cache` decides when credentials are fetched, and which calls wait. botocore is imported only when its chain is needed.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, cast, runtime_checkable

import anyio

from .._protocol.sigv4 import Credentials
from ..errors import ConfigurationError, CredentialsError

_FOR_EVER: Final = 2**31 - 1  # 68 years, in seconds
_is_fetching: ContextVar[bool] = ContextVar("codepipeline_client_is_fetching", default=False)


@runtime_checkable
class BotocoreCredentials(Protocol):
    """What botocore's ``Credentials`` can do, such as those of ``boto3.Session().get_credentials()``."""

    def get_frozen_credentials(self) -> object:
        """Return values that belong together, after a refresh if one is due."""


CredentialsProvider: TypeAlias = Callable[[], Credentials]
"""A function that fetches credentials. It may block: it is called in a thread, and again before they expire."""

AsyncCredentialsProvider: TypeAlias = Callable[[], Awaitable[Credentials]]
"""The same for the async client: a coroutine function, run on the event loop of the call that needs credentials."""

CredentialsLike: TypeAlias = Credentials | CredentialsProvider | BotocoreCredentials
"""What a client takes as its credentials."""

AsyncCredentialsLike: TypeAlias = CredentialsLike | AsyncCredentialsProvider
"""What an async client takes as its credentials."""


class Provider(NamedTuple):
    """Where credentials come from."""

    name: str
    call: Callable[[], object]
    """Returns credentials. May block."""
    call_at_once: Callable[[], Credentials | CredentialsError | None] = lambda: None
    """Returns credentials without blocking. None if it cannot."""
    is_custom: bool = False
    """Whether *call* is the user's own function, which may return something to await."""

    def fetch(self, loop: anyio.lowlevel.EventLoopToken | None) -> object:
        """Fetch in this thread, or await on *loop*. Failures are returned: raised, their frames would hold secrets."""
        _suppress_botocore_logs()
        fetched: object = None
        try:
            fetched = self.call()
            if loop is not None and inspect.isawaitable(fetched):
                from anyio import from_thread  # here, since a program's start should not wait for it

                fetched = from_thread.run(_awaited, fetched, token=loop)
            return fetched
        except BaseException as error:  # noqa: BLE001 - a SystemExit too, since callers wait for the outcome
            kind = type(error).__name__
            problem = f"raised {kind}" if self.is_custom else f"failed with {kind}: {_masked_message(error)}"
            failure = CredentialsError(f"{self.name} {problem}")
            failure.__cause__ = error if self.is_custom else _redacted(error)
            return failure
        finally:
            if inspect.iscoroutine(fetched):
                fetched.close()  # Python warns of one that was never awaited


async def _awaited(fetched: Awaitable[object]) -> object:
    try:
        return await fetched
    except anyio.get_cancelled_exc_class():  # returned, since asyncio would log what is raised
        return CredentialsError("the event loop ended while credentials were being fetched")


def provider_of(
    source: object, profile_name: str | None, region_name: str | None, now: Callable[[], float], *, allow_async: bool
) -> Provider | ConfigurationError:
    """Return the provider that *source* stands for, or an error that shows none of it."""
    if source is None:
        return Provider(
            name=f"profile {profile_name!r}" if profile_name else "the environment or botocore's chain of sources",
            call_at_once=(lambda: None) if profile_name else _from_environment,
            call=lambda: _from_chain(profile_name, region_name, now),
        )
    if isinstance(source, Credentials):
        return Provider(name="credentials=", call=lambda: source, call_at_once=lambda: source)
    if isinstance(source, BotocoreCredentials):
        if inspect.iscoroutinefunction(source.get_frozen_credentials):
            return ConfigurationError(
                "credentials cannot be aiobotocore's, which are async: give an async function that returns Credentials"
            )
        return Provider(name="botocore's credentials object", call=lambda: _from_botocore(source, now))
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
            f"AWS_CREDENTIAL_EXPIRATION {expiration!r} is not like 2026-11-22T12:00:00Z (ISO 8601): correct or unset it"
        )
    return Credentials(
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        session_token=variable("AWS_SECURITY_TOKEN") or variable("AWS_SESSION_TOKEN") or None,
        expires_at=expires_at,
    )


def _from_chain(
    profile_name: str | None, region_name: str | None, now: Callable[[], float]
) -> Credentials | CredentialsError:
    """Return what botocore's chain finds now, or an error that says what was tried."""
    import botocore.session

    _suppress_botocore_logs()  # again, since botocore's loggers exist only now
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
            return _from_botocore(found, now)
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


def _from_botocore(source: BotocoreCredentials, now: Callable[[], float]) -> Credentials:
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


def _redacted(error: BaseException) -> BaseException:
    """Return *error* with its masked message and nothing else: no frames, requests, responses, causes."""
    message = _masked_message(error)
    if isinstance(error, UnicodeError):
        return ValueError(message)  # a UnicodeError keeps the bytes
    vars(error).update({name: _shown(value, message) for name, value in vars(error).items()})
    error.args = (message,)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _shown(value: object, message: str) -> object:
    """Return the parts of *value* that the *message* shows too."""
    if isinstance(value, Mapping):
        # The cast: isinstance cannot tell what the mapping is of.
        return {name: _shown(member, message) for name, member in cast("Mapping[object, object]", value).items()}
    if value is None or isinstance(value, int):
        return value
    return str(value) if str(value) in message else ""


def _masked_message(error: BaseException) -> str:
    """Return the message of *error* without what looks like a secret: a credential process may print one."""
    return re.sub(r"[A-Za-z0-9+/=%&#;\\]{40,}", _masked, str(error))[:1000]


def _masked(match: re.Match[str]) -> str:
    run = match[0]
    return run if run in (run.lower(), run.upper()) else "[hidden]"  # a digest or a path has letters of one case


def _suppress_botocore_logs() -> None:
    """Drop botocore's log records for the rest of this context: at DEBUG they hold secrets."""
    # Not by the level of its loggers, which would silence other threads and tasks too.
    _is_fetching.set(True)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"botocore", "aiobotocore", "urllib3"}:
            logging.getLogger(name).addFilter(_is_not_fetching)


def _is_not_fetching(_: logging.LogRecord) -> bool:
    return not _is_fetching.get()
