"""
Start, follow and explain AWS CodePipeline executions, with typed results and typed errors.

Every public name of the package is here, except the parts of what lists return, which are in `models`, and the
test kit, which is in `testing`.
"""

from typing import TYPE_CHECKING

from ._call.reports import AttemptReport, OnAttempt
from ._credentials.providers import AsyncCredentialsLike, AsyncCredentialsProvider, CredentialsLike, CredentialsProvider
from ._protocol.sigv4 import Credentials
from ._protocol.user_agent import __version__
from .async_client import AsyncCodePipelineClient
from .client import CodePipelineClient
from .clock import Clock
from .errors import (
    AccessDeniedException,
    ArtifactRevisionLookupError,
    CodePipelineError,
    ConcurrentPipelineExecutionsLimitExceededException,
    ConfigurationError,
    ConflictException,
    ConnectionFailedError,
    CredentialsError,
    ExpiredTokenException,
    IncompleteSignature,
    InsecureEndpointWarning,
    InternalFailure,
    InternalServerError,
    InvalidClientTokenId,
    InvalidNextTokenException,
    InvalidSignatureException,
    MalformedHttpRequestException,
    MissingAuthenticationTokenException,
    NotAuthorized,
    OptInRequired,
    ParameterValidationError,
    ParameterViolation,
    PipelineExecutionCancelledError,
    PipelineExecutionFailedError,
    PipelineExecutionNotFoundException,
    PipelineExecutionOutcomeError,
    PipelineExecutionStoppedError,
    PipelineExecutionSupersededError,
    PipelineNotFoundException,
    RequestAbortedException,
    RequestEntityTooLargeException,
    RequestExpired,
    RequestTimeoutError,
    RequestTimeoutException,
    RequestTimeTooSkewed,
    ResponseDecodeError,
    ServiceError,
    ServiceUnavailable,
    SignatureDoesNotMatch,
    ThrottlingException,
    TooManyRequestsException,
    TransportError,
    UnknownOperationException,
    UnrecognizedClientException,
    ValidationError,
    ValidationException,
    WaitTimeoutError,
    printable,
)
from .models import (
    ArtifactRevision,
    ExecutionMode,
    ExecutionTrigger,
    ExecutionType,
    PipelineExecution,
    PipelineExecutionStatus,
    PipelineExecutionSummary,
    PipelineRollbackMetadata,
    ResolvedPipelineVariable,
    ResponseMetadata,
    TriggerType,
)
from .operations.get_pipeline_execution import GetPipelineExecutionInput, GetPipelineExecutionOutput
from .operations.list_pipeline_executions import ListPipelineExecutionsInput, ListPipelineExecutionsOutput
from .operations.start_pipeline_execution import (
    PipelineVariable,
    SourceRevisionOverride,
    SourceRevisionType,
    StartPipelineExecutionInput,
    StartPipelineExecutionOutput,
)
from .transport import AsyncSigV4Transport, SigV4Transport
from .waiting import ExecutionLike, FollowedExecution, OnPoll, PipelineExecutionReference, PollReport

if TYPE_CHECKING:
    from .models import ActionExecutionDetail, ActionExecutionStatus, FailedAction
    from .operations.list_action_executions import ListActionExecutionsInput, ListActionExecutionsOutput, StartTimeRange
else:

    def __getattr__(name: str) -> object:
        from . import models, operations

        for module in (models, operations.list_action_executions) if name in __all__ else ():
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return [*{*globals(), *__all__}]


__all__ = [
    "AccessDeniedException",
    "ActionExecutionDetail",
    "ActionExecutionStatus",
    "ArtifactRevision",
    "ArtifactRevisionLookupError",
    "AsyncCodePipelineClient",
    "AsyncCredentialsLike",
    "AsyncCredentialsProvider",
    "AsyncSigV4Transport",
    "AttemptReport",
    "Clock",
    "CodePipelineClient",
    "CodePipelineError",
    "ConcurrentPipelineExecutionsLimitExceededException",
    "ConfigurationError",
    "ConflictException",
    "ConnectionFailedError",
    "Credentials",
    "CredentialsError",
    "CredentialsLike",
    "CredentialsProvider",
    "ExecutionLike",
    "ExecutionMode",
    "ExecutionTrigger",
    "ExecutionType",
    "ExpiredTokenException",
    "FailedAction",
    "FollowedExecution",
    "GetPipelineExecutionInput",
    "GetPipelineExecutionOutput",
    "IncompleteSignature",
    "InsecureEndpointWarning",
    "InternalFailure",
    "InternalServerError",
    "InvalidClientTokenId",
    "InvalidNextTokenException",
    "InvalidSignatureException",
    "ListActionExecutionsInput",
    "ListActionExecutionsOutput",
    "ListPipelineExecutionsInput",
    "ListPipelineExecutionsOutput",
    "MalformedHttpRequestException",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OnAttempt",
    "OnPoll",
    "OptInRequired",
    "ParameterValidationError",
    "ParameterViolation",
    "PipelineExecution",
    "PipelineExecutionCancelledError",
    "PipelineExecutionFailedError",
    "PipelineExecutionNotFoundException",
    "PipelineExecutionOutcomeError",
    "PipelineExecutionReference",
    "PipelineExecutionStatus",
    "PipelineExecutionStoppedError",
    "PipelineExecutionSummary",
    "PipelineExecutionSupersededError",
    "PipelineNotFoundException",
    "PipelineRollbackMetadata",
    "PipelineVariable",
    "PollReport",
    "RequestAbortedException",
    "RequestEntityTooLargeException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeoutError",
    "RequestTimeoutException",
    "ResolvedPipelineVariable",
    "ResponseDecodeError",
    "ResponseMetadata",
    "ServiceError",
    "ServiceUnavailable",
    "SigV4Transport",
    "SignatureDoesNotMatch",
    "SourceRevisionOverride",
    "SourceRevisionType",
    "StartPipelineExecutionInput",
    "StartPipelineExecutionOutput",
    "StartTimeRange",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransportError",
    "TriggerType",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationError",
    "ValidationException",
    "WaitTimeoutError",
    "__version__",
    "printable",
]
