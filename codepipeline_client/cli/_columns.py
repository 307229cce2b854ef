"""
Text in columns: how many it takes, and where it may be broken.

Knows letters. Not what is said with them, nor to whom.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from unicodedata import category, east_asian_width

_LEAST: Final = 2
"""Columns to wrap to at least: a wide letter takes as many."""


def cells(text: str) -> int:
    """Return how many columns *text* takes, or more where terminals do not agree."""
    return sum(map(_cells, text))


def wrapped(line: str, *, width: int | None) -> list[str]:
    """
    Return *line* in pieces of *width* columns, as far as its words are no longer. None for one piece.

    Broken between words, and between two wide letters, whose scripts mostly do without blanks.
    """
    if width is None:
        return [line]
    room, held = max(width, _LEAST), ""
    pieces: list[str] = []
    for word in _words(line):
        if held.strip() and cells(held + word.rstrip(" ")) > room:
            pieces.append(held.rstrip(" "))
            held = ""
        held += word
    return [*pieces, held.rstrip(" ")]


def _words(line: str) -> Iterator[str]:
    """Return what must stay together, with the blanks behind it."""
    word = ""
    for letter in line:
        if word and _may_part(word[-1], letter):
            yield word
            word = ""
        word += letter
    yield word


def _may_part(before: str, after: str) -> bool:
    if before == " ":
        return after != " "
    # No line begins with a closing mark or a combining one, nor ends with an opening one.
    is_wide = east_asian_width(before) in "WF" and east_asian_width(after) in "WF"
    return is_wide and category(after) == "Lo" and category(before) != "Ps"


def _cells(letter: str) -> int:
    kind = category(letter)
    if letter == "\ufe0f":  # makes a wide letter of the one before, or does not
        return 1
    if kind in ("Mn", "Me"):
        return 0
    # Which symbols are wide changes from one edition of Unicode to the next, and a terminal has an edition of its own.
    return 2 if kind in ("So", "No") or east_asian_width(letter) in "WF" else 1
