"""
One request out and one answer in: sent, read raw and capped, and made a value, or a failure of ours.

No loop and no decision.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from ._broken import ReadTimeout
from ._clock import DEADLINE, Clock, Deadline
from ._failures import failures, translated
from ._message import Credentials, Response
from ._transit import TransitRequest, TransitResponse
from .errors import CodePipelineError, CredentialsError

if TYPE_CHECKING:
    from ._transit import AsyncCarrier, Carrier

STALE_CREDENTIALS: Final = "codepipeline_client.stale_credentials"
"""Request extension: the keys not to sign with, see `Attempt.stale`."""
SKEW: Final = "codepipeline_client.skew"
"""Request extension: how far to sign ahead of this machine's clock, in seconds."""
SIGNED_WITH: Final = "codepipeline_client.signed_with"
"""Response extension: the keys that signed the request."""
SENDING: Final = "codepipeline_client.sending"
"""Request extension: the `Sending` to tell how far it has come."""

MAX_BODY: Final = 2 * 1024 * 1024
"""Bytes of an answer at most. The largest execution that the service's own limits allow is well below."""

_KEPT: Final = 4096
"""Bytes that are kept of an answer beyond the limit: enough to say what it was."""


class Sending:
    """How far the sending of one request has come."""

    __slots__ = ("began",)

    def __init__(self) -> None:
        self.began: float | None = None
        """When it was signed and given to the network, in seconds since the epoch. None while there are no keys."""


# A failure is returned, not raised: raised anew, it would drag the frames and the context of the first along, and
# with them the signed headers.


def send(request: TransitRequest, carrier: Carrier, clock: Clock) -> Response | CodePipelineError:
    before, asked = sys.exception(), clock.time()
    try:
        response = carrier.handle_request(request)
        stream, body, deadline = response.stream, bytearray(), request.extensions.get(DEADLINE)
        try:
            for piece in stream:
                if body and isinstance(deadline, Deadline) and deadline.has_passed:
                    raise ReadTimeout("the time for the call is over")
                body += piece
                if len(body) > MAX_BODY:
                    break
        finally:
            stream.close()
        return _response(response, body, _sent(request, asked), clock.time())
    except CredentialsError as error:
        return error
    except failures() as error:
        return translated(error, request.url.netloc.decode("ascii"), before)


async def send_async(request: TransitRequest, carrier: AsyncCarrier, clock: Clock) -> Response | CodePipelineError:
    before, asked = sys.exception(), clock.time()
    try:
        response = await carrier.handle_async_request(request)
        stream, body = response.stream, bytearray()
        pieces = aiter(stream)
        try:
            async for piece in pieces:
                body += piece
                if len(body) > MAX_BODY:
                    break
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()  # unread to its end, it would be left to the garbage collector
            await stream.aclose()
        return _response(response, body, _sent(request, asked), clock.time())
    except CredentialsError as error:
        return error
    except failures() as error:
        return translated(error, request.url.netloc.decode("ascii"), before)


def _sent(request: TransitRequest, asked: float) -> float:
    """Return when the request went out: keys may have been waited for until then."""
    sending = request.extensions.get(SENDING)
    return asked if not isinstance(sending, Sending) or sending.began is None else sending.began


def _response(response: TransitResponse[Any], body: bytearray, sent: float, received: float) -> Response:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    signed_with = response.extensions.get(SIGNED_WITH)
    return Response(
        status_code=response.status_code,
        headers=headers,
        body=bytes(body[:_KEPT] if len(body) > MAX_BODY else body),
        is_whole=len(body) <= MAX_BODY,
        credentials=signed_with if isinstance(signed_with, Credentials) else None,
        sent=sent,
        received=received,
    )
