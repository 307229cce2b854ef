"""
Drive an exchange over a transport, in a thread or in a task: pause, send, read with a limit.

`exchange` decides what to do next. `Call` has what both drivers do between waits.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Generator
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import uuid4

import httpx

from .. import errors
from .._http.response import MAX_BODY, read_body, read_body_async
from .._protocol.messages import Attempt, Response
from .._protocol.sigv4 import Credentials
from ..clock import DEADLINE, ClosableClock, Deadline
from ..operations import IDEMPOTENT, InputT, Operation, OutputT
from ..transport import ATTEMPT
from .exchange import CallDefaults, exchange
from .failures import FAILURES, translated
from .reports import LOGGER, AttemptReport, OnAttempt, announce

TransportT = TypeVar("TransportT")
Outcome = Response | errors.CodePipelineError
"""What came of a request."""
Following = Attempt | errors.CodePipelineError | None
"""What the call makes of it: another attempt, its error, or None for its output."""


class ClientRuntime(NamedTuple, Generic[TransportT]):
    """What the calls of one client share."""

    defaults: CallDefaults
    url: httpx.URL
    transport: TransportT
    """Signs and sends."""
    keeps_deadline: bool
    """Whether it ends in time by itself, and when the client is closed."""
    clock: ClosableClock
    connect_timeout: float | None
    read_timeout: float | None
    """Between two pieces of the response, or of the request."""
    host: str
    """As in the Host header: with the port, unless it is the scheme's default."""
    proxy: str
    """The proxy on the way to it, and what names the proxy."""
    proxy_login: Credentials | None
    """The password of a proxy that sees requests in the clear."""
    on_attempt: OnAttempt | None
    insecure_url: str | None
    """The URL, if requests go to another machine as plain http."""


class Call(NamedTuple, Generic[InputT, OutputT]):
    operation: Operation[InputT, OutputT]
    operation_input: InputT
    deadline: Deadline
    is_poll: bool
    """Whether it is part of a wait, which polls again later anyway."""

    def steps(self, runtime: ClientRuntime[Any]) -> Generator[float | httpx.Request, Outcome | None, OutputT]:
        """
        Yield each pause and each request of the call; return the output, or raise what the call fails with.

        The driver sends back what came of a request: None if it was cut off at the deadline or by a close.
        """
        if runtime.insecure_url is not None:
            warnings.warn(
                f"requests go to {runtime.insecure_url} unencrypted: use https (http is for loopback addresses only)",
                errors.InsecureEndpointWarning,
                stacklevel=7 if self.is_poll else 5,
            )
        monotonic, invocation_id = runtime.clock.monotonic, str(uuid4())
        attempts = exchange(self.operation, self.operation_input, runtime.defaults, invocation_id, is_poll=self.is_poll)
        try:
            attempt = next(attempts)
            while True:
                error = self._ended(runtime, before=attempt.delay)
                if error is None and attempt.delay:
                    yield attempt.delay
                    error = self._ended(runtime)
                began = monotonic()
                outcome = error or self._checked(runtime, attempt, (yield self._request(runtime, attempt)))
                seconds = monotonic() - began
                try:
                    following = attempts.send(outcome) if isinstance(outcome, Response) else attempts.throw(outcome)
                except StopIteration as end:
                    self._report(runtime, attempt, outcome, None, seconds)
                    output: OutputT = end.value
                    return output
                except errors.CodePipelineError as failure:
                    self._report(runtime, attempt, outcome, failure, seconds)
                    raise
                self._report(runtime, attempt, outcome, following, seconds)
                attempt = following
        finally:
            attempts.close()

    def _ended(self, runtime: ClientRuntime[Any], *, before: float = 0.0) -> errors.CodePipelineError | None:
        """Return the error of a call whose client is closed, or whose time is over *before* so many seconds."""
        if runtime.clock.is_closed:
            return closed()
        return self.late() if self.deadline.left() <= before else None

    def _checked(self, runtime: ClientRuntime[Any], attempt: Attempt, outcome: Outcome | None) -> Outcome:
        """Return what came of a request. A failure after a close, or after the call's time, is due to that."""
        if isinstance(outcome, Response):
            return outcome
        if runtime.clock.is_closed:
            error: errors.CodePipelineError = closed()
        elif attempt.sent_at is None and (outcome is None or isinstance(outcome, errors.RequestTimeoutError)):
            error = self.late(": the credentials did not come in time")
        elif outcome is None or (isinstance(outcome, errors.TransportError) and self.deadline.left() <= 0):
            error = self.late()
        else:
            return outcome
        # The limit of a step may have been what was left of the call's: then the step's error names the wrong one.
        error.__cause__ = None if isinstance(outcome, errors.RequestTimeoutError) else outcome
        return error

    def late(self, reason: str = "") -> errors.RequestTimeoutError:
        limit = f"its timeout of {self.deadline.seconds} seconds"
        return errors.RequestTimeoutError(f"{self.operation.name} did not end within {limit}{reason}")

    def _request(self, runtime: ClientRuntime[Any], attempt: Attempt) -> httpx.Request:
        """Return the request to send. No step of sending it may take longer than what is left of the call's time."""
        within = self.deadline.within
        read = within(runtime.read_timeout)
        timeouts = {"connect": within(runtime.connect_timeout), "read": read, "write": read, "pool": within(None)}
        is_idempotent = self.operation.is_idempotent
        extensions = {"timeout": timeouts, DEADLINE: self.deadline, IDEMPOTENT: is_idempotent, ATTEMPT: attempt}
        # The body as a stream, since httpx looks through all headers again and again to prepare a request for content.
        return httpx.Request(
            "POST",
            runtime.url,
            headers=[("Host", runtime.host), *attempt.headers, ("Content-Length", str(len(attempt.body)))],
            stream=httpx.ByteStream(attempt.body),
            extensions=extensions,
        )

    def _report(
        self, runtime: ClientRuntime[Any], attempt: Attempt, outcome: Outcome, following: Following, seconds: float
    ) -> None:
        """Report an attempt: *outcome* is what came of the request, *following* what the call makes of that."""
        on_attempt = runtime.on_attempt
        if attempt.sent_at is None or (on_attempt is None and not LOGGER.isEnabledFor(logging.INFO)):
            return
        response = outcome if isinstance(outcome, Response) else None
        request_id = response.request_id if response else None
        if isinstance(following, Attempt):
            failure, pause = following.after, following.delay if following.delay < self.deadline.left() else None
        else:
            failure, pause = following, None
        code = None if failure is None else type(failure).__name__
        report = AttemptReport(
            operation_name=self.operation.name,
            attempt=attempt.number,
            host=runtime.host,
            http_status_code=response.status_code if response else None,
            error_code=errors.printable(failure.code) if isinstance(failure, errors.ServiceError) else code,
            request_id=request_id and errors.printable(request_id),
            seconds=seconds,
            pause=pause,
        )
        announce(report, on_attempt)


def closed() -> errors.ConnectionFailedError:
    error = errors.ConnectionFailedError("the client was closed")
    error.may_pass = False
    return error


def drive(call: Call[InputT, OutputT], runtime: ClientRuntime[httpx.BaseTransport]) -> OutputT:
    steps = call.steps(runtime)
    try:
        step = next(steps)
        while True:
            if isinstance(step, httpx.Request):
                step = steps.send(send(step, runtime))
            else:
                runtime.clock.sleep(step)
                step = next(steps)
    except StopIteration as end:
        output: OutputT = end.value
        return output
    except errors.CodePipelineError as error:
        raise error.with_traceback(None) from error.__cause__  # its frames hold the response
    finally:
        steps.close()


async def drive_async(call: Call[InputT, OutputT], runtime: ClientRuntime[httpx.AsyncBaseTransport]) -> OutputT:
    steps = call.steps(runtime)
    try:
        step = next(steps)
        while True:
            if isinstance(step, httpx.Request):
                sent = send_async(step, runtime)
                step = steps.send(
                    await (sent if runtime.keeps_deadline else runtime.clock.wait(sent, call.deadline.left()))
                )
            else:
                await runtime.clock.sleep_async(step)
                step = next(steps)
    except StopIteration as end:
        output: OutputT = end.value
        return output
    except errors.CodePipelineError as error:
        raise error.with_traceback(None) from error.__cause__  # its frames hold the response
    finally:
        steps.close()


# A failure is returned, not raised: raised again, it would keep the frames and the context of the first, and with
# them the signed headers.


def send(request: httpx.Request, runtime: ClientRuntime[httpx.BaseTransport]) -> Outcome:
    before = sys.exception()
    try:
        response = runtime.transport.handle_request(request)
        return _response(request, response, read_body(response, request), runtime)
    except errors.CodePipelineError as error:
        return error
    except FAILURES as error:
        return translated(error, runtime.host, before, proxy=runtime.proxy, attempt=request.extensions[ATTEMPT])


async def send_async(request: httpx.Request, runtime: ClientRuntime[httpx.AsyncBaseTransport]) -> Outcome:
    before = sys.exception()
    try:
        response = await runtime.transport.handle_async_request(request)
        return _response(request, response, await read_body_async(response), runtime)
    except errors.CodePipelineError as error:
        return error
    except FAILURES as error:
        return translated(error, runtime.host, before, proxy=runtime.proxy, attempt=request.extensions[ATTEMPT])


def _response(
    request: httpx.Request, response: httpx.Response, body: bytes, runtime: ClientRuntime[TransportT]
) -> Response:
    attempt: Attempt = request.extensions[ATTEMPT]
    response.headers.encoding = "latin-1"
    return Response(
        status_code=response.status_code,
        headers=dict(response.headers.items()),
        body=body[:4096] if len(body) > MAX_BODY else body,  # enough to say what it was
        is_whole=len(body) <= MAX_BODY,
        credentials=attempt.credentials,
        proxy_login=runtime.proxy_login,
        received=runtime.clock.time(),
    )
