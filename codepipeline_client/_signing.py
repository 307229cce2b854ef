"""
Sign an HTTP request by AWS Signature Version 4: what goes on the wire, keys, scope and instant in, headers out.

Follows the specification step by step, and botocore's reading of it where it leaves room.
Knows no operation, no clock and no HTTP library. Never logs.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from functools import lru_cache, reduce
from hashlib import sha256
from math import floor
from time import gmtime, strftime
from typing import Final
from urllib.parse import quote

from ._message import Credentials, Headers

REPLACED: Final = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})
"""
The headers, in lower case, that are the signer's alone: whoever sends the request drops those that it came with.

An old token beside keys that have none would go out unsigned, and the service would refuse the request.
"""

_HASH: Final = "x-amz-content-sha256"

NEVER_SIGNED: Final = frozenset(
    {
        *("connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
        *("accept", "accept-encoding", "amz-sdk-invocation-id", "amz-sdk-request", "content-length", "user-agent"),
        *("baggage", "traceparent", "tracestate", "x-amzn-trace-id"),
    }
)
"""The headers, in lower case, that others may add or alter: hops on the way, HTTP libraries, tracing."""

_UNREAD: Final = REPLACED | NEVER_SIGNED

_S3_FAMILY: Final = frozenset({"s3", "s3-object-lambda", "s3-outposts"})
"""The service names to which a path is an object's key, to be left as it is, and the payload's hash a header."""


def replaced(service_name: str) -> frozenset[str]:
    """Return the headers, in lower case, that a signature for the service brings, in the place of what was there."""
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
) -> Headers:
    """
    Return the headers to set on the request, in the place of those of the same name.

    *target* (path and query) and *headers* are as on the wire, names in any case; *now* is in seconds since the epoch.
    Raises ValueError when there is no Host header.
    """
    is_s3 = service_name in _S3_FAMILY
    path, _, query = target.partition("?")
    canonical_path = (path or "/") if is_s3 else _canonical_path(path)
    canonical_query = _canonical_query(query)
    fields = _canonical_headers(headers)
    if "host" not in fields:
        raise ValueError("the request has no Host header, so it cannot be signed: add the one that will be sent")
    timestamp = _timestamp(floor(now))
    day = timestamp[:8]
    payload_hash = sha256(body).hexdigest()
    scope = f"{day}/{region_name}/{service_name}/aws4_request"
    signing_key = _signing_key(credentials, day, region_name, service_name)

    # What can fail stands above: from here on this frame, which a traceback may show, has the token as plain text.
    added = {"X-Amz-Date": timestamp}
    if credentials.session_token:
        added["X-Amz-Security-Token"] = credentials.session_token
    if is_s3:
        added["X-Amz-Content-SHA256"] = payload_hash
    fields.update([(name.lower(), value) for name, value in added.items()])
    names = sorted(fields)
    signed_headers = ";".join(names)

    canonical_request = "\n".join(
        (
            method.upper(),
            canonical_path,
            canonical_query,
            *[f"{name}:{fields[name]}" for name in names],
            "",
            signed_headers,
            fields.get(_HASH, payload_hash),
        )
    )
    string_to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256(_utf8(canonical_request)).hexdigest()}"
    signature = _hmac(signing_key, string_to_sign).hex()

    added["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={signed_headers}, Signature={signature}"
    )
    return tuple(added.items())


def _canonical_path(path: str) -> str:
    """Return *path* without dot segments and empty segments, and with its escapes escaped again."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    if not segments:
        return "/"
    if path.endswith("/"):
        segments.append("")
    return quote("/" + "/".join(segments))


def _canonical_query(query: str) -> str:
    """Return *query* sorted by name, then by value. Its escapes stay, since the service reads them as they are."""
    if not query:
        return ""
    # Whole pieces would sort wrongly: "=" comes after "-" and ".", which names may have.
    pieces = sorted(piece.partition("=") for piece in query.split("&"))
    return "&".join([f"{name}={value}" for name, _, value in pieces])


def _canonical_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return what is signed of *headers*, by name in lower case, white space folded, repeated ones joined."""
    fields: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key not in _UNREAD:
            folded = " ".join(value.split())
            fields[key] = f"{fields[key]},{folded}" if key in fields else folded
    return fields


@lru_cache(maxsize=16)
def _timestamp(second: int) -> str:
    return strftime("%Y%m%dT%H%M%SZ", gmtime(second))


@lru_cache(maxsize=64)
def _signing_key(credentials: Credentials, day: str, region_name: str, service_name: str) -> bytes:
    """Return the key that signs for one day. Takes the whole credentials, as their repr does not show the secret."""
    scope = (day, region_name, service_name, "aws4_request")
    return reduce(_hmac, scope, _utf8(f"AWS4{credentials.secret_access_key}"))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, _utf8(text), "sha256")


def _utf8(text: str) -> bytes:
    """Return *text* as UTF-8, whatever is in it: an encoding error would carry all of it, keys and token too."""
    return text.encode("utf-8", "surrogatepass")
