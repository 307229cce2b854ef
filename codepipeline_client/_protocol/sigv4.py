"""
Sign an HTTP request by AWS Signature Version 4.

Pure: request, credentials, scope and time in, headers out. Never logs. Where the specification is unclear, botocore's
behaviour is followed.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache, reduce
from hashlib import sha256
from posixpath import normpath
from time import gmtime, strftime
from typing import Final
from urllib.parse import quote

from attrs import field, frozen

REPLACED: Final = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})
"""The headers, in lower case, that only the signer sets: the service would refuse an old token, which is not signed."""

_HASH: Final = "x-amz-content-sha256"

NEVER_SIGNED: Final = frozenset(
    {
        *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
        *("accept", "accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "content-length", "user-agent"),
        *("baggage", "traceparent", "tracestate", "x-amzn-trace-id"),
    }
)
"""The headers, in lower case, that proxies, HTTP libraries and tracers may add or alter."""

_S3_FAMILY: Final = frozenset({"s3", "s3-object-lambda", "s3-outposts"})
"""The services whose paths are object keys, signed as they are, and which take the payload's hash as a header."""


@frozen(kw_only=True)
class Credentials:
    """
    The credentials that sign a request. The secret parts stay out of the repr.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/security-creds.html
    """

    access_key_id: str
    """The public part, such as ``AKIAIOSFODNN7EXAMPLE``."""
    secret_access_key: str = field(repr=False)
    """The secret part."""
    session_token: str | None = field(default=None, repr=False)
    """Belongs to temporary credentials. None for long-term ones."""
    expires_at: datetime | None = None
    """When the credentials expire, an aware datetime. None when they do not, or when it is not known."""


def replaced(service_name: str) -> frozenset[str]:
    """Return the headers, in lower case, that `sign` sets for the service: those of the request are to be removed."""
    return REPLACED | {_HASH} if service_name in _S3_FAMILY else REPLACED


def sign(
    *,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    credentials: Credentials,
    region_name: str,
    service_name: str,
    now: float,
) -> tuple[tuple[str, str], ...]:
    """
    Return the headers to set on the request, replacing those of the same name.

    *target* (path and query) and *headers* are as on the wire, names in any case; *now* is in seconds since the epoch.
    Raises ValueError when there is no Host header.
    """
    is_s3 = service_name in _S3_FAMILY
    path, _, query = target.partition("?")
    canonical_path = (path or "/") if is_s3 or path == "/" else _canonical_path(path)
    canonical_query = _canonical_query(query) if query else ""
    fields = _canonical_headers(headers)
    if "host" not in fields:
        raise ValueError("the request has no Host header, so it cannot be signed: add the one that will be sent")
    timestamp = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
    day = timestamp[:8]
    payload_hash = sha256(body).hexdigest()
    scope = f"{day}/{region_name}/{service_name}/aws4_request"
    signing_key = _signing_key(credentials, day, region_name, service_name)

    # Nothing below can fail: a traceback that shows local variables would show the token.
    added = {"X-Amz-Date": timestamp}
    if credentials.session_token:
        added["X-Amz-Security-Token"] = credentials.session_token
    if is_s3:
        added["X-Amz-Content-SHA256"] = payload_hash
    fields.update([(name.lower(), value) for name, value in added.items()])
    names = sorted(fields)
    signed_headers = ";".join(names)

    lines = [f"{name}:{fields[name]}" for name in names]
    request = (method.upper(), canonical_path, canonical_query, *lines, "", signed_headers)
    canonical_request = "\n".join((*request, fields.get(_HASH, payload_hash)))
    string_to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256(_utf8(canonical_request)).hexdigest()}"
    signature = _hmac(signing_key, string_to_sign).hex()

    added["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={signed_headers}, Signature={signature}"
    )
    return tuple(added.items())


def _canonical_path(path: str) -> str:
    """Return *path* without dot segments and empty segments, percent-encoded once more."""
    normal = normpath("/" + path.lstrip("/"))  # which would keep two slashes at the start
    return quote(normal + "/" if path.endswith("/") and normal != "/" else normal)


def _canonical_query(query: str) -> str:
    """Return *query* sorted by name, then by value. Its percent-encoding stays as it is."""
    # Not sorted as whole pieces: "=" comes after "-" and ".", which names may have.
    pieces = sorted(piece.partition("=") for piece in query.split("&"))
    return "&".join([f"{name}={value}" for name, _, value in pieces])


def _canonical_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers to sign, by name in lower case, white space folded, repeated ones joined."""
    fields: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key not in NEVER_SIGNED and key not in REPLACED:
            folded = " ".join(value.split())
            fields[key] = f"{fields[key]},{folded}" if key in fields else folded
    return fields


@lru_cache(maxsize=64)
def _signing_key(credentials: Credentials, day: str, region_name: str, service_name: str) -> bytes:
    """Return the signing key of one day. Takes the whole credentials, since their repr hides the secret."""
    scope = (day, region_name, service_name, "aws4_request")
    return reduce(_hmac, scope, _utf8(f"AWS4{credentials.secret_access_key}"))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, _utf8(text), "sha256")


def _utf8(text: str) -> bytes:
    """Return *text* as UTF-8, surrogates too: an encoding error would carry the whole text, secrets included."""
    return text.encode("utf-8", "surrogatepass")
