"""
Remove the credentials of a request from a text that its recipient wrote.

Servers, proxies and parsers quote what they dislike: as it is, escaped, or only a part of it.
"""

from __future__ import annotations

import html
import re
from itertools import groupby
from typing import Final

from .sigv4 import Credentials

SHORTEST: Final = 16
"""A secret, or a part of one, that has fewer characters is no secret: it may be any word of a message."""

_CHARACTER: Final = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}|&#?\w{2,8};|\\u[0-9A-Fa-f]{4}|\\?.", re.DOTALL)
"""One character: escaped for a URL, HTML or JSON, or as it is."""


def redact(text: str, credentials: Credentials | None) -> str:
    """Return *text* without the secret parts of *credentials*."""
    if credentials is None or len(text) < SHORTEST:
        return text
    pieces = _CHARACTER.findall(text) if re.search(r"[%&\\]", text) else list(text)
    plain = "".join(map(_unescaped, pieces))
    hidden = [False] * len(pieces)
    for secret in (credentials.session_token or "", credentials.secret_access_key):
        for start in range(len(plain) - SHORTEST + 1):
            if plain[start : start + SHORTEST] in secret:
                hidden[start : start + SHORTEST] = [True] * SHORTEST
    runs = groupby(zip(pieces, hidden, strict=True), key=lambda pair: pair[1])
    return "".join("[secret]" if is_hidden else "".join(piece for piece, _ in run) for is_hidden, run in runs)


def _unescaped(piece: str) -> str:
    if piece[0] == "&":
        return (html.unescape(piece) or piece)[0]
    if len(piece) > 2:
        return chr(int(piece[-2:] if piece[0] == "%" else piece[2:], 16))
    return piece[-1]
