"""
One call on its way: what a loop does between waits, and what it makes of what came.

Sleeps and sends nothing itself: `_driver` does, for threads and for tasks.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import lru_cache
from os import urandom
from typing import Generic, NamedTuple, Never

import httpx
from attrs import evolve

from ._exchange import Exchange, Unsent
from ._pauses import ClosableClock
from ._protocol.messages import Attempt, Response
from ._reports import AttemptReport, Watch
from .clock import DEADLINE, Deadline
from .errors import CodePipelineError, ConnectionFailedError, CredentialsError, RequestTimeoutError, TransportError
from .operations import OutputT
from .transport import SENDING, SKEW, STALE_CREDENTIALS, Sending


class Limits(NamedTuple):
    """How long one step of an attempt may take, in seconds; None for no limit."""

    connect: float | None
    """To make a connection. To wait for a free one, there is the whole call's time."""
    read: float | None
    """Between two pieces of the answer, or of the request."""


class Run(Generic[OutputT]):
    """One call on its way, and what both loops do between waits."""

    __slots__ = ("_untold", "clock", "deadline", "exchange", "limits", "operation_name", "watch")

    def __init__(
        self,
        *,
        operation_name: str,
        exchange: Exchange[OutputT],
        clock: ClosableClock,
        limits: Limits,
        deadline: Deadline,
        watch: Watch,
    ) -> None:
        self.operation_name = operation_name
        self.exchange = exchange
        self.clock = clock
        self.limits = limits
        self.deadline = deadline
        self.watch = watch
        self._untold: AttemptReport | None = None
        """The report of an attempt that is followed by another only if there are other keys for it."""

    def broken_off(self, attempt: Attempt, *, before: float = 0.0) -> Failed | None:
        """
        Return how a call ends whose client is closed, or whose time does not last until the attempt; else None.

        *before* is how many seconds the attempt has to wait yet.
        """
        if self.clock.is_closed:
            error: CodePipelineError = closed()
        elif self.deadline.left() <= before:
            error = self._late()
        else:
            return None
        return self._unsent(attempt, error)

    def request(self, attempt: Attempt, sending: Sending) -> httpx.Request:
        """Return the request to send. Each step of sending it may take what is left of the call's time at most."""
        asked, limits, left = attempt.request, self.limits, self.deadline.within(None)
        connect, read = _lesser(limits.connect, left), _lesser(limits.read, left)
        url = _parsed(asked.url)
        # The body as a stream, since httpx looks through all headers again and again to prepare a request for content.
        request = httpx.Request(
            asked.method,
            url,
            headers=[
                (b"Host", url.netloc),
                *((name.encode("ascii"), value.encode("ascii")) for name, value in asked.headers),
                (b"Content-Length", b"%d" % len(asked.body)),
            ],
            stream=httpx.ByteStream(asked.body),
            extensions={
                "timeout": {"connect": connect, "read": read, "write": read, "pool": left},
                DEADLINE: self.deadline,
                STALE_CREDENTIALS: attempt.stale,
                SKEW: attempt.skew,
                SENDING: sending,
            },
        )
        request.read()
        return request

    def advance(
        self, attempt: Attempt, came: Response | CodePipelineError | None, sending: Sending, began: float
    ) -> Attempt | Done[OutputT] | Failed:
        """Give what *came* of an attempt that *began* then to the exchange, and return what it wants next."""
        outcome, seconds = self._outcome(came), self.clock.monotonic() - began
        is_unsent = sending.began is None and not isinstance(outcome, Response)
        if is_unsent and not isinstance(outcome, CredentialsError | Response):
            return self._unsent(attempt, outcome)
        step = _advanced(self.exchange, outcome)
        if self.watch.is_on():
            self._tell_late(pause=None if is_unsent else 0.0)
            if not is_unsent:
                self._tell(attempt, outcome, step, seconds)
        return step

    def _outcome(self, came: Response | CodePipelineError | None) -> Response | CodePipelineError:
        """
        Return what came of an attempt, None for nothing.

        A failure of a client that is closed is that, whatever else it was; one after the call's time is its end.
        """
        if isinstance(came, Response):
            return came
        if self.clock.is_closed:
            error: CodePipelineError = closed()
        elif came is None or (isinstance(came, TransportError) and self.deadline.has_passed):
            error = self._late()
        else:
            return came
        # The limit of a step may have been what was left of the call's: then the step's error says it wrongly.
        error.__cause__ = None if isinstance(came, RequestTimeoutError) else came
        return error

    def _unsent(self, attempt: Attempt, error: CodePipelineError) -> Failed:
        """Return how a call ends whose next attempt is not sent."""
        self._leave()
        self._tell_late(pause=None)
        error.attempts = attempt.number - 1
        error.__cause__ = attempt.after
        return Failed(error)

    def _tell(
        self,
        attempt: Attempt,
        outcome: Response | CodePipelineError,
        step: Attempt | Done[OutputT] | Failed,
        seconds: float,
    ) -> None:
        again = step if isinstance(step, Attempt) else None
        failure = again.after if again else step.failure if isinstance(step, Failed) else None
        pause = None if again is None or self.deadline.left() <= again.delay else again.delay
        report = self.watch.report(self.operation_name, attempt, outcome, failure, seconds=seconds, pause=pause)
        if again is None or again.stale is None:
            self.watch.tell(report)
        else:
            self._untold = report

    def _tell_late(self, *, pause: float | None) -> None:
        report, self._untold = self._untold, None
        if report is not None:
            self.watch.tell(evolve(report, pause=pause))

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


def closed() -> ConnectionFailedError:
    """Return the error of a call whose client was closed."""
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


class Done(NamedTuple, Generic[OutputT]):
    """The call went well."""

    output: OutputT

    def result(self) -> OutputT:
        """Return the output."""
        return self.output


class Failed(NamedTuple):
    """The call failed."""

    failure: CodePipelineError

    def result(self) -> Never:
        """Raise what it failed with."""
        raise self.failure


def late(operation_name: str, deadline: Deadline) -> RequestTimeoutError:
    """Return the error of a call that has used up its time."""
    words = f"{operation_name} did not end within its timeout of {deadline.seconds} seconds"
    return RequestTimeoutError(words, limit="timeout")


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    parsed = httpx.URL(url)
    return parsed.copy_with(raw_path=parsed.raw_path)  # "/" where it is empty, so that the exact URL of a mock matches


def invocation_id() -> str:
    """Return a random UUID for a call: one of uuid's own takes far longer to make."""
    digits = urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _lesser(limit: float | None, left: float | None) -> float | None:
    if left is None:
        return limit
    return left if limit is None else min(limit, left)
