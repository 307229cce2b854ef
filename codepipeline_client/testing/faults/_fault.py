"""
What all faults share.
"""

from __future__ import annotations

from typing import Final

from attrs import Attribute, frozen

_MOST: Final = 1e9


@frozen(kw_only=True)
class Fault:
    """What all faults are. It makes no difference itself."""


def is_finite(_: object, attribute: Attribute[float], value: float) -> None:
    """Refuse, as a validator of attrs, what no clock can be moved by."""
    if not abs(value) < _MOST:
        raise ValueError(f"{attribute.name} must be a number of seconds below {_MOST:g}, not {value}")


def is_duration(_: object, attribute: Attribute[float], value: float) -> None:
    """Refuse, as a validator of attrs, what cannot be waited for."""
    if not 0 <= value < _MOST:
        raise ValueError(f"{attribute.name} must be a number of seconds from 0 to {_MOST:g}, not {value}")
