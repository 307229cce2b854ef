"""
What a fault makes of an answer: another one in its place, or the same with something wrong in it.

Pure. How the bytes then travel is in `_deliveries`.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from itertools import chain, repeat
from typing import Final

from attrs import evolve

from . import faults
from ._calls import Answer, Call, decode, encode, error, http_status, is_object
from .faults import Fault

FRAMING: Final = frozenset({"connection", "content-length", "transfer-encoding"})
"""Headers, in lower case, which say how far an answer goes."""
SPACES: Final = b" " * (1 << 16)
"""What may follow a JSON document without changing it."""

_LINE: Final = 1000
_GZIP: Final = 31


def instead(fault: Fault | None, call: Call) -> Answer | None:
    """Return the answer to *call* in the place of the service's. None when the service answers."""
    match fault:
        case faults.ErrorResponse():
            return _refused(call, fault.code, fault.message, fault.status_code, fault.retry_after)
        case faults.Throttling(code=None):
            return _asking(Answer(status_code=429, headers=(), body=b""), fault.retry_after)
        case faults.Throttling(code=str(code)):
            return _refused(call, code, fault.message, None, fault.retry_after)
        case faults.ServerError(body=None):
            return Answer(status_code=fault.status_code, headers=(), body=b"")
        case faults.ServerError(body=str(body)):
            return _text(fault.status_code, "text/plain", body)
        case faults.HtmlBody():
            return _text(fault.status_code, "text/html", fault.body)
        case faults.Redirect():
            return Answer(status_code=fault.status_code, headers=(("Location", fault.location),), body=b"")
        case _:
            return None


def alter(fault: Fault | None, answer: Answer) -> Answer:
    """Return *answer* with what *fault* does to its headers and body."""
    length = len(answer.body)
    match fault:
        case faults.WrongExecution():
            return evolve(answer, body=rewritten(answer.body, pipelineExecutionId=fault.pipeline_execution_id))
        case faults.OversizeHeaders():
            lines = ((f"X-Padding-{number}", "x" * _LINE) for number in range(1 + fault.size // _LINE))
            return evolve(answer, headers=(*answer.headers, *lines))
        case faults.ConflictingLengths():
            return _framed(answer, ("Content-Length", str(length)), ("Content-Length", str(length + 10)))
        case faults.InvalidGzip():
            return evolve(answer, headers=(*answer.headers, ("Content-Encoding", "gzip")))
        case faults.GzipBomb():
            compressed = _compressed(answer.body, fault.decoded_size)
            return _framed(evolve(answer, body=compressed), ("Content-Encoding", "gzip"))
        case faults.OversizeBody():
            return _framed(answer, ("Content-Length", str(max(fault.size, length))))
        case faults.EndlessBody() | faults.TruncatedChunk():
            return _framed(answer, ("Transfer-Encoding", "chunked"))
        case _:
            return answer


def rewritten(body: bytes, **members: object) -> bytes:
    """Return an answer's *body* with other *members* in its execution. One that has no execution stays as it is."""
    execution = (decode(body) or {}).get("pipelineExecution")
    return encode({"pipelineExecution": {**execution, **members}}) if is_object(execution) else body


def _framed(answer: Answer, *headers: tuple[str, str]) -> Answer:
    kept = (header for header in answer.headers if header[0].lower() not in FRAMING)
    return evolve(answer, headers=(*kept, *headers))


def _text(status_code: int, content_type: str, body: str) -> Answer:
    headers = (("Content-Type", f"{content_type}; charset=utf-8"),)
    return Answer(status_code=status_code, headers=headers, body=body.encode())


def _refused(call: Call, code: str, message: str, status_code: int | None, retry_after: float | None) -> Answer:
    status = http_status(code) if status_code is None else status_code
    return _asking(error(code, message, status_code=status, request_id=call.request_id), retry_after)


def _asking(answer: Answer, retry_after: float | None) -> Answer:
    if retry_after is None:
        return answer
    return evolve(answer, headers=(*answer.headers, ("x-amz-retry-after", str(round(retry_after * 1000)))))


@lru_cache(maxsize=4)
def _compressed(body: bytes, size: int) -> bytes:
    """Compress *body* and spaces, piece by piece: a process that measures its memory must not see the whole."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    whole, rest = divmod(max(size - len(body), 0), len(SPACES))
    pieces = map(compressor.compress, chain([body], repeat(SPACES, whole), [SPACES[:rest]]))
    return b"".join(pieces) + compressor.flush()
