"""Headers as they are on the wire: whoever asks finds what httpx would have made of them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import httpx
import pytest

from codepipeline_client._pairs import Pairs

PAIRS = [(b"Host", b"localhost"), (b"X-Thing", b"one"), (b"x-thing", b"two"), (b"Authorization", b"AWS4 secret")]

QUESTIONS: dict[str, Callable[[httpx.Headers], object]] = {
    "raw": lambda headers: headers.raw,
    "item": lambda headers: headers["HOST"],
    "joined": lambda headers: headers["x-thing"],
    "absent": lambda headers: headers.get("nothing"),
    "contained": lambda headers: ("host" in headers, "nothing" in headers),
    "length": len,
    "names": list,
    "lists": lambda headers: headers.get_list("X-Thing"),
    "items": lambda headers: headers.multi_items(),
    "encoding": lambda headers: headers.encoding,
    "text": lambda headers: repr(headers).partition("(")[2],
    "equal": lambda headers: (headers == httpx.Headers(PAIRS), headers == httpx.Headers()),
    "as-text": lambda headers: headers == {"host": "localhost"},
    "taken-over": lambda headers: httpx.Headers(headers).raw,
    "of-a-request": lambda headers: httpx.Request("POST", "http://localhost", headers=headers).headers.raw,
    "copied": lambda headers: headers.copy().raw,
    "copied-deeply": lambda headers: copy.deepcopy(headers).raw,
    "copied-shallowly": lambda headers: copy.copy(headers)["host"],
    "pickled": lambda headers: pickle.loads(pickle.dumps(headers)).raw,
}


def changed(headers: httpx.Headers) -> list[tuple[bytes, bytes]]:
    headers["X-Thing"] = "three"
    headers["New"] = "four"
    del headers["host"]
    return headers.raw


def encoded(headers: httpx.Headers) -> str:
    headers.encoding = "latin-1"
    return headers["x-thing"] + headers.encoding


@pytest.mark.parametrize("name", [*QUESTIONS, "changed", "encoded"])
def test_they_answer_as_httpxs_own_do(name: str) -> None:
    ask = {"changed": changed, "encoded": encoded, **QUESTIONS}[name]
    assert ask(Pairs(PAIRS)) == ask(httpx.Headers(PAIRS))
    asked = Pairs(PAIRS)
    assert list(asked) == list(httpx.Headers(PAIRS))
    assert ask(asked) == ask(httpx.Headers(PAIRS))


def test_what_is_done_to_their_list_is_not_done_to_them() -> None:
    headers = Pairs(PAIRS)
    headers.raw.clear()
    assert headers.raw == PAIRS


def test_they_have_no_more_than_httpxs_own() -> None:
    with pytest.raises(AttributeError, match="'Pairs' object has no attribute 'nothing'"):
        getattr(Pairs(PAIRS), "nothing")  # noqa: B009 - type checkers know as well
