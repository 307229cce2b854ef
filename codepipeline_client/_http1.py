"""
HTTP/1.1 where it is plain: a request as bytes, and the head of an answer that leaves nothing to interpret.

What is not plain gets None, and is httpcore's to send or to read: chunks, other versions, interim answers, headers
that come twice, anything malformed. Waits for nothing and has no socket.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters, digits
from typing import Final, NamedTuple

RawHeaders = Sequence[tuple[bytes, bytes]]

_LONGEST_HEAD: Final = 100 * 1024
"""Bytes of a head at most. httpcore refuses longer ones."""

_VERSION: Final = b"HTTP/1.1 "
_BLANK_LINES: Final = (b"\n\r\n", b"\n\n")
_VISIBLE: Final = bytes(range(0x21, 0x7F))
_TEXT: Final = bytes([ord("\t"), ord(" "), *_VISIBLE, *range(0x80, 0x100)])
_TOKEN: Final = (ascii_letters + digits + "!#$%&'*+-.^_`|~").encode("ascii")
_LONGEST_LENGTH: Final = 19
_BODILESS: Final = frozenset({b"204", b"304"})
_PADDED: Final = (b":  ", b": \t", b" \r", b"\t\r")
_STEERING: Final = frozenset({b"connection", b"expect", b"transfer-encoding", b"upgrade"})


class Head(NamedTuple):
    """What comes before the body of an answer."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    """In the order, and with the names in the letters, in which they came."""
    length: int
    """Bytes of the body that follows."""


def encode(method: str, target: bytes, headers: RawHeaders, body: bytes) -> bytes | None:
    """Return a request as it goes on the wire."""
    by_name = {name.lower(): value for name, value in headers}
    if (
        method != "POST"
        or not headers
        or len(by_name) < len(headers)
        or headers[0][0].lower() != b"host"  # httpcore would put it first
        or by_name.get(b"content-length") != b"%d" % len(body)
        or not _STEERING.isdisjoint(by_name)
        or not target
        or target.translate(None, _VISIBLE)
        or b"".join(by_name).translate(None, _TOKEN)
    ):
        return None
    head = b"\r\n".join([b"POST %b HTTP/1.1" % target, *map(b": ".join, headers), b"\r\n"])
    # A line more than there are headers would be one that was smuggled in.
    if b"" in by_name or head.translate(None, _TEXT) != b"\r\n" * (len(headers) + 2):
        return None
    return None if any(pad in head for pad in _PADDED) else head + body


def is_whole(head: bytes) -> bool:
    """Return whether a head has come to its blank line, or to where it is plain no more."""
    return head.endswith(_BLANK_LINES) or len(head) > _LONGEST_HEAD or head[: len(_VERSION)] != _VERSION[: len(head)]


def decode(head: bytes) -> Head | None:
    """Return what a head says, its blank line included."""
    first, *lines = head.split(b"\r\n")
    if lines[-2:] != [b"", b""] or head.translate(None, _TEXT) != b"\r\n" * len(lines):
        return None
    version, status, space = first[:9], first[9:12], first[12:13]
    if version != _VERSION or not status.isdigit() or space != b" " or status < b"200" or status in _BODILESS:
        return None
    del lines[-2:]
    headers: list[tuple[bytes, bytes]] = []
    by_name: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name:
            return None
        value = value.strip(b" \t")
        headers.append((name, value))
        by_name[name.lower()] = value
    if len(by_name) < len(lines) or b"transfer-encoding" in by_name or b"".join(by_name).translate(None, _TOKEN):
        return None
    length = by_name.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _LONGEST_LENGTH:
        return None
    if by_name.get(b"connection", b"keep-alive").lower() != b"keep-alive":
        return None
    return Head(int(status), first[13:], headers, int(length))
