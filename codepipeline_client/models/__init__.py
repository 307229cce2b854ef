"""
What the service says about executions and their actions, as frozen attrs classes and open enums.

The classes of action executions are imported when one is first used, since that takes 10 ms. Use one early in a program
that forks while its threads work, or whose event loop must not pause.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .enums import ExecutionMode as ExecutionMode
from .enums import ExecutionType as ExecutionType
from .enums import OpenEnum as OpenEnum
from .enums import PipelineExecutionStatus as PipelineExecutionStatus
from .enums import TriggerType as TriggerType
from .executions import ArtifactRevision as ArtifactRevision
from .executions import ExecutionTrigger as ExecutionTrigger
from .executions import PipelineExecution as PipelineExecution
from .executions import PipelineExecutionSummary as PipelineExecutionSummary
from .executions import PipelineRollbackMetadata as PipelineRollbackMetadata
from .executions import ResolvedPipelineVariable as ResolvedPipelineVariable
from .executions import ResponseMetadata as ResponseMetadata
from .executions import SourceRevision as SourceRevision
from .executions import StopExecutionTrigger as StopExecutionTrigger

if TYPE_CHECKING:
    from .actions import ActionCategory as ActionCategory
    from .actions import ActionExecutionDetail as ActionExecutionDetail
    from .actions import ActionExecutionInput as ActionExecutionInput
    from .actions import ActionExecutionOutput as ActionExecutionOutput
    from .actions import ActionExecutionResult as ActionExecutionResult
    from .actions import ActionExecutionStatus as ActionExecutionStatus
    from .actions import ActionOwner as ActionOwner
    from .actions import ActionTypeId as ActionTypeId
    from .actions import ArtifactDetail as ArtifactDetail
    from .actions import ErrorDetails as ErrorDetails
    from .actions import FailedAction as FailedAction
    from .actions import S3Location as S3Location
else:
    _LATER = {
        *("ActionCategory", "ActionExecutionDetail", "ActionExecutionInput", "ActionExecutionOutput"),
        *("ActionExecutionResult", "ActionExecutionStatus", "ActionOwner", "ActionTypeId", "ArtifactDetail"),
        *("ErrorDetails", "FailedAction", "S3Location", "actions"),
    }

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        actions = import_module(f"{__name__}.actions")
        return getattr(actions, name, actions)

    def __dir__() -> list[str]:
        return [*{*globals(), *_LATER}]

    __all__ = [name for name in __dir__() if name[0].isupper() and name != "TYPE_CHECKING"]
