"""
Drive an exchange over a transport, in a thread or in a task: pause, send, read with a limit.

What is decided is decided in `exchange`, and what is done between waits is in `context`.
"""

from __future__ import annotations

import sys
from typing import Final

import httpx

from .._http.response import MAX_BODY, read_body, read_body_async
from .._protocol.messages import Attempt, Response
from .._protocol.sigv4 import Credentials
from ..clock import Clock
from ..errors import CodePipelineError
from ..operations import OutputT
from ..transport import SENDING, SIGNED_WITH, Sending
from .context import CallContext, Done, Failed
from .failures import FAILURES, translated

_KEPT: Final = 4096
"""Bytes that are kept of a body beyond the limit: enough to say what it was."""


def drive(context: CallContext[OutputT], transport: httpx.BaseTransport) -> OutputT:
    """Make the attempts that the exchange asks for, until it returns its output or raises its error."""
    step: Attempt | Done[OutputT] | Failed = next(context.exchange)
    while isinstance(step, Attempt):
        end = context.broken_off(step, before=step.delay)
        if end is None and step.delay:
            with context.pausing():
                context.clock.sleep(step.delay)
            end = context.broken_off(step)
        if end is not None:
            step = end
            continue
        began = context.clock.monotonic()
        # No name for what came: an error that is raised here keeps this frame, which must not keep an answer.
        sending = Sending()
        step = context.advance(step, send(context.request(step, sending), transport, context.clock), sending, began)
    return step.result()


async def drive_async(
    context: CallContext[OutputT], transport: httpx.AsyncBaseTransport, *, keeps_deadline: bool
) -> OutputT:
    """
    Make the attempts that the exchange asks for, until it returns its output or raises its error.

    *keeps_deadline* is True for a transport that ends in time by itself, and when the client is closed.
    """
    step: Attempt | Done[OutputT] | Failed = next(context.exchange)
    while isinstance(step, Attempt):
        end = context.broken_off(step, before=step.delay)
        if end is None and step.delay:
            with context.pausing():
                await context.clock.sleep_async(step.delay)
            end = context.broken_off(step)
        if end is not None:
            step = end
            continue
        began = context.clock.monotonic()
        sending = Sending()
        sent = send_async(context.request(step, sending), transport, context.clock)
        came = sent if keeps_deadline else context.clock.wait(sent, context.deadline.left())
        step = context.advance(step, await came, sending, began)
    return step.result()


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
