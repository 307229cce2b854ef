"""Read JSON strictly. Knows no protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Final, NoReturn, TypeGuard

JsonObject = Mapping[str, object]

_MAX_DEPTH: Final = 100
_MAX_CONTAINERS: Final = 100_000
"""Lists and objects in a body: a hundred thousand are read quickly, a million would block an event loop."""
_TOO_DEEP: Final = "its JSON is nested too deeply"
_KINDS: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a fraction",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def read_object(body: bytes) -> JsonObject | str:
    """Return the JSON object in *body*, or the problem with it. Raises nothing, since json's errors hold the body."""
    brackets = body.count(b"[") + body.count(b"{")
    if brackets > _MAX_CONTAINERS:
        return "its JSON has more lists and objects than any response of the service"
    try:
        decoded: object = _DECODER.decode(body.decode())
        # Deeper values can be decoded, but neither copied nor pickled. Only a body with many brackets can be that deep.
        if brackets > _MAX_DEPTH and _depth(decoded) > _MAX_DEPTH:
            return _TOO_DEEP
    except ValueError as error:
        return f"it is not JSON ({error})" if body else "it is empty"
    except RecursionError:
        return _TOO_DEEP
    return decoded if is_object(decoded) else f"an object was expected, not {kind_of(decoded)}"


def kind_of(value: object) -> str:
    return _KINDS[type(value)]


def is_object(value: object) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)


def replace_surrogates(text: str) -> str:
    """Return *text* with surrogate pairs joined and lone surrogates replaced by U+FFFD, so that it can be encoded."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _depth(value: object) -> int:
    inner = value.values() if is_object(value) else value if is_list(value) else ()
    return 1 + max(map(_depth, inner), default=0)


def _object(members: list[tuple[str, object]]) -> JsonObject:
    found = dict(members)
    if len(found) < len(members):  # one reader would take the first, and another the last
        raise ValueError("an object has a duplicate member")
    return found


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant)
