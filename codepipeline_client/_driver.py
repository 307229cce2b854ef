"""
The loops that wait: drive an exchange over a transport, in a thread or in a task.

What is decided is decided in the exchange. Here it is only slept, sent, read and translated.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Generic, Never, TypeVar

import anyio
import httpx
from attrs import frozen

from ._clock import DEADLINE, Clock, Deadline
from ._exchange import Exchange, Unsent
from ._futures import Once, settled
from ._message import Attempt, Response
from ._pauses import Pauses
from ._reports import Watch
from ._roundtrip import SKEW, STALE_CREDENTIALS, send, send_async
from .errors import CodePipelineError, ConnectionFailedError, CredentialsError, RequestTimeoutError, TransportError
from .operations import OutputT

T = TypeVar("T")


@frozen(kw_only=True)
class Limits:
    """How long one step of an attempt may take, in seconds; None for no limit."""

    connect: float | None
    """To make a connection. To wait for a free one, there is the whole call's time."""
    read: float | None
    """Between two pieces of the answer, or of the request."""


@frozen(kw_only=True)
class Run(Generic[OutputT]):
    """One call on its way, and what both loops do between waits."""

    operation_name: str
    exchange: Exchange[OutputT]
    clock: Clock
    limits: Limits
    deadline: Deadline
    watch: Watch
    pauses: Pauses

    def broken_off(self, attempt: Attempt, *, before: float = 0.0) -> Failed | None:
        """
        Return how a call ends whose client is closed, or whose time does not last until the attempt; else None.

        *before* is how many seconds the attempt has to wait yet.
        """
        if self.pauses.are_over:
            error: CodePipelineError = _closed()
        elif self.deadline.left() <= before:
            error = self._late()
        else:
            return None
        self._leave()
        error.attempts = attempt.number - 1
        error.__cause__ = attempt.after
        return Failed(error)

    def request(self, attempt: Attempt) -> httpx.Request:
        """Return the request to send. Each step of sending it may take what is left of the call's time at most."""
        request, within = attempt.request, self.deadline.within
        connect, read = within(self.limits.connect), within(self.limits.read)
        return httpx.Request(
            request.method,
            _url(request.url),
            headers=request.headers,
            content=request.body,
            extensions={
                "timeout": {"connect": connect, "read": read, "write": read, "pool": within(None)},
                DEADLINE: self.deadline,
                STALE_CREDENTIALS: attempt.stale,
                SKEW: attempt.skew,
            },
        )

    def outcome(self, came: Response | CodePipelineError | None) -> Response | CodePipelineError:
        """
        Return what came of an attempt, None for nothing.

        A failure of a client that is closed is that, whatever else it was; one after the call's time is its end.
        """
        if isinstance(came, Response):
            return came
        if self.pauses.are_over:
            error: CodePipelineError = _closed()
        elif came is None or (isinstance(came, TransportError) and self.deadline.has_passed):
            error = self._late()
        else:
            return came
        error.__cause__ = came
        return error

    def advance(
        self, attempt: Attempt, outcome: Response | CodePipelineError, began: float
    ) -> Attempt | Done[OutputT] | Failed:
        """Give the outcome of an attempt that *began* then to the exchange, and return what it wants next."""
        seconds = self.clock.monotonic() - began
        step = _advanced(self.exchange, outcome)
        if self.watch.is_on() and not isinstance(outcome, CredentialsError):  # without keys nothing was sent
            again = step if isinstance(step, Attempt) else None
            failure = again.after if again else step.failure if isinstance(step, Failed) else None
            pause = None if again is None or self.deadline.left() <= again.delay else again.delay
            self.watch.tell(self.operation_name, attempt, outcome, failure, seconds=seconds, pause=pause)
        return step

    @contextmanager
    def pausing(self) -> Generator[None]:
        """Tell the exchange when a pause is broken off, by a cancellation say."""
        try:
            yield
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        with suppress(Unsent):
            self.exchange.throw(Unsent())

    def _late(self) -> RequestTimeoutError:
        return late(self.operation_name, self.deadline)


def _closed() -> ConnectionFailedError:
    error = ConnectionFailedError("the client was closed")
    error.may_pass = False
    return error


def _advanced(exchange: Exchange[OutputT], outcome: Response | CodePipelineError) -> Attempt | Done[OutputT] | Failed:
    try:
        return exchange.throw(outcome) if isinstance(outcome, CodePipelineError) else exchange.send(outcome)
    except StopIteration as end:
        return Done(end.value)
    except CodePipelineError as error:
        return Failed(error.with_traceback(None))  # its frames hold the answer, all of it


@frozen
class Done(Generic[OutputT]):
    """The call went well."""

    output: OutputT

    def result(self) -> OutputT:
        """Return the output."""
        return self.output


@frozen
class Failed:
    """The call failed."""

    failure: CodePipelineError

    def result(self) -> Never:
        """Raise what it failed with."""
        raise self.failure


def late(operation_name: str, deadline: Deadline) -> RequestTimeoutError:
    """Return the error of a call that has used up its time."""
    words = f"{operation_name} did not end within its timeout of {deadline.seconds} seconds"
    return RequestTimeoutError(words, limit="timeout")


def drive(run: Run[OutputT], transport: httpx.BaseTransport) -> OutputT:
    """Make the attempts that the exchange asks for, until it returns its output or raises its error."""
    step: Attempt | Done[OutputT] | Failed = next(run.exchange)
    while isinstance(step, Attempt):
        end = run.broken_off(step, before=step.delay)
        if end is None and step.delay:
            with run.pausing():
                run.pauses.sleep(step.delay, run.clock)
            end = run.broken_off(step)
        if end is not None:
            step = end
            continue
        began = run.clock.monotonic()
        # No name for the outcome: an error that is raised here keeps this frame, which must not keep an answer.
        step = run.advance(step, run.outcome(send(run.request(step), transport, run.clock)), began)
    return step.result()


async def drive_async(run: Run[OutputT], transport: httpx.AsyncBaseTransport) -> OutputT:
    """Make the attempts that the exchange asks for, until it returns its output or raises its error."""
    step: Attempt | Done[OutputT] | Failed = next(run.exchange)
    while isinstance(step, Attempt):
        end = run.broken_off(step, before=step.delay)
        if end is None and step.delay:
            with run.pausing():
                await run.pauses.sleep_async(step.delay, run.clock)
            end = run.broken_off(step)
        if end is not None:
            step = end
            continue
        began = run.clock.monotonic()
        came: Response | CodePipelineError | None = None
        with anyio.move_on_after(run.deadline.within(None)) as scope, run.pauses.ended_by_close(scope):
            came = await send_async(run.request(step), transport, run.clock)
        step, came = run.advance(step, run.outcome(came), began), None
    return step.result()


def prepared(parts: Once[T], operation_name: str, deadline: Deadline) -> T:
    """Return what the first call has to wait for, within the time of the call."""
    with suppress(TimeoutError):
        return parts.started().result(deadline.within(None))
    raise late(operation_name, deadline)


async def prepared_async(parts: Once[T], operation_name: str, deadline: Deadline) -> T:
    """Return what the first call has to wait for, within the time of the call."""
    with anyio.move_on_after(deadline.within(None)):
        return await settled(parts.started())
    raise late(operation_name, deadline)


_url = lru_cache(maxsize=64)(httpx.URL)
