"""
Answers that a test writes itself.

What cannot be sent is refused here: in the test, not in a thread that it does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, cast

from ._altered import FRAMING
from ._calls import Answer, error, http_status
from ._connection import head_of
from ._scenario import Plan

_CUTS: Final = re.compile("[\r\n\0]")
"""What ends a header, whatever comes behind it."""


def planned_answer(*, status_code: int, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes) -> Answer:
    """Return exactly this answer. One with framing of its own ends its connection. Raises ValueError."""
    # Cast, since to a type checker something iterable may turn out to be a mapping, too, of anything.
    given = cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers)
    pairs = tuple(given)
    _check_status(status_code, 200)
    for pair in pairs:
        if _CUTS.search(":".join(pair)):
            raise ValueError(f"a header must not have CR, LF or NUL in it, as {pair!r} has")
    is_last = any(name.lower() in FRAMING for name, _ in pairs)
    planned = Answer(status_code=status_code, headers=pairs, body=body, is_last=is_last)
    _ = head_of(planned, date=0, last=is_last) + body  # raises what is wrong with the types, or the charset
    return planned


def planned_error(code: str, message: str, *, status_code: int | None) -> Plan:
    """Return the plan to refuse with *code*, and the HTTP status that goes with it or another. Raises ValueError."""
    status = http_status(code) if status_code is None else status_code
    _check_status(status, 400)
    return lambda call: error(code, message, status_code=status, request_id=call.request_id)


def _check_status(status_code: object, lowest: int) -> None:
    if not isinstance(status_code, int) or not lowest <= status_code <= 599:
        raise ValueError(f"status_code must be a whole number from {lowest} to 599, not {status_code!r}")
