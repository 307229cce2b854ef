"""
GetPipelineExecution: its input with the rules for it, and its output.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
"""

from __future__ import annotations

from attrs import field, frozen

from .._protocol.shapes import EXECUTION_ID, NAME, OperationInput, OperationOutput
from .._protocol.strict_json import JsonObject
from ..models import PipelineExecution, ResponseMetadata


@frozen(kw_only=True)
class GetPipelineExecutionInput(OperationInput):
    """Which execution to read."""

    pipeline_name: str = field(metadata=NAME)
    """The pipeline's name: 1 to 100 characters out of ``A-Z a-z 0-9 . @ - _``."""
    pipeline_execution_id: str = field(metadata=EXECUTION_ID)
    """The execution's id: a UUID in lower case."""

    def to_wire(self) -> JsonObject:
        """Return the members that go on the wire."""
        return {"pipelineExecutionId": self.pipeline_execution_id, "pipelineName": self.pipeline_name}


@frozen(kw_only=True)
class GetPipelineExecutionOutput(OperationOutput[GetPipelineExecutionInput]):
    """The response: the execution, how it came, and its decoded JSON."""

    pipeline_execution: PipelineExecution
    """The execution that was requested."""
    response_metadata: ResponseMetadata
    """Request id, HTTP status and headers, attempts."""
    raw: JsonObject = field(hash=False, repr=False)
    """The decoded JSON, for a member that is newer than this release. Read it, do not change it."""

    def to_dict(self) -> dict[str, object]:
        """Return the execution and the metadata as `json.dumps` takes them, see `PipelineExecution.to_dict`."""
        return {
            "pipeline_execution": self.pipeline_execution.to_dict(),
            "response_metadata": self.response_metadata.to_dict(),
        }
