"""
The endpoint's requests and responses as values, what a fault does to a response, and how it is written as HTTP/1.1.

No socket, no clock, no decision about a request. The server takes the steps of sending.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import formatdate
from functools import lru_cache
from http.client import responses
from itertools import chain, repeat
from math import inf
from typing import Any, Final, Literal, TypeAlias, cast
from uuid import uuid4

from attrs import define, evolve, field, frozen

from .._protocol.strict_json import is_object, read_object
from ..errors import SERVICE_ERRORS, ServiceError
from . import faults
from .faults import Fault

_FRAMING_HEADERS: Final = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers, in lower case, that say where a response ends."""

_HTTP_STATUSES: Final[Mapping[str, int]] = {
    **dict.fromkeys(["AccessDeniedException", "OptInRequired", "UnrecognizedClientException"], 403),
    **dict.fromkeys(["ExpiredTokenException", "InvalidClientTokenId", "MissingAuthenticationTokenException"], 403),
    **dict.fromkeys(["IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch"], 403),
    "NotAuthorized": 401,
    "RequestEntityTooLargeException": 413,
    "RequestTimeTooSkewed": 403,
    "RequestTimeoutException": 408,
    "TooManyRequestsException": 429,
    "UnknownOperationException": 404,
}
"""The HTTP status that the service sends with an error code, where that is not the status of the error's class."""
_SPACES: Final = b" " * (1 << 16)
"""JSON may be followed by spaces."""
_HEADER_SIZE: Final = 1000

SendStep: TypeAlias = bytes | float | Literal["FIN", "RST"]
"""One step of sending a response: bytes, seconds in which nothing is sent, or how the connection ends."""


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
    return ServiceResponse(status_code=status_code, headers=headers, body=_encode(document), error_code=error_code)


def error_response(code: str, message: str, status_code: int | None = None) -> ServiceResponse:
    """Return an error response, by default with the HTTP status of its *code*."""
    if status_code is None:
        status_code = _HTTP_STATUSES.get(code, SERVICE_ERRORS.get(code, ServiceError).http_status_code)
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
            raise ValueError(f"a header must not contain CR, LF or NUL: {pair!r}")
    has_framing = any(name.lower() in _FRAMING_HEADERS for name, _ in pairs)
    response = ServiceResponse(status_code=status_code, headers=pairs, body=body, closes_connection=has_framing)
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


def replace_response(fault: Fault | None) -> ServiceResponse | None:
    """Return the response that *fault* sends in place of the service's. None when the service responds."""
    match fault:
        case faults.ErrorResponse():
            response = error_response(fault.code, fault.message, fault.status_code)
        case faults.Throttling(code=code):
            response = ServiceResponse(status_code=429) if code is None else error_response(code, fault.message)
        case faults.ServerError(body=None):
            return ServiceResponse(status_code=fault.status_code)
        case faults.ServerError(body=str(body)) | faults.HtmlBody(body=body):
            kind = "html" if isinstance(fault, faults.HtmlBody) else "plain"
            headers = (("Content-Type", f"text/{kind}; charset=utf-8"),)
            return ServiceResponse(status_code=fault.status_code, headers=headers, body=body.encode())
        case faults.Redirect():
            return ServiceResponse(status_code=fault.status_code, headers=(("Location", fault.location),))
        case _:
            return None
    if fault.retry_after is None:
        return response
    return _add_headers(response, ("x-amz-retry-after", str(round(fault.retry_after * 1000))))


def change_response(fault: Fault | None, response: ServiceResponse) -> ServiceResponse:
    """Return *response* with the headers and body that *fault* gives it."""
    length = len(response.body)
    match fault:
        case faults.WrongExecution():
            members = {"pipelineExecutionId": fault.pipeline_execution_id}
            return evolve(response, body=_replace_members(response.body, members))
        case faults.OversizeHeaders():
            count = 1 + fault.size // _HEADER_SIZE
            return _add_headers(response, *((f"X-Padding-{number}", "x" * _HEADER_SIZE) for number in range(count)))
        case faults.ConflictingLengths():
            return _reframe(response, ("Content-Length", str(length)), ("Content-Length", str(length + 10)))
        case faults.InvalidGzip():
            return _add_headers(response, ("Content-Encoding", "gzip"))
        case faults.GzipBomb():
            compressed = _compress(response.body, fault.decoded_size)
            return _reframe(evolve(response, body=compressed), ("Content-Encoding", "gzip"))
        case faults.OversizeBody():
            return _reframe(response, ("Content-Length", str(max(fault.size, length))))
        case faults.EndlessBody() | faults.TruncatedChunk():
            return _reframe(response, ("Transfer-Encoding", "chunked"))
        case _:
            return response


def send_steps(fault: Fault | None, head: bytes, body: bytes) -> Iterable[SendStep]:
    """Return the steps in which a response with *fault* is sent."""
    steps = _SEND_STEPS.get(type(fault))
    return steps(fault, head, body) if steps else [head + body]


def _byte_by_byte(content: bytes, seconds: float) -> Iterator[SendStep]:
    for number in range(len(content)):
        yield seconds
        yield content[number : number + 1]


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


def _padding(size: int) -> Iterator[bytes]:
    full, rest = divmod(max(size, 0), len(_SPACES))
    return chain(repeat(_SPACES, full), [_SPACES[:rest]])


def _second_response(fault: faults.UnsolicitedAnswer, head: bytes, body: bytes) -> bytes:
    changed = _replace_members(body, {"status": fault.status})
    return re.sub(rb"(?i)content-length: \d+", b"Content-Length: %d" % len(changed), head) + changed


_SEND_STEPS: Final[Mapping[type[object], Callable[[Any, bytes, bytes], Iterable[SendStep]]]] = {
    faults.Delay: lambda fault, head, body: [fault.seconds, head + body],
    faults.Hang: lambda _, _head, _body: [inf],
    faults.SlowHeaders: lambda fault, head, body: chain(_byte_by_byte(head, fault.seconds_per_byte), [body]),
    faults.SlowBody: lambda fault, head, body: chain([head], _byte_by_byte(body, fault.seconds_per_byte)),
    faults.UnsolicitedAnswer: lambda fault, head, body: [head + body + _second_response(fault, head, body)],
    faults.OversizeBody: lambda fault, head, body: chain([head + body], _padding(fault.size - len(body))),
    faults.EndlessBody: lambda _, head, body: chain([head + _chunk(body)], repeat(_chunk(_SPACES))),
    faults.GarbageStatusLine: lambda fault, head, body: [fault.line + head[head.index(b"\r\n") :] + body, "FIN"],
    faults.ConflictingLengths: lambda _, head, body: [head + body, "FIN"],
    faults.CloseAfterAnswer: lambda _, head, body: [head + body, "FIN"],
    faults.CloseBeforeAnswer: lambda _, _head, _body: ["FIN"],
    faults.ResetBeforeAnswer: lambda _, _head, _body: ["RST"],
    faults.TruncatedHeaders: lambda _, head, _body: [_half(head), "FIN"],
    faults.ResetInHeaders: lambda _, head, _body: [_half(head), "RST"],
    faults.TruncatedBody: lambda _, head, body: [head + _half(body), "FIN"],
    faults.ResetInBody: lambda _, head, body: [head + _half(body), "RST"],
    faults.TruncatedChunk: lambda _, head, body: [head + _half(_chunk(body)), "FIN"],
}
"""By the class of the fault, which is also the type of the first argument. Other faults send the response as it is."""


def _add_headers(response: ServiceResponse, *headers: tuple[str, str]) -> ServiceResponse:
    return evolve(response, headers=(*response.headers, *headers))


def _reframe(response: ServiceResponse, *headers: tuple[str, str]) -> ServiceResponse:
    kept = (header for header in response.headers if header[0].lower() not in _FRAMING_HEADERS)
    return evolve(response, headers=(*kept, *headers))


def _replace_members(body: bytes, members: Mapping[str, object]) -> bytes:
    """Return *body* with other *members* in its execution. A body without an execution stays as it is."""
    document = read_object(body)
    execution = None if isinstance(document, str) else document.get("pipelineExecution")
    return _encode({"pipelineExecution": {**execution, **members}}) if is_object(execution) else body


@lru_cache(maxsize=4)
def _compress(body: bytes, size: int) -> bytes:
    """Compress *body* and spaces piece by piece, so that a process that measures its memory never holds the whole."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, wbits=31)  # 31 for gzip
    pieces = map(compressor.compress, chain([body], _padding(size - len(body))))
    return b"".join(pieces) + compressor.flush()


def _encode(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
