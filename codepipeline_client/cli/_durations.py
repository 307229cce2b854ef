"""
Spans of time: as people type them, and as they are shown.

Seconds in between. Knows no clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import ceil
from typing import Final

from .._arguments import LONGEST

_DAY: Final = 86400
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": _DAY}
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"


def duration(text: str, *, may_be_zero: bool = False) -> float:
    """
    Return the seconds that *text* stands for: ``90`` (seconds), ``90s``, ``30m``, ``2h``, ``7d``, ``1h30m``.

    Raises ValueError that says what would do.
    """
    if not re.fullmatch(f"{_NUMBER}|(?:{_NUMBER}[smhd])+", text):
        raise ValueError(f"{text!r} is no span of time: give seconds, or 90s, 30m, 2h, 7d, 1h30m")
    parts = re.findall(f"({_NUMBER})([smhd]?)", text)
    seconds = sum(float(number) * _SECONDS[unit or "s"] for number, unit in parts)
    if seconds > LONGEST or (seconds == 0 and not may_be_zero):
        raise ValueError(f"{text!r} is not {'' if may_be_zero else 'above 0 and '}up to 365d")
    return seconds


def span(seconds: float) -> str:
    """Return whole *seconds* as a watch shows them: ``0:07``, ``12:34``, ``1:02:03``, ``2d 1:02:03``."""
    days, rest = divmod(int(seconds), _DAY)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    watch = f"{hours}:{minutes:02}:{rest:02}" if days or hours else f"{minutes}:{rest:02}"
    return f"{days}d {watch}" if days else watch


def ahead(seconds: float) -> str:
    """Return how long it still is, not less than it is: ``4 s``, ``2:00``."""
    whole = max(ceil(seconds), 0)
    return f"{whole} s" if whole < _SECONDS["m"] else span(whole)


def stamp(time: float) -> str:
    """Return a time of day, in seconds since the epoch, in ISO 8601 and UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"
