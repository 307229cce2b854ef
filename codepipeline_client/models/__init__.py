"""
What the service says about an execution, as frozen attrs classes and open enums.

What takes some reading (a commit, a console page, a notebook's table) is a property or method of these classes.
"""

from .enums import ExecutionMode, ExecutionType, OpenEnum, PipelineExecutionStatus, TriggerType
from .executions import (
    ArtifactRevision,
    ExecutionTrigger,
    PipelineExecution,
    PipelineRollbackMetadata,
    ResolvedPipelineVariable,
    ResponseMetadata,
)

__all__ = [
    "ArtifactRevision",
    "ExecutionMode",
    "ExecutionTrigger",
    "ExecutionType",
    "OpenEnum",
    "PipelineExecution",
    "PipelineExecutionStatus",
    "PipelineRollbackMetadata",
    "ResolvedPipelineVariable",
    "ResponseMetadata",
    "TriggerType",
]
