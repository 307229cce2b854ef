"""
What all faults share, and how to choose among them by chance.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from attrs import Attribute, frozen

_MOST: Final = 1e9


@frozen(kw_only=True)
class Fault:
    """What all faults are. It makes no difference itself."""


def at_random(*faults: Fault, probability: float, random: Random) -> Callable[[object], Fault | None]:
    """
    Return a rule for `inject_by`: with *probability*, 0 to 1, a request gets one of *faults*, each as likely.

    *random* decides, so that a seed repeats a run.
    """
    if not (faults and 0 <= probability <= 1):
        raise ValueError(f"at_random needs a fault or more and a probability from 0 to 1, not {probability}")
    return lambda _: random.choice(faults) if random.random() < probability else None


def is_finite(_: object, attribute: Attribute[float], value: float) -> None:
    """Refuse, as a validator of attrs, what no clock can be moved by."""
    if not abs(value) < _MOST:
        raise ValueError(f"{attribute.name} must be a number of seconds below {_MOST:g}, not {value}")


def is_duration(_: object, attribute: Attribute[float], value: float) -> None:
    """Refuse, as a validator of attrs, what cannot be waited for."""
    if not 0 <= value < _MOST:
        raise ValueError(f"{attribute.name} must be a number of seconds from 0 to {_MOST:g}, not {value}")
