"""
Check the signature of a request, in the order and with the messages of AWS's services.

botocore computes the expected signature: it shares no code with this package's own signer.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPMessage
from importlib import import_module
from typing import Any, Final

from attrs import field, frozen

from .._protocol.sigv4 import Credentials
from ._messages import IncomingRequest, RequestRefusedError

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SERVICE_NAME: Final = "codepipeline"
_TERMINATOR: Final = "aws4_request"
_PARAMETERS: Final = ("Credential", "Signature", "SignedHeaders")
_TIMESTAMP: Final = "%Y%m%dT%H%M%SZ"
_TOLERANCE: Final = 300


def check_signature(
    request: IncomingRequest, credentials: Credentials, region_name: str, *, now: float, skew_code: str
) -> None:
    """
    Raise RequestRefusedError unless *request* was signed with *credentials*, for the region, within 5 minutes of *now*.

    *skew_code* is the error code for a signature of another time.
    """
    signature = _parse_authorization(request.headers)
    given = signature.scope[0], request.headers.get("x-amz-security-token", "")
    if given != (credentials.access_key_id, credentials.session_token or ""):
        raise RequestRefusedError(
            "UnrecognizedClientException", "The security token included in the request is invalid."
        )
    _check_scope(signature, region_name)
    _check_time(signature, now, skew_code)
    if "host" not in signature.signed_headers:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    expected = _compute(request, signature, credentials, region_name)
    if expected != signature.value:
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )


def load_botocore() -> tuple[Any, Any]:
    """Return the classes of botocore's signer and of its requests, which have no types. The first import is slow."""
    return import_module("botocore.auth").SigV4Auth, import_module("botocore.awsrequest").AWSRequest


@frozen
class _ParsedSignature:
    scope: list[str]
    """Access key id, day, region, service and terminator."""
    signed_headers: tuple[str, ...]
    value: str
    timestamp: str
    time: datetime


def _parse_authorization(headers: Mapping[str, str]) -> _ParsedSignature:
    authorization = headers.get("authorization")
    if authorization is None:
        raise RequestRefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")
    algorithm, _, listed = authorization.partition(" ")
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Authorization header must start with '{_ALGORITHM}'.")
    pairs = (parameter.strip().partition("=") for parameter in listed.split(","))
    given = {name: value for name, _, value in pairs if value}
    timestamp = headers.get("x-amz-date")
    missing = [f"Authorization header requires '{name}' parameter." for name in _PARAMETERS if name not in given]
    if timestamp is None:
        missing.append("Authorization header requires existence of a 'X-Amz-Date' header.")
    if timestamp is None or missing:
        raise _incomplete(" ".join(missing))
    scope = given["Credential"].split("/")
    if len(scope) != 5:
        raise _incomplete("Credential must have exactly 5 slash-delimited elements: keyid/date/region/service/term.")
    signed_headers = tuple(given["SignedHeaders"].lower().split(";"))
    return _ParsedSignature(scope, signed_headers, given["Signature"], timestamp, _parse_time(timestamp))


def _parse_time(timestamp: str) -> datetime:
    # strptime alone also accepts single digits, which AWS does not.
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", timestamp):
        try:
            return datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
        except ValueError:
            pass  # no such day, or no such hour
    raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'.")


def _check_scope(signature: _ParsedSignature, region_name: str) -> None:
    _, day, region, service, terminator = signature.scope
    wrong: list[str] = []
    if region != region_name:
        wrong.append(f"Credential should be scoped to a valid region, not '{region}'.")
    if service != _SERVICE_NAME:
        wrong.append(f"Credential should be scoped to correct service: '{_SERVICE_NAME}'.")
    if terminator != _TERMINATOR:
        wrong.append(f"Credential should be scoped with a valid terminator: '{_TERMINATOR}'.")
    if day != signature.timestamp[:8]:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{day}' != '{signature.timestamp[:8]}', from '{signature.timestamp}'."
        )
    if wrong:
        raise _invalid(" ".join(wrong))


def _check_time(signature: _ParsedSignature, now: float, code: str) -> None:
    signed = signature.time.timestamp()
    if signed < now - _TOLERANCE:
        limit = f"{_format_time(now - _TOLERANCE)} ({_format_time(now)} - 5 min.)"
        raise RequestRefusedError(code, f"Signature expired: {signature.timestamp} is now earlier than {limit}")
    if signed > now + _TOLERANCE:
        limit = f"{_format_time(now + _TOLERANCE)} ({_format_time(now)} + 5 min.)"
        raise RequestRefusedError(code, f"Signature not yet current: {signature.timestamp} is still later than {limit}")


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIMESTAMP)


@frozen
class _SecretKey:
    """What botocore's signer reads of credentials. Its own class takes a second import, and shows the key."""

    secret_key: str = field(repr=False)


def _compute(request: IncomingRequest, signature: _ParsedSignature, credentials: Credentials, region_name: str) -> str:
    signer_class, request_class = load_botocore()
    signed_headers = HTTPMessage()
    for name in signature.signed_headers:
        signed_headers.add_header(name, request.headers.get(name, ""))

    def headers_to_sign(_: object) -> HTTPMessage:
        return signed_headers

    signer = signer_class(_SecretKey(credentials.secret_access_key), _SERVICE_NAME, region_name)
    # The request says what it signed; botocore's own choice leaves out headers that other SDKs sign.
    signer.headers_to_sign = headers_to_sign
    copy = request_class(method=request.method, url=f"http://localhost{request.path}", data=request.body)
    copy.context["timestamp"] = signature.timestamp
    # Not add_auth, which signs for the time of the machine, and logs.
    result: str = signer.signature(signer.string_to_sign(copy, signer.canonical_request(copy)), copy)
    return result


def _incomplete(message: str) -> RequestRefusedError:
    return RequestRefusedError("IncompleteSignature", message)


def _invalid(message: str) -> RequestRefusedError:
    return RequestRefusedError("InvalidSignatureException", message)
