"""
Follow an execution until it has ended: show the progress on stderr, and handle signals.

How often the service is called is the client's business, and what is drawn on a terminal is in `live`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from ..client import CodePipelineClient
from ..clock import Clock
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference, PollConfig, PollReport
from . import output
from .exit_codes import ExitCode, of_status

if TYPE_CHECKING:
    from .live import LiveView

_NO_CURSOR: Final = ("dumb", "unknown")
"""What TERM is for a terminal that cannot be drawn on."""
_HEARTBEAT: Final = 60.0
"""Seconds after which a line says that nothing has changed: some build servers end a command that is silent."""
_STOP_SIGNALS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
"""The last is Ctrl-Break, and Windows' own."""


def wait_for_end(
    client: CodePipelineClient, reference: PipelineExecutionReference, pace: PollConfig, clock: Clock
) -> PipelineExecution:
    """Return the execution when it has ended, and show its progress on stderr until then."""
    with _progress_on_stderr(reference, clock, has_changes=True) as progress:
        return client.wait_for_pipeline_execution(**_arguments(reference, pace), on_poll=progress.polled)


def watch_to_end(
    client: CodePipelineClient, reference: PipelineExecutionReference, pace: PollConfig, clock: Clock, *, in_json: bool
) -> ExitCode:
    """
    Write each change to stdout as it comes, until the execution has ended or nobody reads any more.

    The exit code is for what was seen last.
    """
    began = clock.monotonic()
    code, before = ExitCode.NOT_TERMINAL, None
    with _progress_on_stderr(reference, clock, has_changes=False) as progress:
        for execution in client.watch_pipeline_execution(**_arguments(reference, pace), on_poll=progress.polled):
            code = of_status(execution.status)
            line = output.change_line(execution, before, now=clock.time(), seconds=clock.monotonic() - began)
            pieces = output.fitted(line, margin=2)
            text = output.with_coloured_status("\n  ".join(pieces), execution.status, sys.stdout)
            before = execution
            with progress.paused():
                is_read = output.say(output.as_json(execution) if in_json else text)
            if not is_read:
                break
    return code


def _arguments(reference: PipelineExecutionReference, pace: PollConfig) -> dict[str, Any]:
    """Return the arguments that both methods of the client have, which are of several types."""
    return {
        "pipeline_name": reference.pipeline_name,
        "pipeline_execution_id": reference.pipeline_execution_id,
        "timeout": pace.timeout,
        "poll_interval": pace.poll_interval,
        "max_poll_interval": pace.max_poll_interval,
        "not_found_grace": pace.not_found_grace,
    }


@contextmanager
def _progress_on_stderr(
    reference: PipelineExecutionReference, clock: Clock, *, has_changes: bool
) -> Generator[ProgressLines | LiveView]:
    """
    Show the progress of a wait in the way that suits stderr: drawn on a terminal, else in lines.

    With *has_changes* False the changes go to stdout. Then nothing is drawn if stdout is a pipe, since its reader may
    write to the same terminal at any time.
    """
    can_draw = os.environ.get("CI", "").lower() in ("", "0", "false") and os.environ.get("TERM") not in _NO_CURSOR
    if not (can_draw and output.is_terminal(sys.stderr) and (has_changes or output.is_terminal(sys.stdout))):
        try:
            yield ProgressLines(clock, has_changes=has_changes)
        except KeyboardInterrupt:
            if output.is_terminal(sys.stderr):
                output.explain("")  # the terminal has written ^C into this line
            raise
        return
    from .live import LiveView

    with closing(LiveView(reference, clock, sys.stderr)) as view, _suspended_within(view.paused):
        yield view
    if has_changes and view.last is not None and view.last.execution is not None:
        status = view.last.execution.status
        line = f"{output.timestamp(clock.time())}  {status.value}  after {output.elapsed(view.last.seconds)}"
        output.explain(output.with_coloured_status(line, status, sys.stderr))


class ProgressLines:
    """Progress for a log: a line for each change and each kind of failure, and one a minute while nothing changes."""

    def __init__(self, clock: Clock, *, has_changes: bool) -> None:
        self._clock = clock
        self._has_changes = has_changes
        self._seen: PipelineExecution | None = None
        self._failure = ""
        self._written_at = 0.0

    def polled(self, report: PollReport) -> None:
        """Write a line, if there is something new or nothing has been written for a minute."""
        if report.execution is not None:
            self._saw(report.execution, report.seconds)
        if report.pause is None:  # what a wait ends with is written by its caller
            return
        if report.failure is not None and (words := output.failure_words(report.failure)) != self._failure:
            self._failure = words
            self._write(f"{words}, asking again in {output.remaining(report.pause)}", report.seconds)
        if report.seconds - self._written_at >= _HEARTBEAT:
            self._write(f"{f'still {self._failure}'.strip()}, after {output.elapsed(report.seconds)}", report.seconds)

    def paused(self) -> AbstractContextManager[None]:
        """Do nothing: nothing is drawn."""
        return nullcontext()

    def _saw(self, execution: PipelineExecution, seconds: float) -> None:
        before, self._seen = self._seen, execution
        self._failure = ""
        if execution != before:
            if self._has_changes:
                line = output.change_line(execution, before, now=self._clock.time(), seconds=seconds)
                output.explain(output.with_coloured_status(line, execution.status, sys.stderr))
            self._written_at = seconds

    def _write(self, words: str, seconds: float) -> None:
        status = output.status_words(self._seen.status) if self._seen else "not seen yet"
        output.explain(f"{output.timestamp(self._clock.time())}  {status}  {words}")
        self._written_at = seconds


@contextmanager
def interruptible(reference: PipelineExecutionReference) -> Generator[None]:
    """Exit with the code for a signal that comes within this, and say that the execution itself goes on."""
    with stop_signals_raise() as received:
        try:
            yield
        except KeyboardInterrupt:
            which = f"execution {reference.pipeline_execution_id} of pipeline {reference.pipeline_name}"
            output.complain(f"no longer following {which}: the execution itself goes on")
            code = ExitCode.TERMINATED if received == [signal.SIGTERM] else ExitCode.INTERRUPTED
            raise click.exceptions.Exit(code) from None


@contextmanager
def stop_signals_raise() -> Generator[list[int]]:
    """
    Within this, Ctrl-C and SIGTERM raise KeyboardInterrupt. Yield a list that gets the number of the signal.

    Only the first raises, so that a second Ctrl-C does not interrupt the cleanup. A signal that is ignored, as by a
    shell for background jobs, stays ignored.
    """
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if not received:
            received.append(number)
            raise KeyboardInterrupt

    with ExitStack() as restored:
        for each in _STOP_SIGNALS:
            before = signal.getsignal(each)
            if before not in (signal.SIG_IGN, None):  # None: not set from Python, so it cannot be set back
                signal.signal(each, stop)
                restored.callback(signal.signal, each, before)
        yield received


@contextmanager
def _suspended_within(paused: Callable[[], AbstractContextManager[None]]) -> Generator[None]:
    """Within this, Ctrl-Z suspends the process within *paused*. Windows has no such signal."""
    if not hasattr(signal, "SIGTSTP"):
        yield
        return

    def suspend(_number: int, _frame: FrameType | None) -> None:
        with paused():
            os.kill(os.getpid(), signal.SIGSTOP)

    before = signal.signal(signal.SIGTSTP, suspend)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
