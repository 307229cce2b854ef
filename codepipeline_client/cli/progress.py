"""
Follow an execution until its status is terminal: show the progress on stderr, and handle signals.

The client decides how often to poll. The view on a terminal is in `live`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

import click

from ..client import CodePipelineClient
from ..clock import Clock
from ..errors import CodePipelineError
from ..models import PipelineExecution, PipelineExecutionStatus
from ..models.executions import json_members
from ..waiting import PollReport
from . import output
from .exit_codes import ExitCode, of_error, of_status

if TYPE_CHECKING:
    from ..models import FailedAction
    from .live import LiveView

_HEARTBEAT: Final = 60.0
"""Seconds after which a line says that nothing has changed: some build servers end a command that is silent."""
_BRIEFLY: Final = 5.0
"""Seconds for each request about how an execution has ended, since the main result is known then."""


class FollowingClient(CodePipelineClient):
    """A client that also says which clock it has, and when it may prompt on the terminal."""

    @property
    def clock(self) -> Clock:
        """The clock that it was given."""
        return self._clock

    def may_prompt(self) -> bool:
        """Return whether credentials must be fetched, which may prompt for an MFA code."""
        return self._credentials.fresh() is None


def wait(client: FollowingClient, *, in_json: bool, ok: Sequence[str], **arguments: Any) -> ExitCode:
    """
    Wait until an execution of a pipeline has finished, and show it.

    NAME is the name of the pipeline, and ID the id of the execution: the latest one by default.
    The exit code is 0 only when the execution Succeeded, or has a status that --ok names.
    Temporary failures such as throttling or lost connections do not stop the wait.
    A DURATION is in seconds, or 90s, 30m, 2h, 7d, 1h30m. An approval may hold an execution for 7d.

    Progress goes to stderr: live on a terminal, otherwise a line for each change, and one a minute in between. The
    result goes to stdout, as with get, with the duration, and with the failed actions if it Failed: these need the
    permissions codepipeline:ListPipelineExecutions and codepipeline:ListActionExecutions. The JSON has failed_actions
    and duration_seconds instead of response_metadata. Ctrl-C ends only the wait.
    """
    with _interruptible(arguments):
        with progress_on_stderr(client, has_changes=True) as progress:
            execution = client.wait_for_pipeline_execution(**arguments, on_poll=progress.polled)
        ending = _ending_of(client, execution)
    rows = output.rows_of(execution, ending)
    output.say(output.as_json(execution, **json_members(ending)) if in_json else output.as_table(rows))
    return of_status(execution.status, ok)


def _ending_of(client: FollowingClient, execution: PipelineExecution) -> output.Ending:
    """Return how *execution* has ended. What cannot be had is None, and so is what an interrupt cuts short."""
    failed: tuple[FailedAction, ...] | None = ()
    seconds: float | None = None
    with suppress(KeyboardInterrupt):  # the execution has ended, and its status is the result
        if execution.status == PipelineExecutionStatus.FAILED:
            failed = None
            try:
                failed = client.failed_actions(execution, timeout=_BRIEFLY)
            except CodePipelineError as error:
                code, message, advice = of_error(error)
                output.complain(f"which action failed is not known: {advice if code == ExitCode.DENIED else message}")
        with suppress(CodePipelineError):
            page = client.list_pipeline_executions(pipeline_name=execution.pipeline_name, timeout=_BRIEFLY)
            for each in page.pipeline_execution_summaries:
                is_same = each.pipeline_execution_id == execution.pipeline_execution_id
                if is_same and each.status == execution.status and each.start_time and each.last_update_time:
                    seconds = (each.last_update_time - each.start_time).total_seconds()
    return output.Ending(failed, seconds)


def watch(client: FollowingClient, *, in_json: bool, ok: Sequence[str], **arguments: Any) -> ExitCode:
    """
    Show each change of an execution of a pipeline until it has finished.

    Like wait, but each change goes to stdout at once: as a line of text, or with --output json as the
    whole execution on one line. The failed actions and the duration follow the last change, and are in its JSON.
    Stops early when nothing reads stdout any more.
    """
    began = client.clock.monotonic()
    before: PipelineExecution | None = None
    with _interruptible(arguments), progress_on_stderr(client, has_changes=False) as progress:
        for execution in client.watch_pipeline_execution(**arguments, on_poll=progress.polled):
            seconds = client.clock.monotonic() - began if before else None
            line = output.change_line(execution, before, output.timestamp(client.clock.time()), seconds)
            before = execution
            with progress.paused():
                ending = json_members(_ending_of(client, execution)) if in_json and execution.status.is_terminal else {}
                text = output.as_json(execution, **ending) if in_json else output.fitted_line(line, execution.status)
                if not output.say(text):
                    break
                if execution.status.is_terminal and not in_json:
                    for row in output.as_table(output.ending_rows(_ending_of(client, execution))).splitlines():
                        output.say(row)
    return of_status(before.status, ok) if before else ExitCode.NOT_TERMINAL


@contextmanager
def progress_on_stderr(client: FollowingClient, *, has_changes: bool) -> Generator[ProgressLines | LiveView]:
    """Show the progress of a wait: drawn on a terminal, else in lines. Without *has_changes*, changes are on stdout."""
    is_server = os.environ.get("CI", "").lower() not in ("", "0", "false")
    can_draw = output.is_terminal(sys.stderr) and os.environ.get("TERM") not in ("dumb", "unknown")
    is_piped = not has_changes and not output.is_terminal(sys.stdout)  # its reader may write to the terminal
    if is_server or is_piped or not can_draw:
        try:
            yield ProgressLines(client.clock, has_changes=has_changes)
        except KeyboardInterrupt:
            if output.is_terminal(sys.stderr):
                output.explain("")  # the terminal has written ^C into this line
            raise
        return
    from .live import LiveView

    def suspend(_number: int, _frame: object) -> None:
        with view.paused():
            os.kill(os.getpid(), signal.SIGSTOP)

    with closing(LiveView(client)) as view, _handled(suspend, "SIGTSTP"):
        yield view
    if has_changes and view.seen is not None:
        line = f"{output.timestamp(client.clock.time())}  {view.seen.status}  after {output.elapsed(view.last.seconds)}"
        output.explain(output.with_coloured_status(line, view.seen.status))


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
        now, seen, failure_before = output.timestamp(self._clock.time()), self._seen, self._failure
        self._seen = report.execution or seen
        self._failure = "" if report.failure is None else output.failure_words(report.failure)
        if self._seen is not None and self._seen != seen:
            self._written_at = report.seconds
            if self._has_changes:
                seconds = report.seconds if seen or report.pause is None else None  # the last line always has it
                line = output.change_line(self._seen, seen, now, seconds)
                output.explain(output.with_coloured_status(line, self._seen.status))
        if report.pause is None:  # the caller writes the result
            return
        if self._failure not in ("", failure_before):
            words = f"{self._failure}, retrying in {output.remaining(report.pause)}"
        elif report.seconds - self._written_at >= _HEARTBEAT:
            words = f"still {self._failure}" if self._failure else "no change"
            words = f"{words}, after {output.elapsed(report.seconds)}"
        else:
            return
        status = output.status_words(self._seen.status) if self._seen else "not seen yet"
        output.explain(f"{now}  {status}  {words}")
        self._written_at = report.seconds

    paused = nullcontext
    """Nothing is drawn, so there is nothing to clear."""


@contextmanager
def _interruptible(arguments: Mapping[str, Any]) -> Generator[None]:
    """Exit with the code for a signal that comes within this, and say that the execution itself continues."""
    with stop_signals_raise():
        try:
            yield
        except KeyboardInterrupt as interrupt:
            which = f"execution {arguments['pipeline_execution_id']} of pipeline {arguments['pipeline_name']}"
            output.complain(f"no longer following {which}: the execution itself continues")
            code = ExitCode.TERMINATED if interrupt.args == (signal.SIGTERM,) else ExitCode.INTERRUPTED
            raise click.exceptions.Exit(code) from None


def stop_signals_raise() -> AbstractContextManager[None]:
    """Within this, Ctrl-C and SIGTERM raise KeyboardInterrupt with the number of the signal."""
    received: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if not received:  # a second Ctrl-C does not interrupt the cleanup
            received.append(number)
            raise KeyboardInterrupt(number)

    return _handled(stop, "SIGINT", "SIGTERM", "SIGBREAK")  # the last is Ctrl-Break, and Windows' own


@contextmanager
def _handled(handler: Callable[[int, object], None], *names: str) -> Generator[None]:
    """Within this, signals call *handler*. One that is ignored stays so: shells ignore Ctrl-C in background jobs."""
    with ExitStack() as restored:
        for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
            before = signal.getsignal(number)
            if before not in (signal.SIG_IGN, None):  # None: not set from Python, so it cannot be set back
                signal.signal(number, handler)
                restored.callback(signal.signal, number, before)
        yield
