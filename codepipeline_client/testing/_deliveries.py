"""
How a fault sends an answer: what bytes, with what pauses between, and what end.

Pure: steps that a connection takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import repeat
from math import inf
from typing import Final

from . import faults
from ._altered import SPACES, rewritten
from ._calls import Delivery, End, Pause, Step
from .faults import Fault


def delivery_of(fault: Fault | None) -> Delivery | None:
    """Return how *fault* sends an answer. None for as it should be."""
    if fault is None:
        return None
    cut = _CUTS.get(type(fault))
    return partial(_cut, *cut) if cut else partial(_deliver, fault)


def _deliver(fault: Fault, head: bytes, body: bytes) -> Iterator[Step]:
    match fault:
        case faults.Delay():
            yield Pause(fault.seconds)
            yield head + body
        case faults.Hang():
            yield Pause(inf)
        case faults.SlowHeaders():
            yield from _byte_by_byte(head, fault.seconds_per_byte)
            yield body
        case faults.SlowBody():
            yield head
            yield from _byte_by_byte(body, fault.seconds_per_byte)
        case faults.UnsolicitedAnswer():
            yield head + body + _second(head, rewritten(body, status=fault.status))
        case faults.OversizeBody():
            yield head + body
            yield from _padding(fault.size - len(body))
        case faults.EndlessBody():
            yield head + _chunk(body)
            yield from repeat(_chunk(SPACES))
        case faults.GarbageStatusLine():
            _, end, headers = head.partition(b"\r\n")
            yield fault.line + end + headers + body
            yield End.CLOSE
        case _:
            yield head + body


def _cut(part: Callable[[bytes, bytes], bytes], end: End, head: bytes, body: bytes) -> Iterator[Step]:
    yield part(head, body)
    yield end


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def _byte_by_byte(content: bytes, seconds: float) -> Iterator[Step]:
    for number in range(len(content)):
        yield Pause(seconds)
        yield content[number : number + 1]


def _padding(size: int) -> Iterator[Step]:
    whole, rest = divmod(max(size, 0), len(SPACES))
    yield from repeat(SPACES, whole)
    yield SPACES[:rest]


def _second(head: bytes, body: bytes) -> bytes:
    return re.sub(rb"(?i)content-length: \d+", b"Content-Length: %d" % len(body), head) + body


def _nothing(_head: bytes, _body: bytes) -> bytes:
    return b""


def _half_of_headers(head: bytes, _body: bytes) -> bytes:
    return _half(head)


def _half_of_body(head: bytes, body: bytes) -> bytes:
    return head + _half(body)


def _half_of_chunk(head: bytes, body: bytes) -> bytes:
    return head + _half(_chunk(body))


def _whole(head: bytes, body: bytes) -> bytes:
    return head + body


_CUTS: Final[Mapping[type[object], tuple[Callable[[bytes, bytes], bytes], End]]] = {
    faults.CloseBeforeAnswer: (_nothing, End.CLOSE),
    faults.ResetBeforeAnswer: (_nothing, End.RESET),
    faults.TruncatedHeaders: (_half_of_headers, End.CLOSE),
    faults.ResetInHeaders: (_half_of_headers, End.RESET),
    faults.TruncatedBody: (_half_of_body, End.CLOSE),
    faults.ResetInBody: (_half_of_body, End.RESET),
    faults.TruncatedChunk: (_half_of_chunk, End.CLOSE),
    faults.ConflictingLengths: (_whole, End.CLOSE),
    faults.CloseAfterAnswer: (_whole, End.CLOSE),
}
"""How far an answer goes, and how its connection ends."""
