"""
httpx transports that sign requests with SigV4.

Each client of this package sends through one of them. In a plain `httpx.Client` they sign for any AWS service.
They only sign: they do not retry, follow redirects or read responses.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final, Self

import httpx

from ._credentials.cache import CachedCredentials
from ._credentials.providers import AsyncCredentialsLike, CredentialsLike
from ._protocol.messages import Attempt
from ._protocol.sigv4 import Credentials, replaced, sign
from .clock import DEADLINE
from .errors import ConfigurationError

ATTEMPT: Final = "codepipeline_client.attempt"
"""Request extension: the `Attempt` of the request, which records when it was sent and with which credentials."""


class SigV4Transport(httpx.BaseTransport):
    """
    Signs each request, and sends it through another transport.

    Sending raises CredentialsError if there are no credentials, and any error that *transport* raises.

    Args:
        transport: The transport that sends the signed request. Default: a new `httpx.HTTPTransport`.
        service_name: The signing name of the service, such as ``codepipeline`` or ``s3``.
        region_name: The region to sign for.
        credentials: A `Credentials`, a function that returns one, or botocore's credentials object. Default: the
            environment, then botocore's chain of sources, in the order of the AWS CLI.
        now: A function that returns the time, in seconds since the epoch.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        *,
        service_name: str,
        region_name: str,
        credentials: CredentialsLike | CachedCredentials | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._signer = _RequestSigner(service_name, region_name, credentials, now, allow_async=False)
        self._transport = httpx.HTTPTransport() if transport is None else transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sign *request* in place, and send it. A streamed body is read first, since its hash is signed."""
        request.read()
        signer = self._signer
        signer.sign(request, signer.fresh(request) or signer.credentials.get(*_needed(request)))
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the transport that sends."""
        self._transport.close()

    def __enter__(self) -> Self:
        self._transport.__enter__()
        return self

    def __exit__(self, *exc_info: Any) -> None:  # noqa: PYI036 - httpx has a type for each of the three
        self._transport.__exit__(*exc_info)


class AsyncSigV4Transport(httpx.AsyncBaseTransport):
    """
    Signs each request, and sends it through another transport.

    The arguments and errors are those of `SigV4Transport`, but *transport* is async (default: a new
    `httpx.AsyncHTTPTransport`), and *credentials* may be an async function. Functions that may block run in a thread.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        service_name: str,
        region_name: str,
        credentials: AsyncCredentialsLike | CachedCredentials | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._signer = _RequestSigner(service_name, region_name, credentials, now, allow_async=True)
        self._transport = httpx.AsyncHTTPTransport() if transport is None else transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sign *request* in place, and send it. A streamed body is read first, since its hash is signed."""
        if isinstance(request.stream, httpx.ByteStream):
            request.read()  # needs no await, since the body is in memory
        else:
            await request.aread()
        signer = self._signer
        signer.sign(request, signer.fresh(request) or await signer.credentials.get_async(*_needed(request)))
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport that sends."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:  # noqa: PYI036 - httpx has a type for each of the three
        await self._transport.__aexit__(*exc_info)


class _RequestSigner:
    """Gets credentials, and signs requests with them for one service and region."""

    def __init__(
        self,
        service_name: str,
        region_name: str,
        credentials: AsyncCredentialsLike | CachedCredentials | None,
        now: Callable[[], float],
        *,
        allow_async: bool,
    ) -> None:
        if not isinstance(credentials, CachedCredentials):
            credentials = CachedCredentials(credentials, region_name=region_name, now=now, allow_async=allow_async)
        scope: dict[str, object] = {"service_name": service_name, "region_name": region_name}
        for argument, value in scope.items():
            if not (isinstance(value, str) and re.fullmatch("[A-Za-z0-9-]+", value)):
                raise ConfigurationError(f"{argument} must be letters, digits and hyphens, not {value!r}")
        self._service_name = service_name
        self._region_name = region_name
        self.credentials = credentials
        self._now = now
        self._replaced = frozenset([name.encode() for name in (*replaced(service_name), "transfer-encoding")])

    def fresh(self, request: httpx.Request) -> Credentials | None:
        """Return the cached credentials. None if the caller has to wait for a refresh."""
        attempt: Attempt | None = request.extensions.get(ATTEMPT)
        return self.credentials.fresh() if attempt is None or attempt.stale is None else None

    def sign(self, request: httpx.Request, credentials: Credentials) -> None:
        """Add the signature to the headers of *request*, and record that it is sent now."""
        attempt: Attempt | None = request.extensions.get(ATTEMPT)
        now = self._now()
        kept = [pair for pair in request.headers.raw if pair[0].lower() not in self._replaced]
        if len(kept) < len(request.headers.raw):
            if "transfer-encoding" in request.headers:  # of a stream, which has been read; S3 takes no chunks
                kept.append((b"Content-Length", b"%d" % len(request.content)))
            request.headers = httpx.Headers(kept)
        signature = sign(
            method=request.method,
            target=request.url.raw_path.decode("ascii"),
            headers=[(name.decode("ascii"), value.decode("utf-8", "replace")) for name, value in kept],
            body=request.content,
            credentials=credentials,
            region_name=self._region_name,
            service_name=self._service_name,
            now=now if attempt is None else now + attempt.skew,
        )
        for name, value in signature:  # less work than new headers, which httpx encodes one by one
            request.headers[name] = value
        if attempt is not None:
            attempt.sent_at, attempt.credentials = now, credentials


def _needed(request: httpx.Request) -> tuple[Credentials | None, float | None]:
    """Return the credentials that the service rejected, and the seconds that the call has left: None for no limit."""
    attempt, deadline = request.extensions.get(ATTEMPT), request.extensions.get(DEADLINE)
    return attempt and attempt.stale, deadline and deadline.within(None)
