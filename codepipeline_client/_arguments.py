"""
What an argument must be, for those that can come from nowhere else.

Settings that the environment or a file may give, too, are in `_settings`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from enum import Enum, auto
from typing import Final

from .errors import ConfigurationError


class NotGiven(Enum):
    """The kind of an argument that was left out, where None means something."""

    NOT_GIVEN = auto()


NOT_GIVEN: Final = NotGiven.NOT_GIVEN


def seconds_of(name: str, value: object) -> float | None:
    """Return a limit of time."""
    return None if value is None else interval_of(name, value, unless=", or None for no limit")


def interval_of(name: str, value: object, *, may_be_zero: bool = False, unless: str = "") -> float:
    """Return a length of time. *unless* is what else the value might have been, in words."""
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not (0 < value <= LONGEST or (may_be_zero and value == 0))
    ):
        least = "from 0" if may_be_zero else "above 0 and"
        raise ConfigurationError(
            f"{name} must be a number of seconds, {least} up to {LONGEST:.0f}{unless}, not {value!r}"
        )
    return float(value)


LONGEST: Final = 365 * 86400.0
"""Seconds that any limit may be: a year. What is longer was meant otherwise."""


def count_of(name: str, value: object) -> int:
    """Return a number of things, at least one."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number from 1, not {value!r}")
    return value


def plain_function(name: str, value: object) -> None:
    """Refuse what cannot be called as a function, or returns what nobody would await."""
    awaits = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    if not callable(value) or any(test(each) for test in awaits for each in (value, type(value).__call__)):
        raise ConfigurationError(f"{name} must be a plain function, not an async one or anything else: {value!r}")


def stray_argument(client: str, argument: str, known: Iterable[str]) -> str:
    """Return what to say of an argument that there is not; boto3's arguments for keys are one here."""
    from difflib import get_close_matches  # here, since it is for mistakes only

    near = ["credentials"] if argument.startswith("aws_") else get_close_matches(argument, known, n=1)
    return f"{client} has no argument {argument!r}" + (f": is it {near[0]}?" if near else "")
