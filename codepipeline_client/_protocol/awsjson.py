"""
Encode and decode AWS JSON 1.1: an operation's input to a request, a response to a payload or an error.

Checks everything that it reads. Knows no operation: names and shapes are in `operations`.
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

from ..errors import SERVICE_ERRORS, ResponseDecodeError, ServiceError, printable
from .messages import Headers, Response
from .strict_json import JsonObject, is_list, is_object, kind_of, read_object, replace_surrogates

_PREFIX: Final = "CodePipeline_20150709."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXCERPT_CHARACTERS: Final = 120
_EXCERPT_BYTES: Final = 4096
_MAX_PROBLEM: Final = 600
_MAX_CODE: Final = 128
_MAX_MESSAGE: Final = 16_384
_MAX_ELEMENTS: Final = 10_000
"""The longest list that is read: far more than a pipeline may have of anything."""

_write: Final = json.JSONEncoder(separators=(",", ":")).encode
T = TypeVar("T")


def encode(operation_name: str, payload: JsonObject) -> tuple[Headers, bytes]:
    """Return the headers and the body of an operation's request."""
    headers = (("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", _PREFIX + operation_name))
    return headers, _write(payload).encode()


def decode(operation_name: str, response: Response) -> Members:
    """Return a successful response's payload. Raises ServiceError, or ResponseDecodeError if it cannot be trusted."""
    if response.status_code >= 400:
        raise _service_error(operation_name, response)
    payload = _payload(response)
    if isinstance(payload, str):
        raise _distrust(operation_name, response, payload)
    return Members(operation_name, response, payload)


class Members(NamedTuple):
    """
    One JSON object of a response, read member by member.

    One that is null, absent or of a wrong type raises a ResponseDecodeError that names its path.
    """

    operation_name: str
    response: Response
    raw: JsonObject
    path: str = ""
    known: Mapping[str, Any] = MappingProxyType({})
    """Values of fields that are not read, here and in nested objects, see `shapes`."""

    def string(self, name: str) -> str:
        """Return a string. A lone surrogate, which a truncated string may end with, becomes U+FFFD."""
        value = self.raw.get(name)
        if isinstance(value, str) and value.isascii():  # as nearly always
            return value
        return replace_surrogates(self._member(name, str, "a string"))

    def integer(self, name: str) -> int:
        return self._member(name, int, "an integer")

    def timestamp(self, name: str) -> datetime:
        """Return seconds since the epoch as an aware datetime in UTC. ISO 8601 is read too, since moto writes it."""
        text = self.raw.get(name)
        if isinstance(text, str):
            with suppress(ValueError, OverflowError):
                if (moment := datetime.fromisoformat(text)).tzinfo is not None:
                    return moment.astimezone(UTC)
        seconds = self._member(name, (int, float), "a number of seconds since 1970")
        try:
            return _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            self.refuse(name, "the time, in seconds since 1970, is out of range")

    def structure(self, name: str) -> Members:
        return self._nested(name, self.raw.get(name))

    def structures(self, name: str) -> list[Members]:
        """Return a list of objects. Null elements are left out."""
        value = self.raw.get(name)
        if not is_list(value):
            self._refuse_kind(name, "a list", value)
        if len(value) > _MAX_ELEMENTS:
            self.refuse(name, f"{len(value)} elements are more than any response has")
        return [self._nested(f"{name}[{place}]", each) for place, each in enumerate(value) if each is not None]

    def strings(self, name: str) -> dict[str, str]:
        """Return a map of strings. Null values are left out."""
        members = self.structure(name)
        return {replace_surrogates(key): members.string(key) for key, value in members.raw.items() if value is not None}

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raise a ResponseDecodeError about the member *name*."""
        raise _distrust(self.operation_name, self.response, f"{self.path}{name}: {problem}")

    def _refuse_kind(self, name: str, expected: str, value: object) -> NoReturn:
        self.refuse(name, "it is absent" if value is None else f"{expected} was expected, not {kind_of(value)}")

    def _member(self, name: str, kind: type[T] | tuple[type[T], ...], expected: str) -> T:
        value = self.raw.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):  # a boolean is an int to Python
            self._refuse_kind(name, expected, value)
        return value

    def _nested(self, name: str, value: object) -> Members:
        if not is_object(value):
            self._refuse_kind(name, "an object", value)
        return Members(self.operation_name, self.response, value, f"{self.path}{name}.", self.known)


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


def _distrust(operation_name: str, response: Response, problem: str) -> ResponseDecodeError:
    request = response.request_id
    facts = f"HTTP {response.status_code}, request id {request or 'none'}"
    return ResponseDecodeError(
        f"{operation_name}: the response cannot be trusted ({facts}): {response.redact(problem)[:_MAX_PROBLEM]}",
        http_status_code=response.status_code,
        request_id=request,
    )


def _excerpt(response: Response) -> str:
    """Return the start of the body for a message. It may quote the request, so secrets are redacted first."""
    text = response.body[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return printable(response.redact(text)[:_EXCERPT_CHARACTERS])
