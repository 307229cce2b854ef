"""
The values that travel: who signs, what is sent, what comes back.

No rule and no I/O. Headers are pairs, in the order in which they go on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import field, frozen

Headers = tuple[tuple[str, str], ...]


@frozen(kw_only=True)
class Credentials:
    """
    The keys that sign a request. The secret parts stay out of the repr.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds.html
    """

    access_key_id: str
    """The public part, such as ``AKIAIOSFODNN7EXAMPLE``."""
    secret_access_key: str = field(repr=False)
    """The secret part."""
    session_token: str | None = field(default=None, repr=False)
    """Goes with temporary keys. None for long-term keys."""
    expires_at: datetime | None = None
    """When the keys end, an aware datetime. None when they do not, or when nobody said."""


@frozen(kw_only=True)
class Request:
    """One HTTP request, before it is signed."""

    method: str
    url: str
    headers: Headers
    body: bytes


@frozen(kw_only=True)
class Response:
    """One HTTP response, read to its end or to the limit."""

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case; a header that came several times is joined with a comma."""
    body: bytes = field(repr=False)
    is_whole: bool = True
    """False when the body was cut off for its size."""
    credentials: Credentials | None = None
    """The keys that the request was signed with. None when a transport of the user's own signed it."""


@frozen(kw_only=True)
class Attempt:
    """One request to send now, or after a pause."""

    request: Request
    number: int
    """From 1."""
    delay: float = 0.0
    """How long to wait before sending, in seconds."""
    stale: Credentials | None = None
    """Keys that the service just called expired: send only if the source gives others."""
