"""
The operations that the clients offer: one row each, and nothing else about them.

A new operation is a new file here, a row below, and one short method on each client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from ..models import ResponseMetadata
from .get_pipeline_execution import ERRORS as GET_PIPELINE_EXECUTION_ERRORS
from .get_pipeline_execution import GetPipelineExecutionInput as GetPipelineExecutionInput
from .get_pipeline_execution import GetPipelineExecutionOutput as GetPipelineExecutionOutput

if TYPE_CHECKING:
    from .._protocol.awsjson import Members
    from .._protocol.strict_json import JsonObject
    from ..errors import ParameterViolation, ServiceError

InputT = TypeVar("InputT")
OutputT = TypeVar("OutputT")

READ_ONLY: Final = "codepipeline_client.read_only"
"""Request extension: `Operation.is_read_only` of the operation that the request is for."""


class Operation(NamedTuple, Generic[InputT, OutputT]):
    """What an exchange has to know of an operation."""

    name: str
    """As the API reference spells it."""
    violations: Callable[[InputT, bool], tuple[ParameterViolation, ...]]
    """Which rules an input breaks; all of them, or those of type only."""
    to_wire: Callable[[InputT], JsonObject]
    """From an input to the members on the wire."""
    from_wire: Callable[[Members, InputT, ResponseMetadata, str | None], OutputT]
    """From the members on the wire to the output, which may tell the region that it came from."""
    errors: tuple[type[ServiceError], ...]
    """The errors that are documented for the operation, beside those common to all."""
    is_read_only: bool = False
    """Whether it changes nothing. If not, a request that the service may have received is not sent again."""


GET_PIPELINE_EXECUTION: Final = Operation(
    name="GetPipelineExecution",
    violations=GetPipelineExecutionInput.violations,
    to_wire=GetPipelineExecutionInput.to_wire,
    from_wire=GetPipelineExecutionOutput.from_wire,
    errors=GET_PIPELINE_EXECUTION_ERRORS,
    is_read_only=True,
)
