"""
Encode and decode AWS JSON 1.1: an operation's input to a request, a response to an output or an error.

Checks that a response can be trusted; `shapes` checks its members. Knows no operation.
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, TypeVar

from ..errors import SERVICE_ERRORS, ResponseDecodeError, ServiceError, printable
from .messages import Headers, Response
from .shapes import MalformedMemberError
from .strict_json import JsonObject, read_object, replace_surrogates

_PREFIX: Final = "CodePipeline_20150709."
_EXCERPT_CHARACTERS: Final = 120
_EXCERPT_BYTES: Final = 4096
_MAX_PROBLEM: Final = 600
_MAX_CODE: Final = 128
_MAX_MESSAGE: Final = 16_384

_write: Final = json.JSONEncoder(separators=(",", ":")).encode
T = TypeVar("T")


def encode(operation_name: str, payload: JsonObject) -> tuple[Headers, bytes]:
    """Return the headers and the body of an operation's request."""
    headers = (("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", _PREFIX + operation_name))
    return headers, _write(payload).encode()


def decode(operation_name: str, response: Response, read: Callable[[JsonObject], T]) -> T:
    """
    Return what *read* makes of a successful response's payload.

    Raises ServiceError, or ResponseDecodeError if the response cannot be trusted, or *read* refuses a member.
    """
    if response.status_code >= 400:
        raise _service_error(operation_name, response)
    payload = _payload(response)
    if not isinstance(payload, str):
        try:
            return read(payload)
        except MalformedMemberError as error:
            payload = str(error)
    facts = f"HTTP {response.status_code}, request id {response.request_id or 'none'}"
    raise ResponseDecodeError(
        f"{operation_name}: the response cannot be trusted ({facts}): {response.redact(payload)[:_MAX_PROBLEM]}",
        http_status_code=response.status_code,
        request_id=response.request_id,
    )


def _payload(response: Response) -> JsonObject | str:
    """Return the JSON object in a successful response, or the problem with it."""
    encoding = response.headers.get("content-encoding", "").strip()
    if response.status_code >= 300:
        location = response.headers.get("location", "")
        return f"it redirects to {location!r}, and redirects are never followed"
    if response.status_code == 206:
        return "it is a partial response, which was not requested"
    if not response.is_whole:
        return "it has more than 2 MiB: of a list, request smaller pages with max_results"
    if encoding.lower() not in ("", "identity"):
        return f"it has Content-Encoding {encoding!r}, which was not requested"
    payload = read_object(response.body)
    if isinstance(payload, str) and response.body:
        return f"{payload}; Content-Type {response.headers.get('content-type')}; it begins {_excerpt(response)}"
    return payload


def _service_error(operation_name: str, response: Response) -> ServiceError:
    payload = read_object(response.body)
    if isinstance(payload, str):
        payload = {"message": _excerpt(response)}
    code = _first_text(response.headers.get("x-amzn-errortype"), payload.get("code"), payload.get("__type"))
    code = code.partition(":")[0].rpartition("#")[2].strip()  # without a namespace before it and a URI behind it
    if code not in SERVICE_ERRORS and response.redact(code) != code:
        code = ""  # no code is altered
    return SERVICE_ERRORS.get(code, ServiceError)(
        response.redact(_first_text(payload.get("message"), payload.get("Message"))[:_MAX_MESSAGE]),
        code=code[:_MAX_CODE] or str(response.status_code),
        http_status_code=response.status_code,
        request_id=response.request_id,
        operation_name=operation_name,
    )


def _first_text(*places: object) -> str:
    return next((replace_surrogates(place) for place in places if isinstance(place, str) and place), "")


def _excerpt(response: Response) -> str:
    """Return the start of the body for a message. It may quote the request, so secrets are redacted first."""
    text = response.body[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return printable(response.redact(text)[:_EXCERPT_CHARACTERS])
