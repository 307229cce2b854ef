"""
What the endpoint is asked and what it answers, as values.

No check, no socket, no clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Final, TypeGuard

from attrs import field, frozen

from .._message import Headers

_HTTP_STATUSES: Final[Mapping[str, int]] = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 403,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "InvalidClientTokenId": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "NotAuthorized": 401,
    "OptInRequired": 403,
    "RequestEntityTooLargeException": 413,
    "RequestTimeTooSkewed": 403,
    "RequestTimeoutException": 408,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
}


@frozen(kw_only=True)
class Call:
    """One request as it was received, read to its end."""

    method: str
    path: str
    """As on the wire, the query included."""
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case; a header that came several times is joined with a comma."""
    body: bytes
    request_id: str
    """What the answer to it will be known by."""
    connection_number: int = 1
    """Which of the endpoint's connections it came on."""


class End(Enum):
    """How a connection ends."""

    CLOSE = "FIN"
    RESET = "RST"


@frozen
class Pause:
    """A time in which nothing is sent."""

    seconds: float


Step = bytes | Pause | End
"""One step of sending an answer. Nothing follows an end."""
Delivery = Callable[[bytes, bytes], Iterator[Step]]
"""The steps of sending an answer, of which the head and the body are given."""


@frozen(kw_only=True)
class Answer:
    """One answer, before it is framed for the wire."""

    status_code: int
    headers: Headers
    body: bytes
    error_code: str | None = None
    """What the call is refused with. None for a success, and for an answer that a test wrote itself."""
    date: float | None = None
    """When it was made, in seconds since the epoch. None for the moment in which it is sent."""
    is_last: bool = False
    """Whether it says that its connection ends with it."""
    delivery: Delivery | None = None
    """How it is sent. None for as it should be."""


class Refusal(Exception):
    """The service does not do what it was asked: an error code of the service, and its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def http_status(code: str) -> int:
    """Return the HTTP status that goes with an error *code*: 400 unless the service gives it another."""
    return _HTTP_STATUSES.get(code, 400)


def success(document: Mapping[str, object], *, request_id: str) -> Answer:
    """Return the answer that carries an operation's output."""
    return Answer(status_code=200, headers=_headers(request_id), body=encode(document))


def error(code: str, message: str, *, status_code: int, request_id: str) -> Answer:
    """Return an error answer in the form of the AWS JSON protocol."""
    document = {"__type": code, "message": message}
    return Answer(status_code=status_code, headers=_headers(request_id), body=encode(document), error_code=code)


def decode(body: bytes) -> dict[str, object] | None:
    """Return the JSON object in *body*. None when it is anything else."""
    try:
        document: object = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return document if is_object(document) else None


def encode(document: Mapping[str, object]) -> bytes:
    """Return *document* as the service writes it."""
    return json.dumps(document, separators=(",", ":")).encode()


def is_object(document: object) -> TypeGuard[dict[str, object]]:
    """Tell whether *document*, which came out of JSON, is an object."""
    return isinstance(document, dict)


def _headers(request_id: str) -> Headers:
    return (("x-amzn-RequestId", request_id), ("Content-Type", "application/x-amz-json-1.1"))
