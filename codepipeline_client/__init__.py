"""
Start, follow and explain AWS CodePipeline executions, with typed results and typed errors.

Every public name of the package is here, except the parts of what lists return, which are in `models`, and the
test kit, which is in `testing`.
"""

from . import errors
from ._call.reports import AttemptReport as AttemptReport
from ._call.reports import OnAttempt as OnAttempt
from ._credentials.providers import AsyncCredentialsLike as AsyncCredentialsLike
from ._credentials.providers import AsyncCredentialsProvider as AsyncCredentialsProvider
from ._credentials.providers import CredentialsLike as CredentialsLike
from ._credentials.providers import CredentialsProvider as CredentialsProvider
from ._protocol.sigv4 import Credentials as Credentials
from ._protocol.user_agent import __version__ as __version__
from .async_client import AsyncCodePipelineClient as AsyncCodePipelineClient
from .client import CodePipelineClient as CodePipelineClient
from .clock import Clock as Clock
from .errors import AccessDeniedException as AccessDeniedException
from .errors import ArtifactRevisionLookupError as ArtifactRevisionLookupError
from .errors import CodePipelineError as CodePipelineError
from .errors import (
    ConcurrentPipelineExecutionsLimitExceededException as ConcurrentPipelineExecutionsLimitExceededException,
)
from .errors import ConfigurationError as ConfigurationError
from .errors import ConflictException as ConflictException
from .errors import ConnectionFailedError as ConnectionFailedError
from .errors import CredentialsError as CredentialsError
from .errors import ExpiredTokenException as ExpiredTokenException
from .errors import IncompleteSignature as IncompleteSignature
from .errors import InsecureEndpointWarning as InsecureEndpointWarning
from .errors import InternalFailure as InternalFailure
from .errors import InternalServerError as InternalServerError
from .errors import InvalidClientTokenId as InvalidClientTokenId
from .errors import InvalidNextTokenException as InvalidNextTokenException
from .errors import InvalidSignatureException as InvalidSignatureException
from .errors import MalformedHttpRequestException as MalformedHttpRequestException
from .errors import MissingAuthenticationTokenException as MissingAuthenticationTokenException
from .errors import NotAuthorized as NotAuthorized
from .errors import OptInRequired as OptInRequired
from .errors import ParameterValidationError as ParameterValidationError
from .errors import ParameterViolation as ParameterViolation
from .errors import PipelineExecutionCancelledError as PipelineExecutionCancelledError
from .errors import PipelineExecutionFailedError as PipelineExecutionFailedError
from .errors import PipelineExecutionNotFoundException as PipelineExecutionNotFoundException
from .errors import PipelineExecutionOutcomeError as PipelineExecutionOutcomeError
from .errors import PipelineExecutionStoppedError as PipelineExecutionStoppedError
from .errors import PipelineExecutionSupersededError as PipelineExecutionSupersededError
from .errors import PipelineNotFoundException as PipelineNotFoundException
from .errors import RequestAbortedException as RequestAbortedException
from .errors import RequestEntityTooLargeException as RequestEntityTooLargeException
from .errors import RequestExpired as RequestExpired
from .errors import RequestTimeoutError as RequestTimeoutError
from .errors import RequestTimeoutException as RequestTimeoutException
from .errors import RequestTimeTooSkewed as RequestTimeTooSkewed
from .errors import ResponseDecodeError as ResponseDecodeError
from .errors import ServiceError as ServiceError
from .errors import ServiceUnavailable as ServiceUnavailable
from .errors import SignatureDoesNotMatch as SignatureDoesNotMatch
from .errors import ThrottlingException as ThrottlingException
from .errors import TooManyRequestsException as TooManyRequestsException
from .errors import TransportError as TransportError
from .errors import UnknownOperationException as UnknownOperationException
from .errors import UnrecognizedClientException as UnrecognizedClientException
from .errors import ValidationError as ValidationError
from .errors import ValidationException as ValidationException
from .errors import WaitTimeoutError as WaitTimeoutError
from .errors import printable as printable
from .models import ActionExecutionDetail as ActionExecutionDetail
from .models import ArtifactRevision as ArtifactRevision
from .models import ExecutionMode as ExecutionMode
from .models import ExecutionTrigger as ExecutionTrigger
from .models import ExecutionType as ExecutionType
from .models import FailedAction as FailedAction
from .models import PipelineExecution as PipelineExecution
from .models import PipelineExecutionStatus as PipelineExecutionStatus
from .models import PipelineExecutionSummary as PipelineExecutionSummary
from .models import PipelineRollbackMetadata as PipelineRollbackMetadata
from .models import ResolvedPipelineVariable as ResolvedPipelineVariable
from .models import ResponseMetadata as ResponseMetadata
from .models import TriggerType as TriggerType
from .operations.get_pipeline_execution import GetPipelineExecutionInput as GetPipelineExecutionInput
from .operations.get_pipeline_execution import GetPipelineExecutionOutput as GetPipelineExecutionOutput
from .operations.list_action_executions import ListActionExecutionsOutput as ListActionExecutionsOutput
from .operations.list_pipeline_executions import ListPipelineExecutionsOutput as ListPipelineExecutionsOutput
from .operations.start_pipeline_execution import PipelineVariable as PipelineVariable
from .operations.start_pipeline_execution import SourceRevisionOverride as SourceRevisionOverride
from .operations.start_pipeline_execution import SourceRevisionType as SourceRevisionType
from .operations.start_pipeline_execution import StartPipelineExecutionOutput as StartPipelineExecutionOutput
from .transport import AsyncSigV4Transport as AsyncSigV4Transport
from .transport import SigV4Transport as SigV4Transport
from .waiting import ExecutionLike as ExecutionLike
from .waiting import FollowedExecution as FollowedExecution
from .waiting import OnPoll as OnPoll
from .waiting import PipelineExecutionReference as PipelineExecutionReference
from .waiting import PollReport as PollReport

__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]  # each name is re-exported above
    name
    for name, each in sorted(globals().items())
    if name == "__version__" or (name[0] != "_" and not isinstance(each, type(errors)))
]
