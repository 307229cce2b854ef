"""
One request out and one response in: sent through a transport, read raw and capped, and made a value, or a failure.

No loop and no decision.
"""

from __future__ import annotations

import sys
from typing import Final

import httpx

from ._failures import FAILURES, translated
from ._http.response import MAX_BODY, read_body, read_body_async
from ._protocol.messages import Response
from ._protocol.sigv4 import Credentials
from .clock import Clock
from .errors import CodePipelineError
from .transport import SENDING, SIGNED_WITH, Sending

_KEPT: Final = 4096
"""Bytes that are kept of a body beyond the limit: enough to say what it was."""


# A failure is returned, not raised: raised again, it would keep the frames and the context of the first, and with
# them the signed headers.


def send(request: httpx.Request, transport: httpx.BaseTransport, clock: Clock) -> Response | CodePipelineError:
    before, asked = sys.exception(), clock.time()
    try:
        response = transport.handle_request(request)
        return _response(response, read_body(response, request), _sent(request, asked), clock.time())
    except CodePipelineError as error:
        return error
    except FAILURES as error:
        return translated(error, request.url.netloc.decode("ascii"), before)


async def send_async(
    request: httpx.Request, transport: httpx.AsyncBaseTransport, clock: Clock
) -> Response | CodePipelineError:
    before, asked = sys.exception(), clock.time()
    try:
        response = await transport.handle_async_request(request)
        return _response(response, await read_body_async(response), _sent(request, asked), clock.time())
    except CodePipelineError as error:
        return error
    except FAILURES as error:
        return translated(error, request.url.netloc.decode("ascii"), before)


def _sent(request: httpx.Request, asked: float) -> float:
    """Return when the request went out: credentials may have been waited for until then."""
    sending = request.extensions.get(SENDING)
    return asked if not isinstance(sending, Sending) or sending.began is None else sending.began


def _response(response: httpx.Response, body: bytes, sent: float, received: float) -> Response:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    signed_with = response.extensions.get(SIGNED_WITH)
    return Response(
        status_code=response.status_code,
        headers=headers,
        body=body[:_KEPT] if len(body) > MAX_BODY else body,
        is_whole=len(body) <= MAX_BODY,
        credentials=signed_with if isinstance(signed_with, Credentials) else None,
        sent=sent,
        received=received,
    )
