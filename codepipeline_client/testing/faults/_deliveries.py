"""
Faults on the way of a right answer: it comes late, slowly, in part, or not at all.

Values only: what they do is elsewhere.
"""

from __future__ import annotations

from attrs import field, frozen

from ._fault import Fault, is_duration


@frozen(kw_only=True)
class Delay(Fault):
    """The answer comes late."""

    seconds: float = field(validator=is_duration)
    """How late."""


@frozen(kw_only=True)
class Hang(Fault):
    """The answer never comes, and the connection stays open until the client hangs up."""


@frozen(kw_only=True)
class SlowHeaders(Fault):
    """The status line and the headers come a byte at a time, then the body at once."""

    seconds_per_byte: float = field(default=0.5, validator=is_duration)
    """The pause before each byte."""


@frozen(kw_only=True)
class SlowBody(Fault):
    """The status line and the headers come at once, then the body a byte at a time."""

    seconds_per_byte: float = field(default=0.5, validator=is_duration)
    """The pause before each byte."""


@frozen(kw_only=True)
class CloseBeforeAnswer(Fault):
    """The connection is closed in order (FIN) in the place of an answer, as when an idle one closes just too late."""


@frozen(kw_only=True)
class ResetBeforeAnswer(Fault):
    """The connection is reset (RST) in the place of an answer."""


@frozen(kw_only=True)
class ResetInHeaders(Fault):
    """The connection is reset (RST) after half of the headers."""


@frozen(kw_only=True)
class ResetInBody(Fault):
    """The connection is reset (RST) after half of the body."""


@frozen(kw_only=True)
class TruncatedHeaders(Fault):
    """The connection is closed in order (FIN) after half of the headers."""


@frozen(kw_only=True)
class TruncatedBody(Fault):
    """The connection is closed in order (FIN) after half of the body that the Content-Length announces."""


@frozen(kw_only=True)
class TruncatedChunk(Fault):
    """The answer is chunked, and the connection is closed in order (FIN) in the middle of a chunk."""


@frozen(kw_only=True)
class CloseAfterAnswer(Fault):
    """
    The connection is closed in order (FIN) behind a whole answer that did not say so.

    A client that is quick may send its next request before it sees that. `LocalCodePipeline.close_connections` closes
    an idle connection with no such race.
    """
