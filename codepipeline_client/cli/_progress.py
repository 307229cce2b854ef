"""
What is seen of a wait while it lasts: plain lines, or on a terminal a view that changes.

Everything here goes to stderr; results are not its business. The view itself is in `_live`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Protocol

from .._clock import Clock
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference, PollReport
from ._durations import span, stamp
from ._live import Live
from ._news import and_again, news, trouble
from ._terminal import canvas, explain, is_terminal
from ._view import coloured, hanging, status_words

_HEARTBEAT: Final = 60.0
"""Seconds after which a plain line says that there is nothing new: some build servers end what is silent."""


class Progress(Protocol):
    """Who is told of each poll, and shows it."""

    def polled(self, report: PollReport) -> None:
        """Take note of a poll."""
        ...

    def aside(self) -> AbstractContextManager[None]:
        """Keep off the screen meanwhile: something else is written."""
        ...


@contextmanager
def shown(reference: PipelineExecutionReference, clock: Clock, *, tells_changes: bool) -> Generator[Progress]:
    """
    Show how a wait goes on, in the way that suits stderr.

    With *tells_changes* False the changes are written to stdout by someone else. Then there is a view only where
    nobody who reads stdout could write to the same screen.
    """
    stream = canvas(beside_stdout=not tells_changes)
    if stream is None:
        with _line_of_its_own():
            yield Lines(reference, clock, tells_changes=tells_changes)
        return
    with Live(reference, clock, stream) as live:
        yield live


def change(
    execution: PipelineExecution,
    before: PipelineExecution | None,
    *,
    now: float,
    seconds: float,
    width: int | None = None,
) -> str:
    """Return the line that tells of a change: when, which status, after how long, and what else is new."""
    after = "" if before is None else f"after {span(seconds)}"
    parts = (stamp(now), status_words(execution.status), after, news(execution, before))
    line = hanging("  ".join(part for part in parts if part), width=width)
    return line.replace(status_words(execution.status), coloured(execution.status), 1)


class Lines:
    """Progress for a log: a line for each change and for each kind of failure, and now and then one without news."""

    def __init__(self, reference: PipelineExecutionReference, clock: Clock, *, tells_changes: bool) -> None:
        self._reference = reference
        self._clock = clock
        self._tells_changes = tells_changes
        self._seen: PipelineExecution | None = None
        self._trouble = ""
        self._told_at = 0.0

    def polled(self, report: PollReport) -> None:
        """Write a line, if there is something to tell."""
        if report.execution is not None:
            self._saw(report.execution, report.seconds)
        if report.pause is None:  # what a wait ends with is told by who waited
            return
        if report.failure is not None:
            self._failed(trouble(report.failure), report.pause, report.seconds)
        if report.seconds - self._told_at >= _HEARTBEAT:
            self._tell(f"{f'still {self._trouble}'.strip()}, after {span(report.seconds)}", report.seconds)

    def aside(self) -> AbstractContextManager[None]:
        """Do nothing: a line that is written is not in the way."""
        return nullcontext()

    def _saw(self, execution: PipelineExecution, seconds: float) -> None:
        before, self._seen = self._seen, execution
        self._trouble = ""
        if execution != before:
            if self._tells_changes:
                explain(change(execution, before, now=self._clock.time(), seconds=seconds))
            self._told_at = seconds

    def _failed(self, words: str, pause: float, seconds: float) -> None:
        if words != self._trouble:
            self._trouble = words
            self._tell(words + and_again(pause)[0], seconds)

    def _tell(self, words: str, seconds: float) -> None:
        status = status_words(self._seen.status) if self._seen else "not seen yet"
        explain(f"{stamp(self._clock.time())}  {status}  {words}")
        self._told_at = seconds


@contextmanager
def _line_of_its_own() -> Generator[None]:
    """After Ctrl-C begin a new line: a terminal has written ^C at the beginning of this one."""
    try:
        yield
    except KeyboardInterrupt:
        if is_terminal():
            explain("")
        raise
