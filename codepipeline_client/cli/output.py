"""
Results on stdout, everything else on stderr: how an execution looks, and how text is written.

What came from the service is escaped, so that it can neither move a cursor nor forge a line, and no line is a command
to a build server that reads the log. rich wraps text on a terminal, and is loaded for that only.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import IO, Final, TextIO

import attrs
import click

from .. import errors, models
from ..errors import printable
from ..models import PipelineExecution, PipelineExecutionStatus, PipelineExecutionSummary
from .exit_codes import PROGRAM

_NARROW: Final = 60
"""Columns below which a label gets a line of its own, so that an id still fits behind the margin."""
_UNKNOWN: Final = "(not given)"
_FAILURES: Final[tuple[tuple[type[errors.CodePipelineError], str], ...]] = (
    (errors.PipelineNotFoundException, "no such pipeline yet"),
    (errors.PipelineExecutionNotFoundException, "no such execution yet"),
    (errors.ConnectionFailedError, "no connection"),
    (errors.RequestTimeoutError, "no response in time"),
    (errors.ResponseDecodeError, "unreadable response"),
)
_COLOURS: Final = {"Succeeded": "green", "Failed": "red", "InProgress": "cyan"}

Row = tuple[str, Sequence[str]]
"""A label, and the lines beside it."""


@attrs.frozen
class Ending:
    """How an execution has ended, beside its status, by the names in JSON. None stands for what is not known."""

    failed_actions: tuple[models.FailedAction, ...] | None = ()
    duration_seconds: float | None = None


def as_json(execution: PipelineExecution, **more: object) -> str:
    """Return *execution* and *more* as one JSON object in one line of ASCII, see `PipelineExecution.to_dict`."""
    return json.dumps({"pipeline_execution": execution.to_dict(), **more})


def as_table(rows: Iterable[Row]) -> str:
    """Return the *rows* that have lines for stdout, with the labels in a column, or above on a narrow terminal."""
    shown = [(label, lines) for label, lines in rows if lines]
    is_narrow = (width(sys.stdout) or _NARROW) < _NARROW
    margin = 2 if is_narrow else max((len(label) for label, _ in shown), default=0) + 2
    text: list[str] = []
    for label, lines in shown:
        pieces = [piece for line in lines for piece in fitted(line, margin=margin)]
        first = [label] if is_narrow else [label.ljust(margin) + pieces.pop(0)]
        text += first + [" " * margin + piece for piece in pieces]
    return "\n".join(line.rstrip() for line in text)


def fitted(line: str, *, margin: int = 0, stream: TextIO | None = None) -> list[str]:
    """Return *line* in pieces that fit beside a *margin* on a terminal: that of *stream*, or of stdout for None."""
    columns = width(stream or sys.stdout)
    if columns is None or (line.isascii() and " " not in line.strip()):  # a URL must be copied whole
        return [line]
    from rich.console import Console
    from rich.text import Text

    pieces = Text(line).wrap(Console(), max(columns - margin, 2), overflow="fold")
    return [piece.plain.rstrip() for piece in pieces]


def fitted_line(line: str, status: PipelineExecutionStatus) -> str:
    """Return *line* for stdout, with its *status* in colour. What does not fit continues below, indented."""
    return with_coloured_status("\n  ".join(fitted(line, margin=2)), status)


def with_coloured_status(line: str, status: PipelineExecutionStatus) -> str:
    """Return *line* with the first word that is the *status* in its colour, which is dropped where none is wanted."""
    coloured = click.style(status.value, fg=status_colour(status)) if status.is_known else status.value
    return line.replace(status.value, coloured, 1)


def status_words(status: PipelineExecutionStatus) -> str:
    """Return *status* in words."""
    return status.value if status.is_known else f"{printable(status)} (newer than this release)"


def status_colour(status: PipelineExecutionStatus) -> str:
    """Return the name of the colour for *status*, for click and for rich. Empty for an unknown one."""
    return _COLOURS.get(status.value, "yellow" if status.is_known else "")


def short_id(revision_id: str) -> str:
    """Return a commit hash as people write it. Part of any other id means nothing, so only a very long one is cut."""
    if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", revision_id):
        return revision_id[:8]
    return revision_id if len(revision_id) <= 40 else revision_id[:37] + "..."


def first_line(text: str | None) -> str:
    """Return the first line that is not blank, escaped. Empty if all are blank."""
    return printable((text or "").strip().partition("\n")[0].rstrip())


def ending_rows(ending: Ending) -> Iterator[Row]:
    """Yield a row for each failed action, and one for the duration."""
    for each in ending.failed_actions or ():
        which = "  ".join(_escaped(each.stage_name, each.action_name))
        why = f"{each.error_code or ''} {each.error_message or ''}".splitlines()
        yield "Failed in", _escaped(which, *map(str.strip, why), each.url or each.log_stream_arn)
    yield "Duration", [] if ending.duration_seconds is None else [elapsed(ending.duration_seconds)]


def rows_of(execution: PipelineExecution, ending: Ending | None = None) -> Iterator[Row]:
    """Yield what there is to say about *execution*, and its *ending* if it has been asked for."""
    trigger, rollback = execution.trigger, execution.rollback_metadata
    *failed, duration = ending_rows(ending or Ending())
    yield "Pipeline", [printable(execution.pipeline_name)]
    yield "Execution", [printable(execution.pipeline_execution_id)]
    yield "Status", [with_coloured_status(status_words(execution.status), execution.status)]
    yield from failed
    yield "Summary", [*map(printable, (execution.status_summary or "").splitlines())]
    yield "Version", [] if execution.pipeline_version is None else [str(execution.pipeline_version)]
    yield "Mode", _escaped(execution.execution_mode)
    yield "Type", _escaped(execution.execution_type)
    if rollback is not None:
        yield "Rolls back to", _escaped(rollback.rollback_target_pipeline_execution_id) or [_UNKNOWN]
    if trigger is not None:
        yield "Trigger", _escaped(trigger.trigger_type, trigger.trigger_detail) or [_UNKNOWN]
    for revision in execution.artifact_revisions:
        parts = _escaped(revision.name, short_id(revision.revision_id or ""), first_line(revision.commit_message))
        yield "Revision", [*_escaped("  ".join(parts), revision.revision_url)] or [_UNKNOWN]
    for variable in execution.variables:
        name, value = variable.name, variable.resolved_value
        yield "Variable", [" = ".join(_UNKNOWN if part is None else printable(part) for part in (name, value))]
    yield "Console", _escaped(execution.console_url)
    yield duration


def summary_line(summary: PipelineExecutionSummary) -> str:
    """Return an execution in one line for stdout: id, status, start, trigger, revisions."""
    started = timestamp(summary.start_time.timestamp()) if summary.start_time else None
    trigger = summary.trigger.trigger_type if summary.trigger else None
    revisions = [short_id(each.revision_id or "") for each in summary.source_revisions]
    parts = [printable(summary.pipeline_execution_id), status_words(summary.status)]
    return fitted_line("  ".join([*parts, *_escaped(started, trigger, *revisions)]), summary.status)


def _escaped(*texts: str | None) -> list[str]:
    return [printable(text) for text in texts if text]


def change_line(execution: PipelineExecution, before: PipelineExecution | None, now: str, seconds: float | None) -> str:
    """Return the line about a change: when, which status, after how many *seconds*, and what else is new."""
    parts = [now, status_words(execution.status), "" if seconds is None else f"after {elapsed(seconds)}"]
    parts += [fact for fact in _facts(execution) if before is None or fact not in _facts(before)]
    if before is not None and execution.status == before.status and not any(parts[3:]):
        names = [field.name for field in attrs.fields(PipelineExecution)]
        changed = [name.replace("_", " ") for name in names if getattr(execution, name) != getattr(before, name)]
        parts.append(f"changed: {', '.join(changed)}")
    return "  ".join(part for part in parts if part)


def failure_words(failure: errors.CodePipelineError) -> str:
    """Return what a poll failed with, in a few words."""
    if isinstance(failure, errors.ServiceError) and failure.is_throttling:
        return "throttled"
    code = failure.code if isinstance(failure, errors.ServiceError) else type(failure).__name__
    return next((words for kind, words in _FAILURES if isinstance(failure, kind)), printable(code))


def revision_words(execution: PipelineExecution) -> str:
    """Return the first revision, and how many others there are, in one line. Empty for none."""
    if not execution.artifact_revisions:
        return ""
    first, *others = execution.artifact_revisions
    count = f"(+{len(others)})" if others else ""
    which = " ".join(_escaped(short_id(first.commit_id or first.revision_id or ""), count))
    return "  ".join(part for part in (which, first_line(first.commit_message)) if part)


def elapsed(seconds: float) -> str:
    """Return whole *seconds* as a clock shows them: ``0:07``, ``12:34``, ``1:02:03``, ``2d 1:02:03``."""
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    shown = f"{hours}:{minutes:02}:{rest:02}" if days or hours else f"{minutes}:{rest:02}"
    return f"{days}d {shown}" if days else shown


def remaining(seconds: float) -> str:
    """Return how long it will take, never less than it will: ``4 s``, ``2:00``."""
    whole = max(ceil(seconds), 0)
    return f"{whole} s" if whole < 60 else elapsed(whole)


def timestamp(time: float) -> str:
    """Return a time, in seconds since the epoch, in ISO 8601 and UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _facts(execution: PipelineExecution) -> list[str]:
    trigger = execution.trigger.trigger_type if execution.trigger else None
    return [first_line(execution.status_summary), revision_words(execution), *_escaped(trigger)]


def say(text: str) -> bool:
    """Write *text* to stdout, at once. Return False if nobody reads it any more, as with ``| head -1``."""
    try:
        _write(sys.stdout, text)
    except OSError as error:
        discard_output(sys.stdout)
        if error.errno in (errno.EPIPE, errno.EINVAL):  # no reader; the second is Windows'
            return False
        words = f"the output cannot be written: {error.strerror}; free some space, or write it elsewhere"
        raise errors.CodePipelineError(words) from error
    return True


def complain(message: str, hint: str = "") -> None:
    """Write *message* to stderr with the program's name in front, and *hint* on a line of its own."""
    for line in [f"{PROGRAM}: {message}", f"hint: {hint}"][: 2 if hint else 1]:
        explain("\n".join(fitted(printable(line), stream=sys.stderr)))


def explain(text: str) -> None:
    """Write *text* to stderr as it is."""
    try:
        _write(sys.stderr, text)
    except OSError:
        discard_output(sys.stderr)  # it cannot be reported anywhere


def width(stream: TextIO | None) -> int | None:
    """Return the columns of the terminal that *stream* is. None if it is not one."""
    if not is_terminal(stream):
        return None
    from rich.console import Console

    return Console(file=stream).width  # of stderr's terminal too, where stdout is a pipe


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether *stream* is a terminal. None, which is a closed one, is not."""
    return stream is not None and stream.isatty()


def without_commands(text: str) -> str:
    """
    Return *text* with what a build server would take for a command escaped, as JSON escapes the same character.

    GitHub reads ``::`` at the beginning of a line, others read ``##[``, ``##vso[`` and ``##teamcity[`` anywhere.
    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    https://learn.microsoft.com/en-us/azure/devops/pipelines/scripts/logging-commands
    """
    return re.sub(r"##(?=\w*\[)", r"#\\u0023", re.sub(r"(?m)^( *):(?=:)", r"\1\\u003a", text))


def discard_output(stream: IO[str]) -> None:
    """Discard what *stream* has buffered and what it gets: Python would write it at exit, and report the error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is not None:
        # https://no-color.org and https://force-color.org
        is_wanted = os.environ.get("FORCE_COLOR") or (stream.isatty() and os.environ.get("TERM") != "dumb")
        has_colours = bool(is_wanted and not os.environ.get("NO_COLOR"))
        # The stream is named: click's own choice writes UTF-8 to one that asks for ASCII.
        click.echo(without_commands(text), file=stream, color=has_colours)
