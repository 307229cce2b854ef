"""
Failures between a client and the service, as values for `LocalCodePipeline.inject` and `inject_by`.

A fault happens to one request. Times are real seconds, sizes are bytes. First come other responses in place of the
service's, then its response with something wrong in it, then its response delivered late, slowly, in part or not at
all. `messages` carries them out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite
from random import Random
from typing import Final

from attrs import field, frozen
from attrs.validators import ge, gt, in_, lt, matches_re, optional

from ..models import PipelineExecutionStatus
from .executions import known

_MAX_SECONDS: Final = 1e9
_IS_DURATION: Final = (ge(0.0), lt(_MAX_SECONDS))
_IS_SIZE: Final = ge(1)


@frozen(kw_only=True)
class Fault:
    """The base class of all faults. By itself it changes nothing."""


@frozen(kw_only=True)
class ErrorResponse(Fault):
    """The service responds with an error code of your choice."""

    code: str
    """The error code, as on the wire."""
    message: str = ""
    """The error message."""
    status_code: int | None = field(default=None, validator=optional([ge(400), lt(600)]))
    """The HTTP status, 400 to 599. None for the status that the service sends with this code."""
    retry_after: float | None = field(default=None, validator=optional(_IS_DURATION))
    """Seconds that ``x-amz-retry-after`` asks the client to wait. None for no such header."""


@frozen(kw_only=True)
class Throttling(Fault):
    """The service receives too many requests."""

    code: str | None = "ThrottlingException"
    """The error code. None for a bare HTTP 429 without a body."""
    message: str = "Rate exceeded"
    """The error message."""
    retry_after: float | None = field(default=None, validator=optional(_IS_DURATION))
    """Seconds that ``x-amz-retry-after`` asks the client to wait. None for no such header."""


@frozen(kw_only=True)
class ServerError(Fault):
    """A server between client and service fails, without an error code of the service."""

    status_code: int = field(default=503, validator=[ge(500), lt(600)])
    """The HTTP status, 500 to 599."""
    body: str | None = None
    """The text of the body. None for no body."""


@frozen(kw_only=True)
class HtmlBody(Fault):
    """A proxy between client and service responds with an HTML page."""

    status_code: int = field(default=200, validator=[ge(200), lt(600)])
    """The HTTP status, 200 to 599."""
    body: str = "<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>"
    """The page."""


@frozen(kw_only=True)
class Redirect(Fault):
    """The client is redirected to another server."""

    location: str = field(validator=matches_re(r"[\x20-\x7e\xa0-\xff]+"))
    """The URL to redirect to."""
    status_code: int = field(default=307, validator=in_([301, 302, 303, 307, 308]))
    """The HTTP status."""


@frozen(kw_only=True)
class ClockSkew(Fault):
    """The service's clock is wrong: it checks the signature by that time, and sends it in the Date header."""

    seconds: float = field(validator=[gt(-_MAX_SECONDS), lt(_MAX_SECONDS)])
    """How far it is ahead of the endpoint's `now`; negative for behind."""
    error_code: str = "InvalidSignatureException"
    """The code for a signature that is more than 5 minutes off. Some services use RequestTimeTooSkewed."""


@frozen(kw_only=True)
class WrongExecution(Fault):
    """The response is about a different execution than the request."""

    pipeline_execution_id: str = "00000000-0000-4000-8000-000000000000"
    """The id in the response."""


@frozen(kw_only=True)
class UnsolicitedAnswer(Fault):
    """A second response, which was not requested, follows the first. The connection stays open."""

    status: str = field(default="Cancelled", validator=lambda _, __, status: known(PipelineExecutionStatus, status))
    """The status of the same execution in the second response."""


@frozen(kw_only=True)
class GarbageStatusLine(Fault):
    """The status line is not HTTP. The connection is closed after the response."""

    line: bytes = b"\x15\x03\x01\x00\x02\x02\x46"
    """What is sent instead: by default what a TLS server sends to a client that does not speak TLS."""


@frozen(kw_only=True)
class OversizeHeaders(Fault):
    """The response has a huge number of headers."""

    size: int = field(default=200_000, validator=_IS_SIZE)
    """Bytes of additional headers, at least."""


class ConflictingLengths(Fault):
    """The response has two Content-Length headers, one of them 10 too large. The connection is closed after it."""


class InvalidGzip(Fault):
    """The response says ``Content-Encoding: gzip``, but its body is plain."""


@frozen(kw_only=True)
class GzipBomb(Fault):
    """A small gzip body decompresses to a very large one."""

    decoded_size: int = field(default=50_000_000, validator=_IS_SIZE)
    """Bytes after decompression: 50 MB are 48 kB on the wire."""


@frozen(kw_only=True)
class OversizeBody(Fault):
    """The body is followed by spaces, which JSON allows and the Content-Length includes."""

    size: int = field(default=16 * 1024 * 1024, validator=_IS_SIZE)
    """Bytes of the whole body, at least."""


class EndlessBody(Fault):
    """The response is chunked, and its body is followed by spaces until the client closes the connection."""


@frozen(kw_only=True)
class Delay(Fault):
    """The response is sent late."""

    seconds: float = field(validator=_IS_DURATION)
    """How many seconds late it is sent."""


class Hang(Fault):
    """No response is ever sent. The connection stays open until the client closes it."""


@frozen(kw_only=True)
class SlowHeaders(Fault):
    """The status line and the headers are sent a byte at a time, then the body at once."""

    seconds_per_byte: float = field(default=0.5, validator=_IS_DURATION)
    """The pause before each byte."""


@frozen(kw_only=True)
class SlowBody(Fault):
    """The status line and the headers are sent at once, then the body a byte at a time."""

    seconds_per_byte: float = field(default=0.5, validator=_IS_DURATION)
    """The pause before each byte."""


class CloseBeforeAnswer(Fault):
    """The connection is closed (FIN) instead of a response, as when a server closes it because it was idle."""


class ResetBeforeAnswer(Fault):
    """The connection is reset (RST) instead of a response."""


class ResetInHeaders(Fault):
    """The connection is reset (RST) after half of the headers."""


class ResetInBody(Fault):
    """The connection is reset (RST) after half of the body."""


class TruncatedHeaders(Fault):
    """The connection is closed (FIN) after half of the headers."""


class TruncatedBody(Fault):
    """The connection is closed (FIN) after half of the body that the Content-Length announces."""


class TruncatedChunk(Fault):
    """The response is chunked, and the connection is closed (FIN) in the middle of a chunk."""


class CloseAfterAnswer(Fault):
    """
    The connection is closed (FIN) after a complete response that did not announce it.

    A client may send its next request before it notices. To close an idle connection without this race, use
    `LocalCodePipeline.close_connections`.
    """


def at_random(*faults: Fault, probability: float, random: Random) -> Callable[[object], Fault | None]:
    """
    Return a rule for `inject_by`: with *probability*, 0 to 1, a request gets one of *faults*, all equally likely.

    *random* decides, so a seed makes a run repeatable.
    """
    if not (faults and 0 <= probability <= 1):
        given = f"{len(faults)} and {probability}"
        raise ValueError(f"at_random needs at least one fault and a probability from 0 to 1, not {given}")
    return lambda _: random.choice(faults) if random.random() < probability else None


def above_rate(
    calls_per_second: float, *, burst: int = 1, now: Callable[[], float] = time.monotonic
) -> Callable[[object], Fault | None]:
    """
    Return a rule for `inject_by`: requests above *calls_per_second* get `Throttling`, as from a busy account.

    A token bucket holds *burst* tokens, starts full, and refills at that rate by the clock *now*, in seconds. A request
    takes one token. A throttled request takes none, so requests that are repeated too soon do not prolong it.
    """
    if not (isfinite(calls_per_second) and calls_per_second > 0 and burst >= 1):
        given = f"{calls_per_second} and {burst}"
        raise ValueError(f"above_rate needs calls per second above 0 and a burst of 1 or more, not {given}")
    tokens, refilled_at = float(burst), now()

    def rule(_: object) -> Fault | None:
        nonlocal tokens, refilled_at
        moment = now()
        tokens = min(tokens + max(moment - refilled_at, 0.0) * calls_per_second, burst)
        refilled_at = moment
        if tokens < 1:
            return Throttling()
        tokens -= 1
        return None

    return rule
