"""
httpx transports that sign what passes through, by SigV4.

The clients of this package send through them; given to a plain `httpx.Client` they sign for any AWS service.
They add a signature and nothing else: no retries, no redirects, no reading of answers.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

import httpx

from ._clock import DEADLINE, Deadline
from ._credentials import AsyncCredentialsLike, CredentialsCache, CredentialsLike
from ._futures import settled
from ._message import Credentials
from ._pairs import Pairs
from ._roundtrip import SENDING, SIGNED_WITH, SKEW, STALE_CREDENTIALS, Sending
from ._signing import replaced, sign
from .errors import ConfigurationError


class SigV4Transport(httpx.BaseTransport):
    """
    Signs each request and passes it on.

    Sending raises CredentialsError when there are no keys to sign with, and whatever *transport* raises.

    Args:
        transport: What sends the signed request. A new `httpx.HTTPTransport` when left out.
        service_name: The name to sign for, such as ``codepipeline`` or ``s3``: AWS calls it the signing name.
        region_name: The region to sign for.
        credentials: A `Credentials`, a function that returns one, or botocore's credentials object. When left out,
            the environment and then botocore's chain of sources, as the AWS CLI would find them.
        now: What tells the time, in seconds since the epoch.
    """

    def __init__(
        self,
        transport: httpx.BaseTransport | None = None,
        *,
        service_name: str,
        region_name: str,
        credentials: CredentialsLike | CredentialsCache | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        _check_scope(service_name, region_name)
        if not isinstance(credentials, CredentialsCache):
            credentials = CredentialsCache(credentials, region_name=region_name, now=now, allow_async=False)
        self._stamp = _Stamp(service_name=service_name, region_name=region_name, credentials=credentials, now=now)
        self._transport = httpx.HTTPTransport() if transport is None else transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sign *request* in place, and send it. A body that is a stream is read first: its hash is signed."""
        request.read()
        found = self._stamp.find(request)
        credentials = found if isinstance(found, Credentials) else found.result(_time_left(request))
        self._stamp.put(request, credentials)
        response = self._transport.handle_request(request)
        response.extensions[SIGNED_WITH] = credentials
        return response

    def close(self) -> None:
        """Close the transport that sends."""
        self._transport.close()

    def __enter__(self) -> Self:
        """Enter the transport that sends, too."""
        self._transport.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Leave the transport that sends, too."""
        self._transport.__exit__(exc_type, exc_value, traceback)


class AsyncSigV4Transport(httpx.AsyncBaseTransport):
    """
    Signs each request and passes it on.

    Sending raises CredentialsError when there are no keys to sign with, and whatever *transport* raises.

    Args:
        transport: What sends the signed request. A new `httpx.AsyncHTTPTransport` when left out.
        service_name: The name to sign for, such as ``codepipeline`` or ``s3``: AWS calls it the signing name.
        region_name: The region to sign for.
        credentials: A `Credentials`, a function that returns one (an async one too), or botocore's credentials
            object. When left out, the environment and then botocore's chain of sources, as the AWS CLI would find
            them. What may block runs in a thread.
        now: What tells the time, in seconds since the epoch.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        service_name: str,
        region_name: str,
        credentials: AsyncCredentialsLike | CredentialsCache | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        _check_scope(service_name, region_name)
        if not isinstance(credentials, CredentialsCache):
            credentials = CredentialsCache(credentials, region_name=region_name, now=now, allow_async=True)
        self._stamp = _Stamp(service_name=service_name, region_name=region_name, credentials=credentials, now=now)
        self._transport = httpx.AsyncHTTPTransport() if transport is None else transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sign *request* in place, and send it. A body that is a stream is read first: its hash is signed."""
        if isinstance(request.stream, httpx.ByteStream):
            request.read()  # what is there need not be waited for, nor iterated over
        else:
            await request.aread()
        found = self._stamp.find(request)
        credentials = found if isinstance(found, Credentials) else await settled(found)
        self._stamp.put(request, credentials)
        response = await self._transport.handle_async_request(request)
        response.extensions[SIGNED_WITH] = credentials
        return response

    async def aclose(self) -> None:
        """Close the transport that sends."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        """Enter the transport that sends, too."""
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Leave the transport that sends, too."""
        await self._transport.__aexit__(exc_type, exc_value, traceback)


def _time_left(request: httpx.Request) -> float | None:
    deadline = request.extensions.get(DEADLINE)
    return deadline.within(None) if isinstance(deadline, Deadline) else None


def _skew(request: httpx.Request) -> float:
    skew = request.extensions.get(SKEW)
    return skew if isinstance(skew, float) else 0.0


def _check_scope(service_name: object, region_name: object) -> None:
    for argument, value in (("service_name", service_name), ("region_name", region_name)):
        if not isinstance(value, str) or not re.fullmatch("[A-Za-z0-9-]+", value):
            raise ConfigurationError(f"{argument} must be letters, digits and hyphens, not {value!r}")


class _Stamp:
    """What both kinds of transport do to a request, but for the waiting."""

    __slots__ = ("_credentials", "_now", "_region_name", "_replaced", "_service_name")

    def __init__(
        self, *, service_name: str, region_name: str, credentials: CredentialsCache, now: Callable[[], float]
    ) -> None:
        self._service_name = service_name
        self._region_name = region_name
        self._credentials = credentials
        self._now = now
        self._replaced = frozenset([name.encode() for name in replaced(service_name)])

    def find(self, request: httpx.Request) -> Credentials | Future[Credentials]:
        """Return the keys to sign with, at once or in the future."""
        stale = request.extensions.get(STALE_CREDENTIALS)
        return self._credentials.renew(stale) if isinstance(stale, Credentials) else self._credentials.lease()

    def put(self, request: httpx.Request, credentials: Credentials) -> None:
        """Set the signature's headers, and take note that the request goes out now."""
        now = self._now()
        kept = [pair for pair in request.headers.raw if pair[0].lower() not in self._replaced]
        signature = sign(
            method=request.method,
            target=request.url.raw_path.decode("ascii"),
            headers=[(name.decode("ascii"), value.decode("utf-8", "replace")) for name, value in kept],
            body=request.content,
            credentials=credentials,
            region_name=self._region_name,
            service_name=self._service_name,
            now=now + _skew(request),
        )
        # All anew: each header that is set or dropped by itself makes httpx look through all the others.
        signed = [(name.encode("ascii"), value.encode()) for name, value in signature]
        request.headers = Pairs([*kept, *signed])
        sending = request.extensions.get(SENDING)
        if isinstance(sending, Sending):
            sending.began = now
