"""
The values of one call: its attempts, and the responses to them.

Headers are pairs in wire order. Servers, proxies and parsers quote parts of requests in errors, as they are or escaped.
`redact` removes credentials from such texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from attrs import define, field

from ..errors import CodePipelineError
from .sigv4 import Credentials

Headers = tuple[tuple[str, str], ...]

_SHORTEST: Final = 16
"""A part of a secret that has fewer characters is not masked: it may be any word of a message."""

_HALF: Final = _SHORTEST // 2
"""Any 16 characters contain a block of 8 that begins at a multiple of 8, so only such blocks are looked up first."""

_CHARACTER: Final = r"(?s)%(?:25)*[0-9A-Fa-f]{2}|&#?\w{2,8};|\\u[0-9A-Fa-f]{4}|\\?."
"""One character: escaped for a URL, HTML or JSON, or as it is."""


@define(kw_only=True, eq=False)
class Response:
    """One HTTP response, read to its end or to the size limit. Its repr shows the status alone."""

    status_code: int
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case; the values of a repeated header are joined with a comma."""
    body: bytes = field(repr=False)
    is_whole: bool = field(default=True, repr=False)
    """False when the body was cut off at the size limit."""
    credentials: Credentials | None = field(default=None, repr=False)
    """What the request was signed with. None when a transport of the user's own signed it."""
    proxy_login: Credentials | None = field(default=None, repr=False)
    """The password of a proxy that passes the response on in the clear, and may write one itself."""
    received: float = field(default=0.0, repr=False)
    """When the response had arrived, by this machine's clock, in seconds since the epoch."""

    @property
    def request_id(self) -> str | None:
        """The service's id for the request, from either header. None without both."""
        request_id = self.headers.get("x-amzn-requestid") or self.headers.get("x-amz-request-id") or ""
        return self.redact(request_id)[:128] or None

    def redact(self, text: str) -> str:
        """Return *text* without the secret parts of the credentials: a response may quote the request."""
        return redact(redact(text, self.credentials), self.proxy_login)


@define(kw_only=True, eq=False)
class Attempt:
    """One request to send, at once or after a pause. The transport that signs it records how."""

    headers: Headers
    body: bytes = field(repr=False)
    """May have values of pipeline variables, which may be secret."""
    number: int
    """From 1."""
    delay: float = 0.0
    """How long to wait before sending, in seconds."""
    stale: Credentials | None = None
    """Credentials that the service rejected as expired: send only if the provider gives others."""
    skew: float = 0.0
    """How far the service's clock is ahead of this machine's, in seconds: added to the time that is signed."""
    after: CodePipelineError | None = None
    """The failure of the attempt before. None for the first attempt."""
    credentials: Credentials | None = None
    """What the request was signed with."""
    sent_at: float | None = None
    """When it was signed and sent, in seconds since the epoch. None while there are no credentials."""


def redact(text: str, credentials: Credentials | None) -> str:
    """Return *text* without the secret parts of *credentials*."""
    if credentials is None or len(text) < _SHORTEST:
        return text
    pieces: Sequence[str] = text
    plain = text
    if "%" in text or "&" in text or "\\" in text:
        pieces = re.findall(_CHARACTER, text)
        plain = "".join(map(_unescaped, pieces))
    halves = [plain[start : start + _HALF] for start in range(0, len(plain), _HALF)]
    if _parts(credentials, _HALF).isdisjoint(halves):  # as nearly always
        return text
    parts = _parts(credentials, _SHORTEST)
    found = [start for start in range(len(plain) - _SHORTEST + 1) if plain[start : start + _SHORTEST] in parts]
    hidden = {start + offset for start in found for offset in range(_SHORTEST)}
    runs = groupby(enumerate(pieces), key=lambda pair: pair[0] in hidden)
    return "".join("[secret]" if is_hidden else "".join(piece for _, piece in run) for is_hidden, run in runs)


@lru_cache(maxsize=8)
def _parts(credentials: Credentials, length: int) -> frozenset[str]:
    secrets = (credentials.session_token or "", credentials.secret_access_key)
    ends = [(secret, end) for secret in secrets for end in range(length, len(secret) + 1)]
    return frozenset(secret[end - length : end] for secret, end in ends)


def _unescaped(piece: str) -> str:
    if piece[0] == "&":
        import html  # here, since a program's start should not wait for its tables

        return (html.unescape(piece) or piece)[0]
    if len(piece) > 2:
        return chr(int(piece[-2:] if piece[0] == "%" else piece[2:], 16))
    return piece[-1]
