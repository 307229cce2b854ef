"""
ListPipelineExecutions: its input with the rules for it, and its output.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListPipelineExecutions.html
"""

from __future__ import annotations

from attrs import field, frozen

from .._protocol.shapes import NAME, NEXT_TOKEN, PAGE_SIZE, OperationInput, OperationOutput
from .._protocol.strict_json import JsonObject
from ..models import PipelineExecutionSummary, ResponseMetadata


@frozen
class ListPipelineExecutionsInput(OperationInput):
    """Whose executions to list, and which page of them."""

    pipeline_name: str = field(metadata=NAME)
    """The pipeline's name: 1 to 100 characters out of ``A-Z a-z 0-9 . @ - _``."""
    max_results: int | None = field(default=None, metadata=PAGE_SIZE)
    """How many executions a page has at most: 1 to 100. None for the service's default, 100."""
    next_token: str | None = field(default=None, metadata=NEXT_TOKEN)
    """Where the page before ended. None for the first page."""
    succeeded_in_stage: str | None = field(default=None, metadata=NAME)
    """Only executions that succeeded in the stage of this name, in the pipeline's current version. None for all."""

    def to_wire(self) -> JsonObject:
        """Return the members that go on the wire."""
        members = dict(super().to_wire())
        stage = members.pop("succeededInStage", None)
        return members if stage is None else {**members, "filter": {"succeededInStage": {"stageName": stage}}}


@frozen(kw_only=True)
class ListPipelineExecutionsOutput(OperationOutput[ListPipelineExecutionsInput]):
    """One page of a pipeline's executions."""

    pipeline_execution_summaries: tuple[PipelineExecutionSummary, ...] = ()
    """The executions, newest first."""
    next_token: str | None = None
    """Continues the list. None on the last page."""
    response_metadata: ResponseMetadata
    """Request id, HTTP status and headers, attempts."""
    raw: JsonObject = field(hash=False, repr=False)
    """The decoded JSON, for a member that is newer than this release. Read it, do not change it."""
