"""
The loops that wait: drive an exchange over a transport, in a thread or in a task.

What is decided is decided in the exchange, and what is done between waits is in `_run`. Here it is only slept and sent.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TypeVar

import anyio
import httpx

from ._futures import Once, settled
from ._protocol.messages import Attempt
from ._roundtrip import send, send_async
from ._run import Done, Failed, Run, closed, late
from .clock import Deadline
from .operations import OutputT
from .transport import Sending

T = TypeVar("T")


def drive(run: Run[OutputT], transport: httpx.BaseTransport) -> OutputT:
    """Make the attempts that the exchange asks for, until it returns its output or raises its error."""
    step: Attempt | Done[OutputT] | Failed = next(run.exchange)
    while isinstance(step, Attempt):
        end = run.broken_off(step, before=step.delay)
        if end is None and step.delay:
            with run.pausing():
                run.clock.sleep(step.delay)
            end = run.broken_off(step)
        if end is not None:
            step = end
            continue
        began = run.clock.monotonic()
        # No name for what came: an error that is raised here keeps this frame, which must not keep an answer.
        sending = Sending()
        step = run.advance(step, send(run.request(step, sending), transport, run.clock), sending, began)
    return step.result()


async def drive_async(run: Run[OutputT], transport: httpx.AsyncBaseTransport, *, keeps_deadline: bool) -> OutputT:
    """
    Make the attempts that the exchange asks for, until it returns its output or raises its error.

    *keeps_deadline* is True for a transport that ends in time by itself, and when the client is closed.
    """
    step: Attempt | Done[OutputT] | Failed = next(run.exchange)
    while isinstance(step, Attempt):
        end = run.broken_off(step, before=step.delay)
        if end is None and step.delay:
            with run.pausing():
                await run.clock.sleep_async(step.delay)
            end = run.broken_off(step)
        if end is not None:
            step = end
            continue
        began = run.clock.monotonic()
        sending = Sending()
        sent = send_async(run.request(step, sending), transport, run.clock)
        came = sent if keeps_deadline else run.clock.wait(sent, run.deadline.left())
        step = run.advance(step, await came, sending, began)
    return step.result()


def prepared(parts: Once[T], operation_name: str, deadline: Deadline) -> T:
    """Return what the first call has to wait for, within the time of the call."""
    future = parts.started()
    with suppress(TimeoutError, CancelledError):
        return future.result(deadline.within(None))
    raise closed() if future.cancelled() else late(operation_name, deadline)


async def prepared_async(parts: Once[T], operation_name: str, deadline: Deadline) -> T:
    """Return what the first call has to wait for, within the time of the call."""
    future = parts.started()
    with suppress(CancelledError), anyio.move_on_after(deadline.within(None)):
        return await settled(future)
    raise closed() if future.cancelled() else late(operation_name, deadline)
