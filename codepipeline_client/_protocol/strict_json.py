"""
Read JSON strictly.

Knows no protocol, and raises nothing: a body that cannot be read becomes a `NotJson` that says why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Final, NamedTuple, NoReturn, TypeGuard

JsonObject = Mapping[str, object]

_MAX_DEPTH: Final = 100
_MAX_CONTAINERS: Final = 100_000
"""Lists and objects in a body: a hundred thousand are read quickly, a million would block an event loop."""


class NotJson(NamedTuple):
    """The reason why a body is not usable JSON."""

    reason: str


def parse(body: bytes) -> object:
    """Return the decoded body, or why it is not JSON. Raises nothing, since json's errors hold the whole body."""
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > _MAX_CONTAINERS:
        return NotJson("more lists and objects than any answer has")
    try:
        decoded: object = _DECODER.decode(body.decode())
    except ValueError as error:
        return NotJson(str(error))
    except RecursionError:
        return NotJson("nested too deeply")
    # Deeper values can be decoded, but neither copied nor pickled. Only a body with many brackets can be that deep.
    deep = brackets > _MAX_DEPTH and _depth(decoded) > _MAX_DEPTH
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
    """Return the JSON type of a decoded value, with its article."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "null")


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (str, "a string"),
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a fraction"),
    (list, "a list"),
    (dict, "an object"),
)


def replace_surrogates(text: str) -> str:
    """Return *text* with surrogate pairs joined and lone surrogates replaced by U+FFFD, so that it can be encoded."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Return whether a decoded value is an object."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Return whether a decoded value is a list."""
    return isinstance(value, list)
