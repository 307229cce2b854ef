"""Arguments that are checked alike wherever they are taken: numbers of seconds, counts, callbacks."""

from __future__ import annotations

import inspect
from datetime import timedelta
from enum import Enum, auto
from typing import Final, Literal, TypeAlias

from ..errors import ConfigurationError

LONGEST: Final = 365 * 86400.0  # seconds

RetryMode = Literal["standard", "adaptive", "off"]

Timeout: TypeAlias = float | timedelta | None
"""A limit in seconds or as a timedelta. None for no limit."""


class NotGiven(Enum):
    """The type of an argument that was left out, where None has a meaning of its own."""

    NOT_GIVEN = auto()


NOT_GIVEN: Final = NotGiven.NOT_GIVEN


def seconds_of(name: str, value: object) -> float | None:
    """Return a time limit in seconds, None for no limit."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return None if value is None else interval_of(name, value, unless=" (or None for no limit)")


def interval_of(name: str, value: object, *, may_be_zero: bool = False, unless: str = "") -> float:
    """Return a number of seconds. *unless* says what else the value could have been."""
    if (
        not isinstance(value, int | float)
        or isinstance(value, bool)
        or not (0 < value <= LONGEST or (may_be_zero and value == 0))
    ):
        least = "from 0" if may_be_zero else "above 0 and"
        raise ConfigurationError(
            f"{name} must be a number of seconds {least} up to {LONGEST:.0f}{unless}, not {value!r}"
        )
    return float(value)


def count_of(name: str, value: object) -> int:
    """Return a whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of 1 or more, not {value!r}")
    return value


def plain_function(name: str, value: object) -> None:
    """Raise ConfigurationError for a callback that is not callable, or whose result would have to be awaited."""
    is_async = (inspect.iscoroutinefunction, inspect.isasyncgenfunction)
    if not callable(value) or any(test(each) for test in is_async for each in (value, type(value).__call__)):
        raise ConfigurationError(f"{name} must be a plain function (not async); it is {value!r}")
