"""
AWS JSON 1.1: from an operation's input to an HTTP request, from an HTTP response to a payload or an error.

Trusts nothing that it reads. Knows no operation: names and shapes are in `operations`.
https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Final, NoReturn, TypeGuard

from attrs import frozen

from ._message import Headers, Request, Response
from .errors import SERVICE_ERRORS, ResponseDecodeError, ServiceError, printable

JsonObject = Mapping[str, object]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXCERPT: Final = 120
_READ_FOR_EXCERPT: Final = 4096
_LONGEST_PROBLEM: Final = 600
_LONGEST_CODE: Final = 128
_DEEPEST: Final = 100
_PREFIX: Final = "CodePipeline_20150709."


def encode(operation_name: str, payload: JsonObject, *, url: str, headers: Headers) -> Request:
    """Return the request for an operation; *headers* go along as they are."""
    protocol = (("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", _PREFIX + operation_name))
    body = json.dumps(payload, separators=(",", ":")).encode()
    return Request(method="POST", url=url, headers=protocol + headers, body=body)


def decode(operation_name: str, response: Response) -> Members:
    """
    Return the payload of a good answer.

    Raises ServiceError when the service answered with an error, ResponseDecodeError when the answer cannot be trusted.
    """
    status = response.status_code
    if status >= 400:
        raise _service_error(operation_name, response)
    if status >= 300:
        place = response.headers.get("location", "")
        raise _distrust(operation_name, response, f"it redirects to {place!r}, and redirects are never followed")
    if not response.is_whole:
        raise _distrust(operation_name, response, "it is larger than any execution")
    encoding = response.headers.get("content-encoding", "").strip()
    if encoding.lower() not in ("", "identity"):
        raise _distrust(operation_name, response, f"it has Content-Encoding {encoding!r}, which was not asked for")
    payload = _parse(response.body)
    if isinstance(payload, _NotJson):
        raise _distrust(operation_name, response, _why_not_json(payload, response))
    if not _is_object(payload):
        raise _distrust(operation_name, response, f"an object was expected, not {_kind(payload)}")
    return Members(operation_name, response, payload, "")


class Members:
    """
    One JSON object of an answer, read member by member.

    A null member is absent, and an absent member is None. A member of a wrong type is a ResponseDecodeError that
    names its path.
    """

    __slots__ = ("_operation_name", "_path", "_response", "raw")

    def __init__(self, operation_name: str, response: Response, raw: JsonObject, path: str) -> None:
        self._operation_name = operation_name
        self._response = response
        self._path = path
        self.raw: JsonObject = raw

    def string(self, name: str) -> str | None:
        """Return a text. Half of a surrogate pair, which a cut-off text may end with, becomes U+FFFD."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(name, f"a string was expected, not {_kind(value)}")
        return _mended(value)

    def integer(self, name: str) -> int | None:
        """Return a whole number."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(name, f"an integer was expected, not {_kind(value)}")
        return value

    def timestamp(self, name: str) -> datetime | None:
        """Return a time, sent as seconds since the epoch, as an aware datetime in UTC."""
        value = self.raw.get(name)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.refuse(name, f"a number was expected, not {_kind(value)}")
        try:
            return _EPOCH + timedelta(seconds=value)
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
        if not _is_list(value):
            self.refuse(name, f"a list was expected, not {_kind(value)}")
        return [self._nested(f"{name}[{place}]", each) for place, each in enumerate(value) if each is not None]

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raise the ResponseDecodeError that says what is wrong with the member *name*."""
        raise _distrust(self._operation_name, self._response, f"{self._path}{name}: {problem}")

    def _nested(self, name: str, value: object) -> Members:
        if not _is_object(value):
            self.refuse(name, f"an object was expected, not {_kind(value)}")
        return Members(self._operation_name, self._response, value, f"{self._path}{name}.")


def _service_error(operation_name: str, response: Response) -> ServiceError:
    body = _parse(response.body)
    members: JsonObject = body if _is_object(body) else {}
    code = _code(response.headers.get("x-amzn-errortype"), members.get("code"), members.get("__type"))
    message = _first_text(members.get("message"), members.get("Message")) if _is_object(body) else _excerpt(response)
    return SERVICE_ERRORS.get(code, ServiceError)(
        response.without_keys(message),
        code=response.without_keys(code)[:_LONGEST_CODE] or str(response.status_code),
        http_status_code=response.status_code,
        request_id=response.request_id,
        operation_name=operation_name,
    )


def _code(*places: object) -> str:
    """Return the error code from the first place that has one: without namespace, without the URI that may follow."""
    return _first_text(*places).partition(":")[0].rpartition("#")[2].strip()


def _first_text(*places: object) -> str:
    return next((_mended(place) for place in places if isinstance(place, str) and place), "")


def _distrust(operation_name: str, response: Response, problem: str) -> ResponseDecodeError:
    request = response.request_id
    facts = f"HTTP {response.status_code}, request id {request or 'none'}"
    problem = response.without_keys(problem)[:_LONGEST_PROBLEM]
    return ResponseDecodeError(
        f"{operation_name}: the answer cannot be trusted ({facts}): {problem}",
        http_status_code=response.status_code,
        request_id=request,
    )


def _excerpt(response: Response) -> str:
    """Return how the body begins, fit for a message. A proxy's page may quote the request, so secrets are cut first."""
    text = response.body[:_READ_FOR_EXCERPT].decode("utf-8", "replace")
    return printable(response.without_keys(text)[:_EXCERPT])


@frozen
class _NotJson:
    reason: str


def _parse(body: bytes) -> object:
    """Return what JSON the body is, or why it is none; not by raising, since json's error holds the whole body."""
    try:
        decoded: object = _DECODER.decode(body.decode())
    except ValueError as error:
        return _NotJson(str(error))
    except RecursionError:
        return _NotJson("nested too deeply")
    # Few brackets cannot be deep. What is deeper than any answer, Python could decode but neither copy nor pickle.
    deep = body.count(b"[") + body.count(b"{") > _DEEPEST and _depth(decoded) > _DEEPEST
    return _NotJson("nested too deeply") if deep else decoded


def _depth(value: object) -> int:
    depth, level = 0, [value]
    while level := [inner for each in level for inner in _elements(each)]:
        depth += 1
    return depth


def _elements(value: object) -> Iterable[object]:
    if _is_object(value):
        return value.values()
    return value if _is_list(value) else ()


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError("a number is too large")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


_DECODER: Final = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def _why_not_json(problem: _NotJson, response: Response) -> str:
    if not response.body:
        return "it is empty"
    kind = response.headers.get("content-type", "no content type")
    return f"it is not JSON ({problem.reason}; {kind}); it begins {_excerpt(response)}"


def _kind(value: object) -> str:
    """Return what a decoded JSON value is, in JSON's words."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "null")


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (str, "a string"),
    (bool, "a boolean"),
    (int, "a number"),
    (float, "a fraction"),
    (list, "a list"),
    (dict, "an object"),
)


def _mended(text: str) -> str:
    """Return *text* with surrogates joined, and U+FFFD for those that stand alone: others could not be encoded."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is_object(value: object) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list)
