"""
The loops that wait: drive an exchange over a transport, in a thread or in a task.

What is decided is decided in the exchange. Here it is only slept, sent, read and translated.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from functools import lru_cache
from typing import Final

import anyio
import httpx
from attrs import frozen

from ._clock import Clock
from ._exchange import Exchange
from ._failures import FAILURES, translated
from ._message import Attempt, Credentials, Response
from .errors import CodePipelineError, CredentialsError
from .operations import OutputT

STALE_CREDENTIALS: Final = "codepipeline_client.stale_credentials"
"""Request extension: the keys not to sign with, see `Attempt.stale`."""
SIGNED_WITH: Final = "codepipeline_client.signed_with"
"""Response extension: the keys that signed the request."""

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of an answer at most. The largest execution that the service's own limits allow is well below."""


class SystemClock:
    """The clock of the machine."""

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        time.sleep(seconds)

    def sleep_async(self, seconds: float) -> Awaitable[None]:
        """Wait in this task, on asyncio or trio."""
        return anyio.sleep(seconds)


@frozen(kw_only=True)
class Limits:
    """How long one step of an attempt may take, in seconds; None for no limit."""

    connect: float | None
    """To get a connection, a free one or a new one."""
    read: float | None
    """Between two pieces of the answer, or of the request."""

    @property
    def extension(self) -> Mapping[str, float | None]:
        """Return the limits as httpx's transports want them."""
        return {"connect": self.connect, "read": self.read, "write": self.read, "pool": self.connect}


def drive(exchange: Exchange[OutputT], transport: httpx.BaseTransport, clock: Clock, limits: Limits) -> OutputT:
    """Make the attempts that *exchange* asks for, until it returns its output or raises its error."""
    attempt = next(exchange)
    while True:
        if attempt.delay:
            clock.sleep(attempt.delay)
        outcome = _send(_request(attempt, limits), transport)
        try:
            attempt = _advance(exchange, outcome)
        except StopIteration as end:
            output: OutputT = end.value
            return output


async def drive_async(
    exchange: Exchange[OutputT], transport: httpx.AsyncBaseTransport, clock: Clock, limits: Limits
) -> OutputT:
    """Make the attempts that *exchange* asks for, until it returns its output or raises its error."""
    attempt = next(exchange)
    while True:
        if attempt.delay:
            await clock.sleep_async(attempt.delay)
        outcome = await _send_async(_request(attempt, limits), transport)
        try:
            attempt = _advance(exchange, outcome)
        except StopIteration as end:
            output: OutputT = end.value
            return output


def _advance(exchange: Exchange[OutputT], outcome: Response | CodePipelineError) -> Attempt:
    return exchange.throw(outcome) if isinstance(outcome, CodePipelineError) else exchange.send(outcome)


def _request(attempt: Attempt, limits: Limits) -> httpx.Request:
    request = attempt.request
    return httpx.Request(
        request.method,
        _url(request.url),
        headers=request.headers,
        content=request.body,
        extensions={"timeout": limits.extension, STALE_CREDENTIALS: attempt.stale},
    )


_url = lru_cache(maxsize=64)(httpx.URL)


# A failure is returned, not raised: raised anew, it would drag the frames and the context of the first along, and
# with them the signed headers.


def _send(request: httpx.Request, transport: httpx.BaseTransport) -> Response | CodePipelineError:
    before = sys.exception()
    try:
        response = transport.handle_request(request)
        stream, body = _sync_stream(response), bytearray()
        try:
            for piece in stream:
                body += piece
                if len(body) > MAX_BODY:
                    break
        finally:
            response.close()
        return _response(response, body)
    except CredentialsError as error:
        return error
    except FAILURES as error:
        return translated(error, request.url.netloc.decode("ascii"), before)


async def _send_async(request: httpx.Request, transport: httpx.AsyncBaseTransport) -> Response | CodePipelineError:
    before = sys.exception()
    try:
        response = await transport.handle_async_request(request)
        stream, body = _async_stream(response), bytearray()
        pieces = aiter(stream)
        try:
            async for piece in pieces:
                body += piece
                if len(body) > MAX_BODY:
                    break
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()  # unread to its end, it would be left to the garbage collector
            await response.aclose()
        return _response(response, body)
    except CredentialsError as error:
        return error
    except FAILURES as error:
        return translated(error, request.url.netloc.decode("ascii"), before)


def _sync_stream(response: httpx.Response) -> httpx.SyncByteStream:
    """Return the body as it comes: httpx's own iterators would decode it, and refuse a body that a mock has read."""
    stream = response.stream
    if not isinstance(stream, httpx.SyncByteStream):
        raise httpx.StreamError("the transport gave an async answer to a sync client")
    return stream


def _async_stream(response: httpx.Response) -> httpx.AsyncByteStream:
    """Return the body as it comes: httpx's own iterators would decode it, and refuse a body that a mock has read."""
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise httpx.StreamError("the transport gave a sync answer to an async client")
    return stream


def _response(response: httpx.Response, body: bytearray) -> Response:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    signed_with = response.extensions.get(SIGNED_WITH)
    return Response(
        status_code=response.status_code,
        headers=headers,
        body=bytes(body[:MAX_BODY]) if len(body) > MAX_BODY else bytes(body),
        is_whole=len(body) <= MAX_BODY,
        credentials=signed_with if isinstance(signed_with, Credentials) else None,
    )
