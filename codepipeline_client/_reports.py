"""
What others may see of a call while it goes on: a line in the log, and a report for code.

Tells facts about attempts; never a header, a body or a key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from attrs import frozen

from ._protocol.messages import Attempt, Response
from .errors import CodePipelineError, ServiceError, printable

LOGGER: Final = logging.getLogger("codepipeline_client")


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
"""A function that is told of each attempt. It is called in the thread or the task of the call, and must not block."""


class Watch(NamedTuple):
    """Who is told of the attempts of one client."""

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
