"""Report attempts to `on_attempt` and to the log. A report never contains a header, a body or credentials."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from attrs import frozen

LOGGER: Final = logging.getLogger("codepipeline_client")


@frozen(kw_only=True)
class AttemptReport:
    """The result of one attempt of a call. `on_attempt` is called with one after each attempt."""

    operation_name: str
    """The operation, such as ``GetPipelineExecution``."""
    attempt: int
    """The number of the attempt within the call, from 1."""
    host: str
    """The endpoint's host, with the port, unless it is the scheme's default."""
    http_status_code: int | None
    """The HTTP status of the response. None without a response."""
    error_code: str | None
    """
    The service's error code, or the name of the error class for other errors. None on success.

    Control characters are escaped here and in `request_id`, so that a response cannot forge a log line.
    """
    request_id: str | None
    """The service's id for the request. None without a response, or if the response has no id."""
    seconds: float
    """The seconds that the attempt took, without the pause before it."""
    pause: float | None
    """
    The seconds until the next attempt. None if this attempt was the last.

    0 if expired credentials are refreshed first: if the provider has no others, the call ends without another attempt.
    """


OnAttempt = Callable[[AttemptReport], object]
"""A function that is called after each attempt, in the thread or the task of the call. It must not block."""


def announce(report: AttemptReport, on_attempt: OnAttempt | None) -> None:
    """Log a report, and pass it to *on_attempt*. An error in *on_attempt* is logged."""
    status = report.http_status_code or "no response,"
    result = report.error_code or "ok"
    if result == str(status):  # the code of an error that has none is its status
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
