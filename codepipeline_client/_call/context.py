"""
One call: what both drivers do between waits, and what is reported of its attempts.

Waits for nothing and sends nothing: that is in `driver`. Reports have facts about attempts; never a header, a body or
credentials.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import lru_cache
from os import urandom
from typing import Final, Generic, NamedTuple, Never

import httpx
from attrs import evolve, frozen

from .._protocol.messages import Attempt, Response
from ..clock import DEADLINE, ClosableClock, Deadline
from ..errors import (
    CodePipelineError,
    ConnectionFailedError,
    CredentialsError,
    RequestTimeoutError,
    ServiceError,
    TransportError,
    printable,
)
from ..operations import OutputT
from ..transport import SENDING, SKEW, STALE_CREDENTIALS, Sending
from .exchange import Exchange, Unsent

LOGGER: Final = logging.getLogger("codepipeline_client")


class Limits(NamedTuple):
    """How long one step of an attempt may take, in seconds; None for no limit."""

    connect: float | None
    """To make a connection. To wait for a free one, there is the whole call's time."""
    read: float | None
    """Between two pieces of the answer, or of the request."""


class CallContext(Generic[OutputT]):
    """One call: its limits, its attempts, and what is reported of them."""

    __slots__ = ("_unreported", "clock", "deadline", "exchange", "limits", "operation_name", "reporter")

    def __init__(
        self,
        *,
        operation_name: str,
        exchange: Exchange[OutputT],
        clock: ClosableClock,
        limits: Limits,
        deadline: Deadline,
        reporter: AttemptReporter,
    ) -> None:
        self.operation_name = operation_name
        self.exchange = exchange
        self.clock = clock
        self.limits = limits
        self.deadline = deadline
        self.reporter = reporter
        self._unreported: AttemptReport | None = None
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
        if self.reporter.is_on():
            self._report_late(pause=None if is_unsent else 0.0)
            if not is_unsent:
                self._report(attempt, outcome, step, seconds)
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
        self._report_late(pause=None)
        error.attempts = attempt.number - 1
        error.__cause__ = attempt.after
        return Failed(error)

    def _report(
        self,
        attempt: Attempt,
        outcome: Response | CodePipelineError,
        step: Attempt | Done[OutputT] | Failed,
        seconds: float,
    ) -> None:
        again = step if isinstance(step, Attempt) else None
        failure = again.after if again else step.failure if isinstance(step, Failed) else None
        pause = None if again is None or self.deadline.left() <= again.delay else again.delay
        report = self.reporter.report(self.operation_name, attempt, outcome, failure, seconds=seconds, pause=pause)
        if again is None or again.stale is None:
            self.reporter.tell(report)
        else:
            self._unreported = report

    def _report_late(self, *, pause: float | None) -> None:
        report, self._unreported = self._unreported, None
        if report is not None:
            self.reporter.tell(evolve(report, pause=pause))

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


@frozen(kw_only=True)
class AttemptReport:
    """How one attempt of a call went. `on_attempt` is called with one after each."""

    operation_name: str
    """The operation, such as ``GetPipelineExecution``."""
    attempt: int
    """Which attempt of the call it was, from 1."""
    host: str
    """The endpoint's host, with its port unless it is the scheme's own."""
    http_status_code: int | None
    """The answer's HTTP status. None when no answer came."""
    error_code: str | None
    """
    The service's error code, or the name of the error class when it was not the service. None when it went well.

    Control characters are escaped here and in `request_id`, so that no answer can forge a line in a log.
    """
    request_id: str | None
    """The service's id for the request. None when no answer came, or when it had none."""
    seconds: float
    """How long the attempt took, without the pause before it."""
    pause: float | None
    """How long the call pauses now before its next attempt, in seconds. None when this attempt was the last."""


OnAttempt = Callable[[AttemptReport], object]
"""Called with the report of each attempt, in the thread or the task of the call. It must not block."""


class AttemptReporter(NamedTuple):
    """Reports the attempts of one client to its `on_attempt` and to the log."""

    host: str
    on_attempt: OnAttempt | None

    def is_on(self) -> bool:
        """Return whether there is anyone to tell: a report that nobody reads is not made."""
        return self.on_attempt is not None or LOGGER.isEnabledFor(logging.INFO)

    def report(
        self,
        operation_name: str,
        attempt: Attempt,
        outcome: Response | CodePipelineError,
        failure: CodePipelineError | None,
        *,
        seconds: float,
        pause: float | None,
    ) -> AttemptReport:
        """Return the facts: *outcome* is what came of sending, *failure* what the call makes of that."""
        request_id = outcome.request_id if isinstance(outcome, Response) else None
        return AttemptReport(
            operation_name=operation_name,
            attempt=attempt.number,
            host=self.host,
            http_status_code=outcome.status_code if isinstance(outcome, Response) else None,
            error_code=_code(failure),
            request_id=request_id and printable(request_id),
            seconds=seconds,
            pause=pause,
        )

    def tell(self, report: AttemptReport) -> None:
        """Tell all who want to know."""
        _log(report)
        if self.on_attempt is not None:
            try:
                self.on_attempt(report)
            except Exception:
                LOGGER.warning("on_attempt raised an error", exc_info=True)


def _code(failure: CodePipelineError | None) -> str | None:
    if failure is None:
        return None
    return printable(failure.code) if isinstance(failure, ServiceError) else type(failure).__name__


def _log(report: AttemptReport) -> None:
    status = report.http_status_code or "no answer"
    result = report.error_code or "ok"
    if result == str(status):  # a bare answer: its status is all the code there is
        result = "without a code"
    facts = (
        report.operation_name,
        report.attempt,
        report.host,
        status,
        result,
        report.request_id or "none",
        round(report.seconds * 1000),
    )
    LOGGER.debug("%s attempt %d to %s: %s %s, request id %s, %d ms", *facts)
    if report.pause is not None:
        LOGGER.info("%s attempt %d to %s: %s %s, request id %s, %d ms: again in %.3f s", *facts, report.pause)
