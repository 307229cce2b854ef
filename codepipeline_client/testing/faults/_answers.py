"""
Faults that are in the answer itself: another in its place, or the same with something wrong in it.

Values only: what they do is elsewhere.
"""

from __future__ import annotations

from typing import Final

from attrs import field, frozen, validators

from ._fault import Fault, is_duration, is_finite

_HEADER: Final = validators.matches_re(r"[\x20-\x7e\xa0-\xff]+")


# Another answer in the place of the service's


@frozen(kw_only=True)
class ErrorResponse(Fault):
    """The service refuses with any error code."""

    code: str
    """The error code, as on the wire."""
    message: str = ""
    """The words that go with it."""
    status_code: int | None = field(
        default=None, validator=validators.optional([validators.ge(400), validators.lt(600)])
    )
    """The HTTP status, 400 to 599. None for the one that the service gives with the code."""
    retry_after: float | None = field(default=None, validator=validators.optional(is_duration))
    """Seconds that ``x-amz-retry-after`` asks the client to wait. None for no such header."""


@frozen(kw_only=True)
class Throttling(Fault):
    """The service has too many requests."""

    code: str | None = "ThrottlingException"
    """The error code. None for a bare HTTP 429 with no body."""
    message: str = "Rate exceeded"
    """The words that go with the code."""
    retry_after: float | None = field(default=None, validator=validators.optional(is_duration))
    """Seconds that ``x-amz-retry-after`` asks the client to wait. None for no such header."""


@frozen(kw_only=True)
class ServerError(Fault):
    """A server on the way fails, with no error code of the service."""

    status_code: int = field(default=503, validator=[validators.ge(500), validators.lt(600)])
    """The HTTP status, 500 to 599."""
    body: str | None = None
    """The text of the body. None for no body."""


@frozen(kw_only=True)
class HtmlBody(Fault):
    """A proxy on the way answers with a page."""

    status_code: int = field(default=200, validator=[validators.ge(200), validators.lt(600)])
    """The HTTP status, 200 to 599."""
    body: str = "<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>"
    """The page."""


@frozen(kw_only=True)
class Redirect(Fault):
    """The client is sent to another server."""

    location: str = field(validator=_HEADER)
    """The URL to send it to."""
    status_code: int = field(default=307, validator=validators.in_([301, 302, 303, 307, 308]))
    """The HTTP status."""


# The service's answer with something wrong in it


@frozen(kw_only=True)
class ClockSkew(Fault):
    """The service's clock is wrong: it judges the signature by that time, and dates the answer with it."""

    seconds: float = field(validator=is_finite)
    """How far it is ahead of the endpoint's `now`; negative for behind."""
    error_code: str = "InvalidSignatureException"
    """What a signature that is more than 5 minutes off is refused with. Some services say RequestTimeTooSkewed."""


@frozen(kw_only=True)
class WrongExecution(Fault):
    """The answer is about another execution than the one that was asked for."""

    pipeline_execution_id: str = "00000000-0000-4000-8000-000000000000"
    """The execution that it is about."""


@frozen(kw_only=True)
class UnsolicitedAnswer(Fault):
    """Right behind the answer comes another that nobody asked for. The connection stays open."""

    status: str = "Cancelled"
    """The status of the same execution in the second answer."""


@frozen(kw_only=True)
class GarbageStatusLine(Fault):
    """What should be the status line is not HTTP. The connection closes behind the answer."""

    line: bytes = b"\x15\x03\x01\x00\x02\x02\x46"
    """What is sent instead: by default what a TLS server says to one who does not speak TLS."""


@frozen(kw_only=True)
class OversizeHeaders(Fault):
    """The answer has very many headers."""

    size: int = field(default=200_000, validator=validators.ge(1))
    """Bytes of them, at least."""


@frozen(kw_only=True)
class ConflictingLengths(Fault):
    """The answer has two Content-Length headers, of which one is 10 too large. The connection closes behind it."""


@frozen(kw_only=True)
class InvalidGzip(Fault):
    """The answer says ``Content-Encoding: gzip``, and is not."""


@frozen(kw_only=True)
class GzipBomb(Fault):
    """A small gzip body becomes a very large one."""

    decoded_size: int = field(default=50_000_000, validator=validators.ge(1))
    """Bytes when decompressed: 50 MB are 48 kB on the wire."""


@frozen(kw_only=True)
class OversizeBody(Fault):
    """The answer is followed by spaces, which JSON allows, and the Content-Length covers them."""

    size: int = field(default=16 * 1024 * 1024, validator=validators.ge(1))
    """Bytes of the whole body, at least."""


@frozen(kw_only=True)
class EndlessBody(Fault):
    """The answer is chunked and followed by spaces, which JSON allows, until the client hangs up."""
