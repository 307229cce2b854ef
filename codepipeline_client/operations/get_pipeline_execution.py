"""
GetPipelineExecution: its input with the rules for it, and its output.

https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
"""

from __future__ import annotations

from attrs import field, frozen

from .._protocol.awsjson import Members
from .._protocol.shapes import EXECUTION_ID, NAME, OperationInput, OperationOutput, cut, read
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

    @classmethod
    def from_wire(
        cls, members: Members, request: GetPipelineExecutionInput, metadata: ResponseMetadata, region_name: str | None
    ) -> GetPipelineExecutionOutput:
        """Read a region's response. Raises ResponseDecodeError when it is not a response to the *request*."""
        execution = members.structure("pipelineExecution")
        known = {
            "pipeline_name": _same(execution, "pipelineName", request.pipeline_name),
            "pipeline_execution_id": _same(execution, "pipelineExecutionId", request.pipeline_execution_id),
            "region_name": region_name,
        }
        found = read(PipelineExecution, execution._replace(known=known))
        return cls(pipeline_execution=found, response_metadata=metadata, raw=members.raw)

    def to_dict(self) -> dict[str, object]:
        """Return the execution and the metadata as `json.dumps` takes them, see `PipelineExecution.to_dict`."""
        return {
            "pipeline_execution": self.pipeline_execution.to_dict(),
            "response_metadata": self.response_metadata.to_dict(),
        }


def _same(members: Members, name: str, requested: str) -> str:
    """Return what was requested; a response may omit it, but may not be about something else."""
    if members.raw.get(name) not in (None, requested):
        found = cut(members.string(name))
        members.refuse(name, f"the response is about {found!r}, and {cut(requested)!r} was requested")
    return requested
