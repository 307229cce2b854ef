"""
Write the HTML table that a notebook shows for an execution.

Texts are escaped, and only safe URLs become links. There is no script, image or style sheet, and the colours can be
read on light and dark backgrounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Final

from ..errors import printable, shorten
from .enums import PipelineExecutionStatus

if TYPE_CHECKING:
    from .executions import ArtifactRevision, PipelineExecution

_SHORT_HASH: Final = 8
_NO_MATH: Final = "tex2jax_ignore mathjax_ignore"
"""Classes that keep a notebook from reading dollar signs as mathematics."""
_GREEN, _RED, _YELLOW, _BLUE = "#198754", "#dc3545", "#a56a00", "#0b7bb5"
COLOURS: Final[Mapping[PipelineExecutionStatus, str]] = {
    PipelineExecutionStatus.SUCCEEDED: _GREEN,
    PipelineExecutionStatus.FAILED: _RED,
    PipelineExecutionStatus.STOPPED: _YELLOW,
    PipelineExecutionStatus.STOPPING: _YELLOW,
    PipelineExecutionStatus.CANCELLED: _YELLOW,
    PipelineExecutionStatus.SUPERSEDED: _YELLOW,
    PipelineExecutionStatus.IN_PROGRESS: _BLUE,
}
"""A status that is not listed has the colour of the text."""


def table(execution: PipelineExecution) -> str:
    """Return the table. What is None or empty has no row."""
    left = 'style="text-align:left;vertical-align:top"'
    rows = [
        f'<tr><th scope="row" {left}>{escape(label)}</th><td {left}>{cell}</td></tr>'
        for label, cell in _rows(execution)
        if cell
    ]
    return f'<table class="{_NO_MATH}"><tbody>{"".join(rows)}</tbody></table>'


def _rows(execution: PipelineExecution) -> Iterator[tuple[str, str]]:
    """Yield each row's label, and its cell as HTML."""
    yield "Pipeline", _text(execution.pipeline_name)
    yield "Execution", _text(execution.pipeline_execution_id)
    yield "Status", _status(execution.status)
    yield "Summary", _text(execution.status_summary)
    if execution.trigger is not None:
        yield "Trigger", _joined(_text(execution.trigger.trigger_type), _text(execution.trigger.trigger_detail))
    for revision in execution.artifact_revisions:
        yield "Revision", _revision(revision)
    for variable in execution.variables:
        yield "Variable", _joined(_text(variable.name), "=", _text(variable.resolved_value))
    yield "Console", _link(execution.console_url)


def _status(status: PipelineExecutionStatus) -> str:
    colour = COLOURS.get(status, "inherit")
    return f'<strong style="color:{colour}">{_text(status)}</strong>'


def _revision(revision: ArtifactRevision) -> str:
    commit = revision.commit_id
    subject = (revision.commit_message or "").partition("\n")[0]
    identity = _text(revision.revision_id if commit is None else commit[:_SHORT_HASH])
    return _joined(_text(revision.name), _link(revision.commit_url, identity), _text(subject))


def _link(url: str | None, cell: str = "") -> str:
    if url is None:
        return cell
    style = "color:inherit;text-decoration:underline"
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer" style="{style}">{cell or "Open"}</a>'


def _joined(*cells: str) -> str:
    return " ".join(cell for cell in cells if cell)


def _text(text: str | None) -> str:
    return escape(printable(shorten(text or "")))
