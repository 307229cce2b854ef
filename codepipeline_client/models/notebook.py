"""
Write the HTML table that a notebook shows for an execution.

Texts are escaped, and only safe URLs become links. There is no script, image or style sheet, and the colours can be
read on light and dark backgrounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Final

from ..errors import printable, shorten
from .enums import PipelineExecutionStatus

if TYPE_CHECKING:
    from .executions import PipelineExecution

_NO_MATH: Final = "tex2jax_ignore mathjax_ignore"  # a notebook would read dollar signs as mathematics
# A status that this release does not know has the colour of the text.
_COLOURS: Final = dict.fromkeys(PipelineExecutionStatus, "#a56a00") | {
    PipelineExecutionStatus.SUCCEEDED: "#198754",
    PipelineExecutionStatus.FAILED: "#dc3545",
    PipelineExecutionStatus.IN_PROGRESS: "#0b7bb5",
}


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
    colour = _COLOURS.get(execution.status, "inherit")
    yield "Status", f'<strong style="color:{colour}">{_text(execution.status)}</strong>'
    yield "Summary", _text(execution.status_summary)
    if execution.trigger is not None:
        yield "Trigger", _joined(_text(execution.trigger.trigger_type), _text(execution.trigger.trigger_detail))
    for revision in execution.artifact_revisions:
        identity = revision.commit_id[:8] if revision.commit_id else revision.revision_id
        subject = (revision.commit_message or "").partition("\n")[0]
        link = _link(revision.commit_url, _text(identity))
        yield "Revision", _joined(_text(revision.name), link, _text(subject))
    for variable in execution.variables:
        yield "Variable", _joined(_text(variable.name), "=", _text(variable.resolved_value))
    yield "Console", _link(execution.console_url)


def _link(url: str | None, cell: str = "") -> str:
    if url is None:
        return cell
    style = "color:inherit;text-decoration:underline"
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer" style="{style}">{cell or "Open"}</a>'


def _joined(*cells: str) -> str:
    return " ".join(cell for cell in cells if cell)


def _text(text: str | None) -> str:
    return escape(printable(shorten(text or "")))
