"""
Check a request in the order and with the messages of the service, so that one with two mistakes gets the same error.

Pure. botocore computes the expected signature: it shares no code with this package's own signer.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
https://docs.aws.amazon.com/codepipeline/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from http.client import HTTPMessage
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final

from .. import operations
from .._protocol.sigv4 import Credentials
from .._protocol.strict_json import is_list, is_object, kind_of
from .messages import IncomingRequest, RequestRefusedError

_PREFIX: Final = "CodePipeline_20150709"
_OPERATIONS: Final = [each.name for each in vars(operations).values() if isinstance(each, operations.Operation)]
_KINDS: Final = {"structure": "an object", "list": "a list", "integer": "a number", "string": "a string"}
_CONTENT_TYPE: Final = "application/x-amz-json-1.1"
_SERVICE_NAME: Final = "codepipeline"
_PARAMETERS: Final = ("Credential", "Signature", "SignedHeaders")
_TIMESTAMP: Final = "%Y%m%dT%H%M%SZ"
_TOLERANCE: Final = 300

_incomplete: Final = partial(RequestRefusedError, "IncompleteSignature")
_invalid: Final = partial(RequestRefusedError, "InvalidSignatureException")


def operation_of(request: IncomingRequest) -> str:
    """Return the operation's name. Raises RequestRefusedError for another method, path, target or content type."""
    path = request.path.partition("?")[0]
    target = request.headers.get("x-amz-target")
    prefix, _, operation_name = (target or "").partition(".")
    content_type = request.headers.get("content-type", "")
    if (request.method, path) != ("POST", "/"):
        message = f"{request.method} {path} is not an operation: the service has POST / only"
    elif prefix != _PREFIX or operation_name not in _OPERATIONS:
        message = f"X-Amz-Target {target!r} is not an operation of this endpoint: it has {', '.join(_OPERATIONS)}"
    elif content_type.partition(";")[0].strip().lower() != _CONTENT_TYPE:
        message = f"Content-Type {content_type!r} is not the protocol's: {_CONTENT_TYPE!r}"
    else:
        return operation_name
    raise RequestRefusedError("UnknownOperationException", message)


def check_signature(
    request: IncomingRequest, credentials: Credentials, region_name: str, *, now: float, skew_code: str
) -> None:
    """Raise RequestRefusedError unless *request* was signed for the region: with *skew_code* if at another time."""
    parameters = _parse_authorization(request.headers)
    timestamp = request.headers["x-amz-date"]
    scope = parameters["Credential"].split("/")
    if len(scope) != 5:
        raise _incomplete("Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/term.")
    signed_at = _parse_time(timestamp)
    given = scope[0], request.headers.get("x-amz-security-token", "")
    if given != (credentials.access_key_id, credentials.session_token or ""):
        message = "The security token included in the request is invalid."
        raise RequestRefusedError("UnrecognizedClientException", message)
    _check_scope(scope, region_name, timestamp)
    earliest, latest = now - _TOLERANCE, now + _TOLERANCE
    if signed_at < earliest:
        limit = f"{_format_time(earliest)} ({_format_time(now)} - 5 min.)"
        raise RequestRefusedError(skew_code, f"Signature expired: {timestamp} is now earlier than {limit}")
    if signed_at > latest:
        limit = f"{_format_time(latest)} ({_format_time(now)} + 5 min.)"
        raise RequestRefusedError(skew_code, f"Signature not yet current: {timestamp} is still later than {limit}")
    signed_headers = parameters["SignedHeaders"].lower().split(";")
    if "host" not in signed_headers:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    if _compute_signature(request, signed_headers, credentials, region_name) != parameters["Signature"]:
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )


def check_input(operation_name: str, members: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the *members* of an input. Raises RequestRefusedError for what botocore's service model does not allow."""
    if members is None:
        raise RequestRefusedError("SerializationException", "The body is not a JSON object")
    if violations := [*_violations(load_model().operation_model(operation_name).input_shape, members, "")]:
        count = "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
        raise RequestRefusedError("ValidationException", f"{count} detected: {'; '.join(violations)}")
    return members


@cache
def load_model() -> Any:
    """Return botocore's model of the service, which has no types. The first call is slow: it imports the signer too."""
    import_module("botocore.auth")
    loader = import_module("botocore.loaders").Loader()
    return import_module("botocore.model").ServiceModel(loader.load_service_model("codepipeline", "service-2"))


def _parse_authorization(headers: Mapping[str, str]) -> dict[str, str]:
    authorization = headers.get("authorization")
    if authorization is None:
        raise RequestRefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")
    algorithm, _, listed = authorization.partition(" ")
    if algorithm != "AWS4-HMAC-SHA256":
        raise _incomplete("Authorization header must start with 'AWS4-HMAC-SHA256'.")
    pairs = (parameter.strip().partition("=") for parameter in listed.split(","))
    given = {name: value for name, _, value in pairs if value}
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARAMETERS if name not in given]
    if "x-amz-date" not in headers:
        missing.append("Authorization header requires existence of a 'X-Amz-Date' header.")
    if missing:
        raise _incomplete(" ".join(missing))
    return given


def _parse_time(timestamp: str) -> float:
    # strptime alone also accepts single digits, which AWS does not.
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", timestamp):
        with suppress(ValueError):  # no such day, or no such hour
            return datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC).timestamp()
    raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'.")


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIMESTAMP)


def _check_scope(scope: list[str], region_name: str, timestamp: str) -> None:
    _, day, region, service, terminator = scope
    rules = {
        f"Credential should be scoped to a valid region, not '{region}'.": region == region_name,
        f"Credential should be scoped to correct service: '{_SERVICE_NAME}'.": service == _SERVICE_NAME,
        "Credential should be scoped with a valid terminator: 'aws4_request'.": terminator == "aws4_request",
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{day}' != '{timestamp[:8]}', from '{timestamp}'.": day == timestamp[:8],
    }
    if wrong := [message for message, is_satisfied in rules.items() if not is_satisfied]:
        raise _invalid(" ".join(wrong))


def _compute_signature(
    request: IncomingRequest, signed_headers: list[str], credentials: Credentials, region_name: str
) -> str:
    auth, awsrequest = import_module("botocore.auth"), import_module("botocore.awsrequest")
    headers = HTTPMessage()
    for name in signed_headers:
        headers.add_header(name, request.headers.get(name, ""))
    signer = auth.SigV4Auth(SimpleNamespace(secret_key=credentials.secret_access_key), _SERVICE_NAME, region_name)

    def headers_to_sign(_: object) -> HTTPMessage:
        return headers

    # The request says what it signed; botocore's own choice leaves out headers that other SDKs sign.
    signer.headers_to_sign = headers_to_sign
    copy = awsrequest.AWSRequest(method=request.method, url=f"http://localhost{request.path}", data=request.body)
    copy.context["timestamp"] = request.headers["x-amz-date"]
    # Not add_auth, which signs for the time of the machine, and logs.
    result: str = signer.signature(signer.string_to_sign(copy, signer.canonical_request(copy)), copy)
    return result


def _violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Yield a sentence for each constraint that the *value* at *path* violates."""
    kind = _KINDS[shape.type_name]
    if kind_of(value) != kind:
        raise RequestRefusedError("SerializationException", f"'{path}' must be {kind}, not {json.dumps(value)[:50]}")
    for rule in _broken_rules(shape.metadata, value):
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {rule}"
    if is_list(value):
        for number, element in enumerate(value, 1):
            yield from _violations(shape.member, element, f"{path}.{number}.member")
    elif is_object(value):
        for name, member in shape.members.items():
            where = f"{path}.{name}".removeprefix(".")
            if value.get(name) is not None:
                yield from _violations(member, value[name], where)
            elif name in shape.required_members:
                yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"


def _broken_rules(rules: dict[str, Any], value: Any) -> Iterator[str]:
    pattern, values, what = rules.get("pattern"), rules.get("enum", [value]), "value"
    if pattern and not re.fullmatch(pattern, value):
        yield f"satisfy regular expression pattern: {pattern}"
    if value not in values:
        yield f"satisfy enum value set: [{', '.join(values)}]"
    if not isinstance(value, int):
        value, what = len(value), "length"
    if value > rules.get("max", value):
        yield f"have {what} less than or equal to {rules['max']}"
    if value < rules.get("min", value):
        yield f"have {what} greater than or equal to {rules['min']}"
