"""
JSON as anybody may have sent it: read strictly, or not at all.

Knows no protocol, and raises nothing: what cannot be read becomes a value that says why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Final, NamedTuple, NoReturn, TypeGuard

JsonObject = Mapping[str, object]

_DEEPEST: Final = 100
_MOST: Final = 100_000
"""Lists and objects at most: a hundred thousand are soon read, and a million would hold up an event loop."""


class NotJson(NamedTuple):
    """What is no JSON, or none that Python could go on with."""

    reason: str


def parse(body: bytes) -> object:
    """Return what JSON the body is, or why it is none; not by raising, since json's error holds the whole body."""
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > _MOST:
        return NotJson("more lists and objects than any answer has")
    try:
        decoded: object = _DECODER.decode(body.decode())
    except ValueError as error:
        return NotJson(str(error))
    except RecursionError:
        return NotJson("nested too deeply")
    # Few brackets cannot be deep. What is deeper than any answer, Python could decode but neither copy nor pickle.
    deep = brackets > _DEEPEST and _depth(decoded) > _DEEPEST
    return NotJson("nested too deeply") if deep else decoded


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level := [inner for each in level for inner in _elements(each)]:
        depth += 1
    return depth


def _elements(value: object) -> Iterable[object]:
    if is_object(value):
        return value.values()
    return value if is_list(value) else ()


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def kind_of(value: object) -> str:
    """Return what a decoded JSON value is, in JSON's words."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "null")


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (str, "a string"),
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a fraction"),
    (list, "a list"),
    (dict, "an object"),
)


def mended(text: str) -> str:
    """Return *text* with surrogates joined, and U+FFFD for those that stand alone: others could not be encoded."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Return whether a decoded value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Return whether a decoded value is a list."""
    return isinstance(value, list)
