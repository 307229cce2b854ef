"""
Encode and decode AWS JSON 1.1: an operation's input to a request, a response to a payload or an error.

Checks everything that it reads. Knows no operation: names and shapes are in `operations`.
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from ..errors import SERVICE_ERRORS, ResponseDecodeError, ServiceError, printable
from .messages import Headers, Request, Response
from .strict_json import JsonObject, NotJson, is_list, is_object, kind_of, parse, replace_surrogates

_write: Final = json.JSONEncoder(separators=(",", ":")).encode
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = (int, float)
_EXCERPT_CHARACTERS: Final = 120
_EXCERPT_BYTES: Final = 4096
_MAX_PROBLEM: Final = 600
_MAX_CODE: Final = 128
_MAX_ELEMENTS: Final = 10_000
"""The longest list that is read: far more than a pipeline may have of anything."""
_PREFIX: Final = "CodePipeline_20150709."


def encode(operation_name: str, payload: JsonObject, *, url: str, headers: Headers) -> Request:
    """Return the request of an operation; *headers* follow those of the protocol."""
    protocol = (("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", _PREFIX + operation_name))
    body = _write(payload).encode()
    return Request(method="POST", url=url, headers=protocol + headers, body=body)


def decode(operation_name: str, response: Response) -> Members:
    """
    Return the payload of a successful response.

    Raises ServiceError for an error of the service, ResponseDecodeError for a response that cannot be trusted.
    """
    status = response.status_code
    if status >= 400:
        raise _service_error(operation_name, response)
    if status >= 300:
        location = response.headers.get("location", "")
        raise _distrust(operation_name, response, f"it redirects to {location!r}, and redirects are never followed")
    if not response.is_whole:
        raise _distrust(operation_name, response, "it is larger than any execution")
    encoding = response.headers.get("content-encoding", "").strip()
    if encoding.lower() not in ("", "identity"):
        raise _distrust(operation_name, response, f"it has Content-Encoding {encoding!r}, which was not asked for")
    payload = parse(response.body)
    if isinstance(payload, NotJson):
        raise _distrust(operation_name, response, _why_not_json(payload, response))
    if not is_object(payload):
        raise _distrust(operation_name, response, f"an object was expected, not {kind_of(payload)}")
    return Members(operation_name, response, payload, "")


class Members:
    """
    One JSON object of a response, read member by member.

    A null member is absent, and an absent member is None. A member of a wrong type raises a ResponseDecodeError that
    names its path.
    """

    __slots__ = ("_operation_name", "_path", "_response", "raw")

    def __init__(self, operation_name: str, response: Response, raw: JsonObject, path: str) -> None:
        self._operation_name = operation_name
        self._response = response
        self._path = path
        self.raw: JsonObject = raw

    def string(self, name: str) -> str | None:
        """Return a string. A lone surrogate, which a truncated string may end with, becomes U+FFFD."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(name, f"a string was expected, not {kind_of(value)}")
        return value if value.isascii() else replace_surrogates(value)

    def integer(self, name: str) -> int | None:
        """Return an integer."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(name, f"an integer was expected, not {kind_of(value)}")
        return value

    def timestamp(self, name: str) -> datetime | None:
        """Return seconds since the epoch as an aware datetime in UTC."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, _NUMBER) or isinstance(value, bool):
            self.refuse(name, f"a number was expected, not {kind_of(value)}")
        try:
            return _EPOCH + timedelta(0, value)
        except OverflowError:
            self.refuse(name, "seconds since 1970 were expected, not a number beyond the calendar's end")

    def structure(self, name: str) -> Members | None:
        """Return a nested object."""
        value = self.raw.get(name)
        return None if value is None else self._nested(name, value)

    def structures(self, name: str) -> list[Members]:
        """Return a list of objects, empty when the list is absent. Null elements are left out."""
        value = self.raw.get(name)
        if value is None:
            return []
        if not is_list(value):
            self.refuse(name, f"a list was expected, not {kind_of(value)}")
        if len(value) > _MAX_ELEMENTS:
            self.refuse(name, f"{len(value)} elements are more than any execution has")
        return [self._nested(f"{name}[{place}]", each) for place, each in enumerate(value) if each is not None]

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raise a ResponseDecodeError about the member *name*."""
        raise _distrust(self._operation_name, self._response, f"{self._path}{name}: {problem}")

    def _nested(self, name: str, value: object) -> Members:
        if not is_object(value):
            self.refuse(name, f"an object was expected, not {kind_of(value)}")
        return Members(self._operation_name, self._response, value, f"{self._path}{name}.")


def _service_error(operation_name: str, response: Response) -> ServiceError:
    body = parse(response.body)
    members: JsonObject = body if is_object(body) else {}
    code = _code(response.headers.get("x-amzn-errortype"), members.get("code"), members.get("__type"))
    message = _first_text(members.get("message"), members.get("Message")) if is_object(body) else _excerpt(response)
    return SERVICE_ERRORS.get(code, ServiceError)(
        response.redact(message),
        code=response.redact(code)[:_MAX_CODE] or str(response.status_code),
        http_status_code=response.status_code,
        request_id=response.request_id,
        operation_name=operation_name,
    )


def _code(*places: object) -> str:
    """Return the first error code that is there, without its namespace and the URI that may follow it."""
    return _first_text(*places).partition(":")[0].rpartition("#")[2].strip()


def _first_text(*places: object) -> str:
    return next((replace_surrogates(place) for place in places if isinstance(place, str) and place), "")


def _distrust(operation_name: str, response: Response, problem: str) -> ResponseDecodeError:
    request = response.request_id
    facts = f"HTTP {response.status_code}, request id {request or 'none'}"
    problem = response.redact(problem)[:_MAX_PROBLEM]
    return ResponseDecodeError(
        f"{operation_name}: the answer cannot be trusted ({facts}): {problem}",
        http_status_code=response.status_code,
        request_id=request,
    )


def _excerpt(response: Response) -> str:
    """Return the start of the body for a message. It may quote the request, so secrets are redacted first."""
    text = response.body[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return printable(response.redact(text)[:_EXCERPT_CHARACTERS])


def _why_not_json(problem: NotJson, response: Response) -> str:
    if not response.body:
        return "it is empty"
    kind = response.headers.get("content-type", "no content type")
    return f"it is not JSON ({problem.reason}; {kind}); it begins {_excerpt(response)}"
