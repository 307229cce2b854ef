"""
What an argument must be, for those that can come from nowhere else.

Settings that the environment or a file may give, too, are in `_settings`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from enum import Enum, auto
from typing import Final

from .errors import ConfigurationError


class NotGiven(Enum):
    """The kind of an argument that was left out, where None means something."""

    NOT_GIVEN = auto()


NOT_GIVEN: Final = NotGiven.NOT_GIVEN


def seconds_of(name: str, value: object) -> float | None:
    """Return a limit of time."""
    if value is None:
        return None
    if not isinstance(value, int | float) or value is True or not 0 < value <= LONGEST:
        raise ConfigurationError(
            f"{name} must be a number of seconds, above 0 and up to {LONGEST:.0f}, or None for no limit, not {value!r}"
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
    near = ["credentials"] if argument.startswith("aws_") else get_close_matches(argument, known, n=1)
    return f"{client} has no argument {argument!r}" + (f": is it {near[0]}?" if near else "")
