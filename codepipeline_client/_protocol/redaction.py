"""
Remove the credentials of a request from a text that its recipient wrote.

Servers, proxies and parsers quote what they dislike: as it is, escaped, or only a part of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final

from .sigv4 import Credentials

_SHORTEST: Final = 16
"""A part of a secret that has fewer characters is not masked: it may be any word of a message."""

_CHARACTER: Final = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|&#?\w{2,8};|\\u[0-9A-Fa-f]{4}|\\?.", re.DOTALL)
"""One character: escaped for a URL, HTML or JSON, or as it is."""


def redact(text: str, credentials: Credentials | None) -> str:
    """Return *text* without the secret parts of *credentials*."""
    if credentials is None or len(text) < _SHORTEST:
        return text
    pieces: Sequence[str] = text
    plain, parts = text, _parts(credentials)
    if re.search(r"[%&\\]", text):
        pieces = _CHARACTER.findall(text)
        plain = "".join(map(_unescaped, pieces))
    found = [start for start in range(len(plain) - _SHORTEST + 1) if plain[start : start + _SHORTEST] in parts]
    if not found:
        return text
    hidden = {start + offset for start in found for offset in range(_SHORTEST)}
    runs = groupby(enumerate(pieces), key=lambda pair: pair[0] in hidden)
    return "".join("[secret]" if is_hidden else "".join(piece for _, piece in run) for is_hidden, run in runs)


@lru_cache(maxsize=4)
def _parts(credentials: Credentials) -> frozenset[str]:
    secrets = (credentials.session_token or "", credentials.secret_access_key)
    ends = [(secret, end) for secret in secrets for end in range(_SHORTEST, len(secret) + 1)]
    return frozenset(secret[end - _SHORTEST : end] for secret, end in ends)


def _unescaped(piece: str) -> str:
    if piece[0] == "&":
        return (html.unescape(piece) or piece)[0]
    if len(piece) > 2:
        return chr(int(piece[-2:] if piece[0] == "%" else piece[2:], 16))
    return piece[-1]
