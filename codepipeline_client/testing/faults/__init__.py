"""
What can go wrong between a client and the service, as values: for `LocalCodePipeline.inject` and `inject_by`.

A fault says what happens, for one request. Times are real seconds, sizes are bytes.
"""

from __future__ import annotations

from ._answers import (
    ClockSkew,
    ConflictingLengths,
    EndlessBody,
    ErrorResponse,
    GarbageStatusLine,
    GzipBomb,
    HtmlBody,
    InvalidGzip,
    OversizeBody,
    OversizeHeaders,
    Redirect,
    ServerError,
    Throttling,
    UnsolicitedAnswer,
    WrongExecution,
)
from ._deliveries import (
    CloseAfterAnswer,
    CloseBeforeAnswer,
    Delay,
    Hang,
    ResetBeforeAnswer,
    ResetInBody,
    ResetInHeaders,
    SlowBody,
    SlowHeaders,
    TruncatedBody,
    TruncatedChunk,
    TruncatedHeaders,
)
from ._fault import Fault
from ._rules import above_rate, at_random

__all__ = [
    "ClockSkew",
    "CloseAfterAnswer",
    "CloseBeforeAnswer",
    "ConflictingLengths",
    "Delay",
    "EndlessBody",
    "ErrorResponse",
    "Fault",
    "GarbageStatusLine",
    "GzipBomb",
    "Hang",
    "HtmlBody",
    "InvalidGzip",
    "OversizeBody",
    "OversizeHeaders",
    "Redirect",
    "ResetBeforeAnswer",
    "ResetInBody",
    "ResetInHeaders",
    "ServerError",
    "SlowBody",
    "SlowHeaders",
    "Throttling",
    "TruncatedBody",
    "TruncatedChunk",
    "TruncatedHeaders",
    "UnsolicitedAnswer",
    "WrongExecution",
    "above_rate",
    "at_random",
]
