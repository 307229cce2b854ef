"""
How an execution looks: lines for a person, or an object for a program.

Values in, text out: no stream and no terminal. What came from the service is escaped before it is shown, so that a
commit message cannot move the cursor, colour the screen or forge a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Final

import attrs
import click

from ..errors import printable
from ..models import ArtifactRevision, ExecutionTrigger, PipelineExecution, PipelineExecutionStatus, ResponseMetadata
from ._columns import wrapped

_NARROW: Final = 60
"""Columns below which a label gets a line of its own, so that an id still fits behind the margin."""
_GAP: Final = 2
_ID: Final = 40
"""Characters of a revision's id that are shown at most, unless it is a commit hash."""

_COLOURS: Final[Mapping[PipelineExecutionStatus, str]] = {
    PipelineExecutionStatus.SUCCEEDED: "green",
    PipelineExecutionStatus.FAILED: "red",
    PipelineExecutionStatus.IN_PROGRESS: "cyan",
    PipelineExecutionStatus.STOPPING: "yellow",
    PipelineExecutionStatus.STOPPED: "yellow",
    PipelineExecutionStatus.CANCELLED: "yellow",
    PipelineExecutionStatus.SUPERSEDED: "yellow",
}


@attrs.frozen
class Row:
    """A label, and what stands behind it in one line or several."""

    label: str
    lines: tuple[str, ...]


def as_rows(execution: PipelineExecution) -> list[Row]:
    """Return what there is to say about *execution*, the status in colour. What is absent has no row."""
    return [Row(label, lines) for label, lines in _said(execution)]


def as_json(execution: PipelineExecution, metadata: ResponseMetadata | None = None) -> str:
    """
    Return *execution* as one JSON object in one line of ASCII, with the names that it has in Python.

    ``pipeline_execution`` is whole: an absent member is null, a list is a list, ``created`` is ISO 8601 in UTC. It has
    ``console_url`` too, which is no field in Python.
    ``response_metadata`` has ``request_id``, ``http_status_code`` and ``attempts``, and is absent without *metadata*.
    """
    members = attrs.asdict(execution, value_serializer=_plain) | {"console_url": execution.console_url}
    shown: dict[str, object] = {"pipeline_execution": members}
    if metadata is not None:
        shown["response_metadata"] = {
            "request_id": metadata.request_id,
            "http_status_code": metadata.http_status_code,
            "attempts": metadata.attempts,
        }
    return json.dumps(shown)


def laid_out(rows: Sequence[Row], *, width: int | None) -> str:
    """
    Return *rows* aligned, and wrapped between words to *width* columns. None for as long as a line may be.

    A long word such as a URL stays whole: the terminal breaks it where it likes, and it can still be copied.
    """
    narrow = width is not None and width < _NARROW
    column = _GAP if narrow else max(len(row.label) for row in rows) + _GAP
    text: list[str] = []
    for row in rows:
        pieces = [piece for line in row.lines for piece in wrapped(line, width=width and width - column)]
        if narrow:
            text.append(row.label)
        margins = chain(["" if narrow else row.label], repeat(""))
        text += [f"{margin:<{column}}{piece}".rstrip() for margin, piece in zip(margins, pieces, strict=False)]
    return "\n".join(text)


def short_id(revision_id: str) -> str:
    """Return a commit hash as people write it. Part of any other id means nothing, so only a very long one is cut."""
    if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", revision_id):
        return revision_id[:8]
    return revision_id if len(revision_id) <= _ID else revision_id[: _ID - 3] + "..."


def status_words(status: PipelineExecutionStatus) -> str:
    """Return *status* in words, without its colour."""
    return status.value if status.is_known else f"{printable(status)} (newer than this release)"


def status_colour(status: PipelineExecutionStatus) -> str | None:
    """Return the name of the colour for *status*, one of those that every terminal has. None for an unlisted one."""
    return _COLOURS.get(status)


def coloured(status: PipelineExecutionStatus) -> str:
    """Return *status* in words, and in its colour."""
    colour = status_colour(status)
    return click.style(status_words(status), fg=colour) if colour else status_words(status)


def hanging(line: str, *, width: int | None) -> str:
    """Return *line* wrapped between words to *width* columns, where each further line has a margin."""
    return f"\n{'':{_GAP}}".join(wrapped(line, width=width and width - _GAP))


def first_line(text: str | None) -> str:
    """Return the first line that has something in it, escaped. Empty where there is none."""
    return printable((text or "").strip().partition("\n")[0].rstrip())


def _said(execution: PipelineExecution) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "Pipeline", (printable(execution.pipeline_name),)
    yield "Execution", (printable(execution.pipeline_execution_id),)
    yield "Status", (coloured(execution.status),)
    if execution.status_summary:
        yield "Summary", tuple(map(printable, execution.status_summary.splitlines()))
    if execution.pipeline_version is not None:
        yield "Version", (str(execution.pipeline_version),)
    if execution.execution_mode is not None:
        yield "Mode", (printable(execution.execution_mode),)
    if execution.execution_type is not None:
        yield "Type", (printable(execution.execution_type),)
    if execution.rollback_metadata is not None:
        target = execution.rollback_metadata.rollback_target_pipeline_execution_id
        yield "Rolls back to", (_or_unknown(target),)
    if execution.trigger is not None:
        yield "Trigger", _trigger(execution.trigger)
    for revision in execution.artifact_revisions:
        yield "Revision", _revision(revision)
    for variable in execution.variables:
        yield "Variable", (f"{_or_unknown(variable.name)} = {_or_unknown(variable.resolved_value)}",)
    if execution.console_url is not None:
        yield "Console", (printable(execution.console_url),)


def _trigger(trigger: ExecutionTrigger) -> tuple[str, ...]:
    return tuple(printable(part) for part in (trigger.trigger_type, trigger.trigger_detail) if part) or _UNKNOWN


def _revision(revision: ArtifactRevision) -> tuple[str, ...]:
    parts = (printable(revision.name or ""), printable(short_id(revision.revision_id or "")))
    line = "  ".join(part for part in (*parts, first_line(revision.commit_message)) if part)
    return tuple(part for part in (line, printable(revision.revision_url or "")) if part) or _UNKNOWN


def _or_unknown(text: str | None) -> str:
    return "(not given)" if text is None else printable(text)


_UNKNOWN: Final = (_or_unknown(None),)


def _plain(_instance: object, _field: object, value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
