"""What the service says about executions and their actions, as frozen attrs classes and open enums."""

from .enums import ExecutionMode as ExecutionMode
from .enums import ExecutionType as ExecutionType
from .enums import OpenEnum as OpenEnum
from .enums import PipelineExecutionStatus as PipelineExecutionStatus
from .enums import TriggerType as TriggerType
from .executions import ArtifactRevision as ArtifactRevision
from .executions import ExecutionTrigger as ExecutionTrigger
from .executions import PipelineExecution as PipelineExecution
from .executions import PipelineRollbackMetadata as PipelineRollbackMetadata
from .executions import ResolvedPipelineVariable as ResolvedPipelineVariable
from .executions import ResponseMetadata as ResponseMetadata
from .history import ActionCategory as ActionCategory
from .history import ActionExecutionDetail as ActionExecutionDetail
from .history import ActionExecutionInput as ActionExecutionInput
from .history import ActionExecutionOutput as ActionExecutionOutput
from .history import ActionExecutionResult as ActionExecutionResult
from .history import ActionExecutionStatus as ActionExecutionStatus
from .history import ActionOwner as ActionOwner
from .history import ActionTypeId as ActionTypeId
from .history import ArtifactDetail as ArtifactDetail
from .history import ErrorDetails as ErrorDetails
from .history import FailedAction as FailedAction
from .history import PipelineExecutionSummary as PipelineExecutionSummary
from .history import S3Location as S3Location
from .history import SourceRevision as SourceRevision
from .history import StopExecutionTrigger as StopExecutionTrigger
