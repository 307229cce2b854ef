"""
Say why an execution is not what a program hoped for: it ended otherwise, or lacks the one revision that was asked for.

Returns the errors; who asked raises them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, cast

from ._open_enums import PipelineExecutionStatus
from .errors import (
    ArtifactRevisionLookupError,
    ConfigurationError,
    PipelineExecutionCancelledError,
    PipelineExecutionFailedError,
    PipelineExecutionOutcomeError,
    PipelineExecutionStoppedError,
    PipelineExecutionSupersededError,
)

if TYPE_CHECKING:
    from .models import ArtifactRevision, PipelineExecution

_ENDS: Final[Mapping[PipelineExecutionStatus, type[PipelineExecutionOutcomeError]]] = {
    PipelineExecutionStatus.CANCELLED: PipelineExecutionCancelledError,
    PipelineExecutionStatus.FAILED: PipelineExecutionFailedError,
    PipelineExecutionStatus.STOPPED: PipelineExecutionStoppedError,
    PipelineExecutionStatus.SUPERSEDED: PipelineExecutionSupersededError,
}


def statuses(ok: object) -> tuple[PipelineExecutionStatus, ...]:
    """Return the statuses that *ok* names, one or several. Raises ConfigurationError for what names none."""
    several = isinstance(ok, Iterable) and not isinstance(ok, str)
    given = cast("Iterable[object]", ok if several else (ok,))  # isinstance does not tell of what an iterable is
    found = tuple([_status(each) for each in given])
    if not found:
        raise ConfigurationError("ok is empty, so that no execution could pass: give at least one status")
    return found


def _status(given: object) -> PipelineExecutionStatus:
    if isinstance(given, PipelineExecutionStatus):
        return given
    status = PipelineExecutionStatus(given) if isinstance(given, str) else None
    if status is None or not status.is_known:
        raise ConfigurationError(
            f"ok cannot be {repr(given)[:100]}, which is not one of {', '.join(PipelineExecutionStatus)}: "
            f"a status that is newer than this release is given as PipelineExecutionStatus(…)"
        )
    return status


def unwanted_outcome(
    execution: PipelineExecution, accepted: tuple[PipelineExecutionStatus, ...]
) -> PipelineExecutionOutcomeError:
    """Return the error for an execution whose status is none of those *accepted*."""
    status, summary, page = in_brief(execution.status), in_brief(execution.status_summary or ""), execution.console_url
    if execution.status.is_terminal:
        problem = f"ended as {status}, not as {' or '.join(map(in_brief, accepted))}"
        advice = ""
    else:
        newer = "" if execution.status.is_known else ", a status newer than this release,"
        problem = f"is {status}{newer} and has not ended"
        advice = "; wait for its end first, as wait_for_pipeline_execution does"
    reason = f": {summary}" if summary else ""
    where = f"; see {page}" if page else ""
    kind = _ENDS.get(execution.status, PipelineExecutionOutcomeError)
    return kind(f"{_name(execution)} {problem}{reason}{advice}{where}", execution=execution)


def not_one_revision(
    execution: PipelineExecution, name: str, found: tuple[ArtifactRevision, ...]
) -> ArtifactRevisionLookupError:
    """Return the error for an execution of which *found* are the revisions of the artifact *name*."""
    names = [repr(each.name) for each in execution.artifact_revisions if each.name is not None]
    asked = in_brief(repr(name))
    if found:
        problem = f"has {len(found)} revisions of the artifact {asked}: choose from its artifact_revisions"
    elif names:
        problem = f"has no revision of an artifact {asked}, but of {in_brief(', '.join(names))}"
    else:
        problem = f"has no revision of an artifact {asked}, nor of any other: its source actions bring them"
    return ArtifactRevisionLookupError(f"{_name(execution)} {problem}", artifact_name=name, candidates=found)


def in_brief(text: str, length: int = 300) -> str:
    """Return *text* on one line, cut to a *length* that fits a message."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _name(execution: PipelineExecution) -> str:
    return f"execution {in_brief(execution.pipeline_execution_id)} of pipeline {in_brief(execution.pipeline_name)}"
