"""
The operations that the clients offer, with a row for each: what differs between their calls.

A new operation is a new file here, a row below, and one short method on each client. The file of
ListActionExecutions is imported when it is first used, see `models`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from .._protocol.shapes import InputT as InputT
from .._protocol.strict_json import JsonObject
from ..models import ResponseMetadata
from . import get_pipeline_execution, list_pipeline_executions, start_pipeline_execution

if TYPE_CHECKING:
    from . import list_action_executions
else:

    def __getattr__(name: str) -> object:
        if name == "list_action_executions":
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


OutputT = TypeVar("OutputT")

IDEMPOTENT: Final = "codepipeline_client.idempotent"
"""Request extension: `Operation.is_idempotent` of the operation that the request is for."""


class Operation(NamedTuple, Generic[InputT, OutputT]):
    """What an exchange has to know of an operation."""

    name: str
    """As the API reference spells it."""
    from_wire: Callable[[InputT, ResponseMetadata, str | None, JsonObject], OutputT]
    """From the members on the wire to the output, which may tell the region that it came from."""
    is_read_only: bool = False
    """Whether it only reads. By default it writes."""
    has_token: bool = False
    """Whether its input always has an idempotency token: the service carries out requests with the same one once."""

    @property
    def is_idempotent(self) -> bool:
        """Whether to send a request again that may have arrived."""
        return self.is_read_only or self.has_token


def _read_action_executions(
    request: list_action_executions.ListActionExecutionsInput,
    metadata: ResponseMetadata,
    region_name: str | None,
    raw: JsonObject,
) -> list_action_executions.ListActionExecutionsOutput:
    from .list_action_executions import ListActionExecutionsOutput

    return ListActionExecutionsOutput.from_wire(request, metadata, region_name, raw)


GET_PIPELINE_EXECUTION: Final = Operation(
    "GetPipelineExecution", get_pipeline_execution.GetPipelineExecutionOutput.from_wire, is_read_only=True
)
LIST_PIPELINE_EXECUTIONS: Final = Operation(
    "ListPipelineExecutions", list_pipeline_executions.ListPipelineExecutionsOutput.from_wire, is_read_only=True
)
START_PIPELINE_EXECUTION: Final = Operation(
    "StartPipelineExecution", start_pipeline_execution.StartPipelineExecutionOutput.from_wire, has_token=True
)
LIST_ACTION_EXECUTIONS: Final = Operation("ListActionExecutions", _read_action_executions, is_read_only=True)
