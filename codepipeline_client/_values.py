"""
What all values that users see have in common: they compare, hash and show themselves by their fields.

attrs would write these methods for each class anew, which is most of what a class takes when a program starts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any

from attrs import fields


class Value:
    """
    The methods that attrs leaves out with ``eq=False`` and ``repr=False``, as it would write them.

    Fields say themselves what they are left out of: ``field(eq=False)``, ``hash=False``, ``repr=False``.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        """Return whether *other* is of the same class, and its fields are equal."""
        if type(other) is not type(self):
            return NotImplemented
        kind: Any = type(self)
        compared = _compared(kind)
        return bool(compared(self) == compared(other))

    def __hash__(self) -> int:
        """Return the same number for whatever is equal."""
        kind: Any = type(self)
        return hash((kind, _hashed(kind)(self)))

    def __repr__(self) -> str:
        """Return what would make it, but for what is to stay out of sight."""
        return _shown(self)


@recursive_repr()
def _shown(value: Value) -> str:
    kind: type[Any] = type(value)
    shown = (each.name for each in fields(kind) if each.repr)
    name = kind.__qualname__.rpartition(">.")[2]
    return f"{name}({', '.join(f'{each}={getattr(value, each)!r}' for each in shown)})"


@lru_cache
def _compared(kind: type[Any]) -> Callable[[object], object]:
    return attrgetter(*[each.name for each in fields(kind) if each.eq])


@lru_cache
def _hashed(kind: type[Any]) -> Callable[[object], object]:
    return attrgetter(*[each.name for each in fields(kind) if (each.eq if each.hash is None else each.hash)])
