"""
How an execution shows itself in a notebook: a small table of HTML.

Texts go in escaped and links only where they are safe to open. It brings no script, no image and no style sheet, and
its few colours can be read on white as on black.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING, Final

from ._open_enums import PipelineExecutionStatus
from ._refusals import in_brief
from .errors import printable

if TYPE_CHECKING:
    from .models import ArtifactRevision, PipelineExecution

_SHORT_HASH: Final = 8
_AS_IT_IS: Final = "tex2jax_ignore mathjax_ignore"
"""What keeps a notebook from reading dollar signs as mathematics."""
_GOOD, _BAD, _MIXED, _GOING = "#198754", "#dc3545", "#a56a00", "#0b7bb5"
COLOURS: Final[Mapping[PipelineExecutionStatus, str]] = {
    PipelineExecutionStatus.SUCCEEDED: _GOOD,
    PipelineExecutionStatus.FAILED: _BAD,
    PipelineExecutionStatus.STOPPED: _MIXED,
    PipelineExecutionStatus.STOPPING: _MIXED,
    PipelineExecutionStatus.CANCELLED: _MIXED,
    PipelineExecutionStatus.SUPERSEDED: _MIXED,
    PipelineExecutionStatus.IN_PROGRESS: _GOING,
}
"""A status that is not listed has the text's own."""


def table(execution: PipelineExecution) -> str:
    """Return the table. What the service did not say has no row."""
    left = 'style="text-align:left;vertical-align:top"'
    rows = [
        f'<tr><th scope="row" {left}>{escape(label)}</th><td {left}>{cell}</td></tr>'
        for label, cell in _rows(execution)
        if cell
    ]
    return f'<table class="{_AS_IT_IS}"><tbody>{"".join(rows)}</tbody></table>'


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
    return escape(printable(in_brief(text or "")))
