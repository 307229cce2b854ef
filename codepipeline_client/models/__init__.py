"""What the service says about an execution, as frozen attrs classes and open enums."""

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
