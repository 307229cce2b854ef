"""
Report attempts to `on_attempt` and to the log: facts about them, never a header, a body or credentials.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from attrs import frozen

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
    """The response's HTTP status. None when no response came."""
    error_code: str | None
    """
    The service's error code, or the name of the error class when it was not the service. None when it went well.

    Control characters are escaped here and in `request_id`, so that no response can forge a line in a log.
    """
    request_id: str | None
    """The service's id for the request. None when no response came, or when it had none."""
    seconds: float
    """How long the attempt took, without the pause before it."""
    pause: float | None
    """
    How long the call pauses now before its next attempt, in seconds. None when this attempt was the last.

    0 when expired credentials are refreshed first: if there are no others, the call ends without another attempt.
    """


OnAttempt = Callable[[AttemptReport], object]
"""Called with the report of each attempt, in the thread or the task of the call. It must not block."""


def announce(report: AttemptReport, on_attempt: OnAttempt | None) -> None:
    """Log a report, and pass it on. An error of *on_attempt* is logged."""
    status = report.http_status_code or "no response,"
    result = report.error_code or "ok"
    if result == str(status):  # an error without a code has its status in the place of one
        result = "without a code"
    where = (report.operation_name, report.attempt, report.host)
    facts = (*where, status, result, report.request_id or "none", round(report.seconds * 1000))
    LOGGER.debug("%s attempt %d to %s: %s %s, request id %s, %d ms", *facts)
    if report.pause is not None:
        LOGGER.info("%s attempt %d to %s: %s %s, request id %s, %d ms: retrying in %.2f s", *facts, report.pause)
    if on_attempt is not None:
        try:
            on_attempt(report)
        except Exception:
            LOGGER.warning("on_attempt raised an error", exc_info=True)
