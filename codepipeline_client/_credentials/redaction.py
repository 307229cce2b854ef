"""
Keep secrets out of logs and exceptions while credentials are fetched.

Knows exceptions and loggers; not where credentials come from.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import cast


def redact(error: BaseException) -> BaseException:
    """Return *error* with its masked message and nothing else: no frames, requests, responses, causes."""
    message = masked_message(error)
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


def masked_message(error: BaseException) -> str:
    """Return the message of *error* without what looks like a secret: a credential process may print one."""
    return re.sub(r"[A-Za-z0-9+/=%&#;\\]{40,}", _masked, str(error))[:1000]


def _masked(match: re.Match[str]) -> str:
    run = match[0]
    return run if run in (run.lower(), run.upper()) else "[hidden]"  # a digest or a path has letters of one case


_is_fetching: ContextVar[bool] = ContextVar("codepipeline_client_is_fetching", default=False)


def suppress_botocore_logs() -> None:
    """Drop botocore's log records for the rest of this context: at DEBUG they hold secrets."""
    # Not by the level of its loggers, which would silence other threads and tasks too.
    _is_fetching.set(True)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"botocore", "aiobotocore", "urllib3"}:
            logging.getLogger(name).addFilter(_is_not_fetching)


def _is_not_fetching(_: logging.LogRecord) -> bool:
    return not _is_fetching.get()
