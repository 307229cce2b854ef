"""
The endpoint's requests and responses as values, and how a response is written as HTTP/1.1.

No socket, no clock, no decision about a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from email.utils import formatdate
from http.client import responses
from typing import Final, cast
from uuid import uuid4

from attrs import define, field, frozen

from .._protocol.strict_json import JsonObject, read_object
from .faults import Fault

FRAMING_HEADERS: Final = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers, in lower case, that say where a response ends."""

_HTTP_STATUSES: Final[Mapping[str, int]] = {
    **dict.fromkeys(["AccessDeniedException", "OptInRequired", "UnrecognizedClientException"], 403),
    **dict.fromkeys(["ExpiredTokenException", "InvalidClientTokenId", "MissingAuthenticationTokenException"], 403),
    **dict.fromkeys(["IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch"], 403),
    **dict.fromkeys(["InternalFailure", "InternalServerError"], 500),
    "NotAuthorized": 401,
    "RequestEntityTooLargeException": 413,
    "RequestTimeTooSkewed": 403,
    "RequestTimeoutException": 408,
    "ServiceUnavailable": 503,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
}
"""The HTTP status that the service sends with an error code: 400 with all others."""


@frozen(kw_only=True)
class IncomingRequest:
    """One request that reached the endpoint, before it gets its response."""

    number: int
    """Counted in the order in which the requests arrived, from 1."""
    connection_number: int
    """The connection that it came on, counted in the order in which they were accepted, from 1."""
    method: str
    """The HTTP method."""
    path: str
    """The path as on the wire, the query included."""
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case; the values of a repeated header are joined with a comma."""
    body: bytes
    """The body as on the wire."""
    input: Mapping[str, object] | None
    """The operation's input by its names on the wire. None when the body was not a JSON object."""


@frozen(kw_only=True)
class ReceivedRequest(IncomingRequest):
    """One request that reached the endpoint, and the response to it."""

    status_code: int
    """The HTTP status of the response. The response may not have arrived: see `fault`."""
    error_code: str | None
    """The error code of the response. None for a success, and for a response that came from `put_response`."""
    fault: Fault | None
    """The fault that was injected. None when there was none."""


@frozen(kw_only=True)
class ServiceResponse:
    """One response of the endpoint."""

    status_code: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error_code: str | None = None
    """None for a success, and for a response that a test wrote itself."""
    closes_connection: bool = False
    date: float = 0.0
    """The time in its Date header, in seconds since the epoch."""
    fault: Fault | None = None
    """How it is sent."""


@define
class RequestRefusedError(Exception):
    """The service refuses a request."""

    code: str
    message: str


def json_response(status_code: int, document: Mapping[str, object], error_code: str | None = None) -> ServiceResponse:
    """Return a response in the form of the AWS JSON protocol."""
    headers = (("x-amzn-RequestId", str(uuid4())), ("Content-Type", "application/x-amz-json-1.1"))
    return ServiceResponse(status_code=status_code, headers=headers, body=encode(document), error_code=error_code)


def error_response(code: str, message: str, status_code: int | None = None) -> ServiceResponse:
    """Return an error response, by default with the HTTP status of its *code*."""
    status_code = _HTTP_STATUSES.get(code, 400) if status_code is None else status_code
    return json_response(status_code, {"__type": code, "message": message}, code)


def custom_response(
    status_code: int, headers: Mapping[str, str] | Iterable[tuple[str, str]], body: bytes
) -> ServiceResponse:
    """Return a response that a test wrote. Raises here, in the test, what could not be sent later in a thread."""
    # To a type checker, an iterable of pairs could also be a mapping with keys of any type.
    pairs = tuple(cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers))
    check_status_code(status_code, 200)
    for pair in pairs:
        if re.search("[\r\n\0]", ":".join(pair)):
            raise ValueError(f"a header must not contain CR, LF or NUL, as {pair!r} has")
    response = ServiceResponse(
        status_code=status_code,
        headers=pairs,
        body=body,
        closes_connection=any(name.lower() in FRAMING_HEADERS for name, _ in pairs),
    )
    _ = render_head(response, closes_connection=False) + body  # raises for a body or a charset that cannot be sent
    return response


def check_status_code(status_code: object, lowest: int) -> None:
    """Raise ValueError unless *status_code* is a whole number from *lowest* to 599."""
    if not isinstance(status_code, int) or not lowest <= status_code <= 599:
        raise ValueError(f"status_code must be a whole number from {lowest} to 599, not {status_code!r}")


def render_head(response: ServiceResponse, *, closes_connection: bool) -> bytes:
    """Return the status line and the headers. Date and framing are added unless the response has them already."""
    phrase = responses.get(response.status_code, "")
    names = {name.lower() for name, _ in response.headers}
    lines = [f"HTTP/1.1 {response.status_code} {phrase}", *(f"{name}: {value}" for name, value in response.headers)]
    if "date" not in names:
        lines.append(f"Date: {formatdate(response.date, usegmt=True)}")
    if not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(response.body)}")
    if closes_connection and "connection" not in names:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def decode(body: bytes) -> JsonObject | None:
    """Return the JSON object in *body*. None when it is anything else."""
    document = read_object(body)
    return None if isinstance(document, str) else document


def encode(document: Mapping[str, object]) -> bytes:
    """Return *document* as the service writes it."""
    return json.dumps(document, separators=(",", ":")).encode()
