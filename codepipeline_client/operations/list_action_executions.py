"""
ListActionExecutions: its input with the rules for it, and its output.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html
"""

from __future__ import annotations

from attrs import field, frozen

from .._protocol.shapes import EXECUTION_ID, NAME, NEXT_TOKEN, PAGE_SIZE, OperationInput, OperationOutput, one_of
from .._protocol.strict_json import JsonObject
from ..errors import ParameterViolation
from ..models import OpenEnum, ResponseMetadata
from ..models.actions import ActionExecutionDetail


class StartTimeRange(OpenEnum):
    """Since which start of an execution. Filtering by it works for executions from 2024-02-08 on."""

    LATEST = "Latest"
    ALL = "All"


def _start_time_range(given: StartTimeRange | str | None) -> StartTimeRange | None:
    return StartTimeRange(given) if isinstance(given, str) else given


@frozen
class ListActionExecutionsInput(OperationInput):
    """Whose action executions to list, and which page of them."""

    pipeline_name: str = field(metadata=NAME)
    """The pipeline's name: 1 to 100 characters out of ``A-Z a-z 0-9 . @ - _``."""
    pipeline_execution_id: str | None = field(default=None, metadata=EXECUTION_ID)
    """Only those of the execution with this id. None for those of all executions."""
    start_time_range: StartTimeRange | None = field(
        default=None, converter=_start_time_range, metadata=one_of(StartTimeRange)
    )
    """Only those since the latest start of the execution, or all. Needs the execution's id. None for all."""
    max_results: int | None = field(default=None, metadata=PAGE_SIZE)
    """How many action executions a page has at most: 1 to 100. None for the service's default, 100."""
    next_token: str | None = field(default=None, metadata=NEXT_TOKEN)
    """Where the page before ended. None for the first page."""

    def violations(self, strict: bool = True) -> tuple[ParameterViolation, ...]:
        """Return every rule of the operation that the input breaks; unless *strict*, only types are checked."""
        missing = (ParameterViolation("pipeline_execution_id", "is required"),)
        is_missing = self.start_time_range is not None and self.pipeline_execution_id is None
        return (missing if is_missing else ()) + super().violations(strict)

    def to_wire(self) -> JsonObject:
        """Return the members that go on the wire."""
        members = dict(super().to_wire())
        chosen: JsonObject = {
            name: members.pop(name) for name in ("pipelineExecutionId", "startTimeRange") if name in members
        }
        if "startTimeRange" in chosen:
            chosen = {"latestInPipelineExecution": chosen}
        return {**members, "filter": chosen} if chosen else members


@frozen(kw_only=True)
class ListActionExecutionsOutput(OperationOutput[ListActionExecutionsInput]):
    """One page of a pipeline's action executions."""

    action_execution_details: tuple[ActionExecutionDetail, ...] = ()
    """The action executions, newest first."""
    next_token: str | None = None
    """Continues the list. None on the last page."""
    response_metadata: ResponseMetadata
    """Request id, HTTP status and headers, attempts."""
    raw: JsonObject = field(hash=False, repr=False)
    """The decoded JSON, for a member that is newer than this release. Read it, do not change it."""
