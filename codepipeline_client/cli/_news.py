"""
What is said of an execution while it is followed, in words and in one line.

Values in, text out: no stream, no terminal, no colour. What came from the service is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import fields

from ..errors import (
    CodePipelineError,
    ConnectionFailedError,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
    RequestTimeoutError,
    ResponseDecodeError,
    ServiceError,
    printable,
)
from ..models import PipelineExecution
from ._durations import ahead
from ._view import first_line, short_id

_WORDS: Final[tuple[tuple[type[CodePipelineError], str], ...]] = (
    (PipelineNotFoundException, "no such pipeline yet"),
    (PipelineExecutionNotFoundException, "no such execution yet"),
    (ConnectionFailedError, "no connection"),
    (RequestTimeoutError, "no answer in time"),
    (ResponseDecodeError, "no answer that can be read"),
)
_CODE: Final = 60
"""Characters of an error code that are shown at most."""


def trouble(failure: CodePipelineError) -> str:
    """Return what a poll failed with, in a few words."""
    if isinstance(failure, ServiceError) and failure.is_throttling:
        return "throttled"
    words = next((words for kind, words in _WORDS if isinstance(failure, kind)), None)
    return words or printable(failure.code if isinstance(failure, ServiceError) else type(failure).__name__)[:_CODE]


def and_again(pause: float) -> tuple[str, ...]:
    """Return what may be said after a failure, the fullest first: in how many seconds the service is asked again."""
    return (f", asking again in {ahead(pause)}", f", again in {ahead(pause)}", f", {ahead(pause)}", "")


def source(execution: PipelineExecution) -> str:
    """Return what went into *execution*: the first revision, and how many more there are. Empty for none."""
    if not execution.artifact_revisions:
        return ""
    first, *others = execution.artifact_revisions
    shown = printable(short_id(first.commit_id or first.revision_id or ""))
    which = " ".join(part for part in (shown, f"(+{len(others)})" if others else "") if part)
    return "  ".join(part for part in (which, first_line(first.commit_message)) if part)


def cause(execution: PipelineExecution) -> tuple[str, ...]:
    """Return why *execution* started, the fullest first. Empty where the service did not say."""
    trigger = execution.trigger
    if trigger is None or not trigger.trigger_type:
        return ()
    kind = printable(trigger.trigger_type)
    return (f"{kind}  {printable(trigger.trigger_detail)}", kind) if trigger.trigger_detail else (kind,)


def reason(execution: PipelineExecution) -> str:
    """Return why the status is as it is, in its first line. Empty where the service did not say."""
    return first_line(execution.status_summary)


def news(execution: PipelineExecution, before: PipelineExecution | None) -> str:
    """Return what there is to say of *execution*, beside its status, that was not so *before*."""
    if before is None:
        return "  ".join(_facts(execution))
    known = set(_facts(before))
    facts = "  ".join(fact for fact in _facts(execution) if fact not in known)
    return facts or (_changed(execution, before) if execution.status == before.status else "")


def _facts(execution: PipelineExecution) -> Iterator[str]:
    yield from filter(None, (reason(execution), source(execution), *cause(execution)[-1:]))


def _changed(execution: PipelineExecution, before: PipelineExecution) -> str:
    """Return which fields have changed, where none of them fits into a line."""
    names = [field.name for field in fields(PipelineExecution)]
    changed = [name.replace("_", " ") for name in names if getattr(execution, name) != getattr(before, name)]
    return f"changed: {', '.join(changed)}"
