"""
The values that travel: who signs, what is sent, what comes back.

No rule and no I/O. Headers are pairs, in the order in which they go on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from attrs import field, frozen

from ._values import Value
from .errors import CodePipelineError

_LONGEST_ID: Final = 128

Headers = tuple[tuple[str, str], ...]


@frozen(kw_only=True, eq=False, repr=False)
class Credentials(Value):
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


class Request(NamedTuple):
    """One HTTP request, before it is signed."""

    method: str
    url: str
    headers: Headers
    body: bytes


class Response:
    """One HTTP response, read to its end or to the limit. No tuple: what shows tracebacks would look into it."""

    __slots__ = ("body", "credentials", "headers", "is_whole", "received", "sent", "status_code")

    def __init__(
        self,
        *,
        status_code: int,
        headers: Mapping[str, str],
        body: bytes,
        is_whole: bool = True,
        credentials: Credentials | None = None,
        sent: float = 0.0,
        received: float = 0.0,
    ) -> None:
        self.status_code: Final = status_code
        self.headers: Final = headers
        """By name in lower case; a header that came several times is joined with a comma."""
        self.body: Final = body
        self.is_whole: Final = is_whole
        """False when the body was cut off for its size."""
        self.credentials: Final = credentials
        """The keys that the request was signed with. None when a transport of the user's own signed it."""
        self.sent: Final = sent
        """When the request went out, by this machine's clock, in seconds since the epoch."""
        self.received: Final = received
        """When the answer was there, likewise."""

    def __repr__(self) -> str:
        """Return what an answer was, not what was in it."""
        return f"Response(status_code={self.status_code})"

    @property
    def request_id(self) -> str | None:
        """The service's id for the request, wherever it put it. None when there is none."""
        told = self.headers.get("x-amzn-requestid") or self.headers.get("x-amz-request-id") or ""
        return self.without_keys(told)[:_LONGEST_ID] or None

    def without_keys(self, text: str) -> str:
        """Return *text* less the keys: a service that objects quotes signed headers, the session token among them."""
        if self.credentials is not None:
            for secret in (self.credentials.session_token, self.credentials.secret_access_key):
                if secret:
                    text = text.replace(secret, "[secret]")
        return text


class Attempt(NamedTuple):
    """One request to send now, or after a pause."""

    request: Request
    number: int
    """From 1."""
    delay: float = 0.0
    """How long to wait before sending, in seconds."""
    stale: Credentials | None = None
    """Keys that the service just called expired: send only if the source gives others."""
    skew: float = 0.0
    """How far the service's clock is believed to be ahead, in seconds: sign with its time."""
    after: CodePipelineError | None = None
    """The failure of the attempt before. None for the first attempt."""
