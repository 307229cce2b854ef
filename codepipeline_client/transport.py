"""
httpx transports that sign what passes through, by SigV4.

A client of this package that has a transport of your own sends through one of them, and else through `_signer`, which
does the same without httpx. Given to a plain `httpx.Client` they sign for any AWS service.
They add a signature and nothing else: no retries, no redirects, no reading of answers.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx

from ._credentials import AsyncCredentialsLike, CredentialsCache, CredentialsLike
from ._futures import settled
from ._message import Credentials
from ._pairs import Pairs
from ._roundtrip import SIGNED_WITH
from ._stamp import Stamp, time_left


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
        if not isinstance(credentials, CredentialsCache):
            credentials = CredentialsCache(credentials, region_name=region_name, now=now, allow_async=False)
        self._stamp = Stamp(service_name=service_name, region_name=region_name, credentials=credentials, now=now)
        self._transport = httpx.HTTPTransport() if transport is None else transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sign *request* in place, and send it. A body that is a stream is read first: its hash is signed."""
        request.read()
        found = self._stamp.find(request)
        credentials = found if isinstance(found, Credentials) else found.result(time_left(request))
        request.headers = Pairs(self._stamp.signed(request, credentials))
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
        if not isinstance(credentials, CredentialsCache):
            credentials = CredentialsCache(credentials, region_name=region_name, now=now, allow_async=True)
        self._stamp = Stamp(service_name=service_name, region_name=region_name, credentials=credentials, now=now)
        self._transport = httpx.AsyncHTTPTransport() if transport is None else transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sign *request* in place, and send it. A body that is a stream is read first: its hash is signed."""
        if isinstance(request.stream, httpx.ByteStream):
            request.read()  # what is there need not be waited for, nor iterated over
        else:
            await request.aread()
        found = self._stamp.find(request)
        credentials = found if isinstance(found, Credentials) else await settled(found)
        request.headers = Pairs(self._stamp.signed(request, credentials))
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
