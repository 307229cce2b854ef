"""
Keep keys out of sight while they are fetched: out of logs, and out of what a failure carries.

Knows exceptions and loggers; not where keys come from.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from typing import cast

from .errors import CredentialsError


def because(message: str, cause: BaseException) -> CredentialsError:
    error = CredentialsError(message)
    error.__cause__ = cause
    return error


def without_locals(error: BaseException) -> BaseException:
    """Return a provider's *error* with its lines, but no values of variables: they may hold keys."""
    traceback.clear_frames(error.__traceback__)
    family = [error]
    for one in family:
        # The cast: isinstance does not tell of what a group is.
        members = (
            cast("BaseExceptionGroup[BaseException]", one).exceptions if isinstance(one, BaseExceptionGroup) else ()
        )
        for other in (one.__cause__, one.__context__, *members):
            if other is not None and all(other is not known for known in family):
                family.append(other.with_traceback(None))
    return error


def stripped(error: BaseException) -> BaseException:
    """Return botocore's *error* as what it says, without what it holds: frames, requests, answers, other errors."""
    said = message_of(error)
    if isinstance(error, UnicodeError):
        return ValueError(said)  # the other kind cannot let go of the bytes
    vars(error).update({name: _shown(value, said) for name, value in vars(error).items()})
    error.args = (said,)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _shown(value: object, said: str) -> object:
    """Return of *value* what *said* shows too."""
    if isinstance(value, Mapping):
        members = cast("Mapping[object, object]", value)  # of whatever: isinstance does not tell
        return {name: _shown(member, said) for name, member in members.items()}
    if value is None or isinstance(value, int):
        return value
    return str(value) if str(value) in said else ""


def message_of(error: BaseException) -> str:
    """Return the message of *error*, but for what looks like a secret: a credential process may print any."""
    return re.sub("[A-Za-z0-9+/=]{40,}", _masked, str(error))[:1000]


def _masked(match: re.Match[str]) -> str:
    run = match[0]
    mixed = any(map(str.islower, run)) and any(map(str.isupper, run)) and any(map(str.isdigit, run))
    return "[hidden]" if mixed else run


_is_fetching: ContextVar[bool] = ContextVar("codepipeline_client_is_fetching", default=False)


def hush() -> None:
    """
    Keep what botocore logs in this context from every handler: at DEBUG it logs keys.

    A level would silence other threads too. On an event loop, the context goes along with the provider.
    """
    _is_fetching.set(True)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"botocore", "aiobotocore", "urllib3"}:
            logging.getLogger(name).addFilter(_is_heard)


def _is_heard(_: logging.LogRecord) -> bool:
    return not _is_fetching.get()
