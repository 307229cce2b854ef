"""
What each fault does to a response: replace it, change it, or send it in another way.

Pure: values in, values out. The connection takes the steps.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain, repeat
from math import inf
from typing import Any, Final, Literal, TypeAlias

from attrs import evolve

from .._protocol.strict_json import is_object
from . import faults
from ._messages import FRAMING_HEADERS, ServiceResponse, decode, encode, error_response
from .faults import Fault

_SPACES: Final = b" " * (1 << 16)
"""JSON may be followed by spaces."""
_HEADER_SIZE: Final = 1000


SendStep: TypeAlias = bytes | float | Literal["FIN", "RST"]
"""One step of sending a response: bytes, seconds in which nothing is sent, or how the connection ends."""


def replace_response(fault: Fault | None) -> ServiceResponse | None:
    """Return the response that *fault* sends in place of the service's. None when the service responds."""
    match fault:
        case faults.ErrorResponse():
            response = error_response(fault.code, fault.message, fault.status_code)
        case faults.Throttling(code=None):
            response = ServiceResponse(status_code=429)
        case faults.Throttling(code=str(code)):
            response = error_response(code, fault.message)
        case faults.ServerError(body=None):
            return ServiceResponse(status_code=fault.status_code)
        case faults.ServerError(body=str(body)):
            return _text_response(fault.status_code, "text/plain", body)
        case faults.HtmlBody():
            return _text_response(fault.status_code, "text/html", fault.body)
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
    kept = (header for header in response.headers if header[0].lower() not in FRAMING_HEADERS)
    return evolve(response, headers=(*kept, *headers))


def _text_response(status_code: int, content_type: str, body: str) -> ServiceResponse:
    headers = (("Content-Type", f"{content_type}; charset=utf-8"),)
    return ServiceResponse(status_code=status_code, headers=headers, body=body.encode())


def _replace_members(body: bytes, members: Mapping[str, object]) -> bytes:
    """Return *body* with other *members* in its execution. A body without an execution stays as it is."""
    execution = (decode(body) or {}).get("pipelineExecution")
    return encode({"pipelineExecution": {**execution, **members}}) if is_object(execution) else body


@lru_cache(maxsize=4)
def _compress(body: bytes, size: int) -> bytes:
    """Compress *body* and spaces piece by piece, so that a process that measures its memory never holds the whole."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, wbits=31)  # 31 for gzip
    pieces = map(compressor.compress, chain([body], _padding(size - len(body))))
    return b"".join(pieces) + compressor.flush()
