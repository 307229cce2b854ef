"""
Check the signature of a call, in the order and with the words of AWS's services.

The signature is computed anew by botocore, which shares no line with this package's own signer.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.client import HTTPMessage
from importlib import import_module
from typing import Final, Protocol

from attrs import field, frozen

from .._message import Credentials
from ._calls import Call, Refusal

INVALID_SIGNATURE: Final = "InvalidSignatureException"
"""The error code of a signature that is not the right one."""

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_SERVICE_NAME: Final = "codepipeline"
_TERMINATOR: Final = "aws4_request"
_PARAMETERS: Final = ("Credential", "Signature", "SignedHeaders")
_TIMESTAMP: Final = "%Y%m%dT%H%M%SZ"
_TOLERANCE: Final = 300


def check_signature(
    call: Call, *, credentials: Credentials, region_name: str, now: float, skew_code: str = INVALID_SIGNATURE
) -> None:
    """
    Raise `Refusal` unless *call* was signed with *credentials*, for the region, within 5 minutes of *now*.

    *skew_code* is the error code of one that was signed at another time.
    """
    signature = _read(call.headers)
    _check_key(signature, call.headers, credentials)
    _check_scope(signature, region_name)
    _check_time(signature, now, skew_code)
    if "host" not in signature.signed_headers:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    expected = _compute(call, signature, credentials=credentials, region_name=region_name)
    if not _same(expected, signature.value):
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )


@frozen(kw_only=True)
class _Signature:
    """What a request says about its own signature."""

    access_key_id: str
    day: str
    region_name: str
    service_name: str
    terminator: str
    signed_headers: tuple[str, ...]
    value: str
    timestamp: str
    time: datetime


def _read(headers: Mapping[str, str]) -> _Signature:
    authorization = headers.get("authorization")
    if authorization is None:
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
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
    access_key_id, day, region_name, service_name, terminator = scope
    return _Signature(
        access_key_id=access_key_id,
        day=day,
        region_name=region_name,
        service_name=service_name,
        terminator=terminator,
        signed_headers=tuple(given["SignedHeaders"].lower().split(";")),
        value=given["Signature"],
        timestamp=timestamp,
        time=_parse(timestamp),
    )


def _parse(timestamp: str) -> datetime:
    # strptime alone would also take single digits, which AWS does not.
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", timestamp):
        try:
            return datetime.strptime(timestamp, _TIMESTAMP).replace(tzinfo=UTC)
        except ValueError:
            pass  # no such day, or no such hour
    raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{timestamp}'.")


def _check_key(signature: _Signature, headers: Mapping[str, str], credentials: Credentials) -> None:
    token = headers.get("x-amz-security-token", "")
    known = _same(credentials.access_key_id, signature.access_key_id)
    if not (known and _same(credentials.session_token or "", token)):
        raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")


def _check_scope(signature: _Signature, region_name: str) -> None:
    wrong: list[str] = []
    if signature.region_name != region_name:
        wrong.append(f"Credential should be scoped to a valid region, not '{signature.region_name}'.")
    if signature.service_name != _SERVICE_NAME:
        wrong.append(f"Credential should be scoped to correct service: '{_SERVICE_NAME}'.")
    if signature.terminator != _TERMINATOR:
        wrong.append(f"Credential should be scoped with a valid terminator: '{_TERMINATOR}'.")
    if signature.day != signature.timestamp[:8]:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signature.day}' != '{signature.timestamp[:8]}', from '{signature.timestamp}'."
        )
    if wrong:
        raise _invalid(" ".join(wrong))


def _check_time(signature: _Signature, now: float, code: str) -> None:
    signed = signature.time.timestamp()
    if signed < now - _TOLERANCE:
        limit = f"{_stamp(now - _TOLERANCE)} ({_stamp(now)} - 5 min.)"
        raise Refusal(code, f"Signature expired: {signature.timestamp} is now earlier than {limit}")
    if signed > now + _TOLERANCE:
        limit = f"{_stamp(now + _TOLERANCE)} ({_stamp(now)} + 5 min.)"
        raise Refusal(code, f"Signature not yet current: {signature.timestamp} is still later than {limit}")


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_TIMESTAMP)


class _Signer(Protocol):
    """`botocore.auth.SigV4Auth`, which has no types, less `add_auth`: that one signs by the real clock and logs."""

    headers_to_sign: Callable[[object], HTTPMessage]

    def canonical_request(self, request: object) -> str:
        """Return step 1 of the specification."""
        ...

    def string_to_sign(self, request: object, canonical_request: str) -> str:
        """Return step 2."""
        ...

    def signature(self, string_to_sign: str, request: object) -> str:
        """Return steps 3 and 4."""
        ...


class _Request(Protocol):
    """`botocore.awsrequest.AWSRequest`, as far as it is needed."""

    context: dict[str, object]


def load_signer() -> tuple[Callable[..., _Signer], Callable[..., _Request]]:
    """Return the classes of botocore's signer. The first time is slow: that is when botocore is imported."""
    return import_module("botocore.auth").SigV4Auth, import_module("botocore.awsrequest").AWSRequest


@frozen
class _Secret:
    """What botocore's signer asks of credentials. Its own classes cost a second import, and show the key."""

    secret_key: str = field(repr=False)


def _compute(call: Call, signature: _Signature, *, credentials: Credentials, region_name: str) -> str:
    new_signer, new_request = load_signer()
    signed = HTTPMessage()
    for name in signature.signed_headers:
        signed.add_header(name, call.headers.get(name, ""))
    signer = new_signer(_Secret(credentials.secret_access_key), _SERVICE_NAME, region_name)
    # The request says what it signed; botocore's own choice leaves out headers that other SDKs sign.
    signer.headers_to_sign = lambda _: signed
    request = new_request(method=call.method, url=f"http://localhost{call.path}", data=call.body)
    request.context["timestamp"] = signature.timestamp
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())


def _incomplete(message: str) -> Refusal:
    return Refusal("IncompleteSignature", message)


def _invalid(message: str) -> Refusal:
    return Refusal(INVALID_SIGNATURE, message)
