"""
The typed way to read an AWS CodePipeline execution: one operation, GetPipelineExecution, done completely.

Every public name of the package is here, but for the test kit, which is in `codepipeline_client.testing`.
Each is loaded when it is first asked for, with what it needs: an import alone costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._clock import Clock
    from ._credentials import AsyncCredentialsLike, AsyncCredentialsProvider, CredentialsLike, CredentialsProvider
    from ._message import Credentials
    from ._reports import AttemptReport, OnAttempt
    from ._user_agent import __version__
    from .client import AsyncCodePipelineClient, CodePipelineClient
    from .errors import (
        AccessDeniedException,
        ArtifactRevisionLookupError,
        CodePipelineError,
        ConfigurationError,
        ConnectionFailedError,
        CredentialsError,
        ExpiredTokenException,
        IncompleteSignature,
        InsecureEndpointWarning,
        InternalFailure,
        InternalServerError,
        InvalidClientTokenId,
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
        PipelineRollbackMetadata,
        ResolvedPipelineVariable,
        ResponseMetadata,
        TriggerType,
    )
    from .operations import GetPipelineExecutionInput, GetPipelineExecutionOutput
    from .transport import AsyncSigV4Transport, SigV4Transport
    from .waiting import FollowedExecution, OnPoll, PipelineExecutionReference, PollReport
else:  # not for type checkers, which would take any name for one that a module's __getattr__ knows
    from importlib import import_module

    # From each module to the public names that are at home there.
    _NAMES = {
        "_clock": "Clock",
        "_credentials": "AsyncCredentialsLike AsyncCredentialsProvider CredentialsLike CredentialsProvider",
        "_message": "Credentials",
        "_reports": "AttemptReport OnAttempt",
        "_user_agent": "__version__",
        "client": "AsyncCodePipelineClient CodePipelineClient",
        "errors": (
            "AccessDeniedException ArtifactRevisionLookupError CodePipelineError ConfigurationError "
            "ConnectionFailedError CredentialsError ExpiredTokenException IncompleteSignature "
            "InsecureEndpointWarning InternalFailure InternalServerError InvalidClientTokenId "
            "InvalidSignatureException MalformedHttpRequestException MissingAuthenticationTokenException "
            "NotAuthorized OptInRequired ParameterValidationError ParameterViolation "
            "PipelineExecutionCancelledError PipelineExecutionFailedError PipelineExecutionNotFoundException "
            "PipelineExecutionOutcomeError PipelineExecutionStoppedError PipelineExecutionSupersededError "
            "PipelineNotFoundException RequestAbortedException RequestEntityTooLargeException RequestExpired "
            "RequestTimeTooSkewed RequestTimeoutError RequestTimeoutException ResponseDecodeError ServiceError "
            "ServiceUnavailable SignatureDoesNotMatch ThrottlingException TooManyRequestsException "
            "TransportError UnknownOperationException UnrecognizedClientException ValidationError "
            "ValidationException WaitTimeoutError printable"
        ),
        "models": (
            "ArtifactRevision ExecutionMode ExecutionTrigger ExecutionType PipelineExecution "
            "PipelineExecutionStatus PipelineRollbackMetadata ResolvedPipelineVariable ResponseMetadata "
            "TriggerType"
        ),
        "operations": "GetPipelineExecutionInput GetPipelineExecutionOutput",
        "transport": "AsyncSigV4Transport SigV4Transport",
        "waiting": "FollowedExecution OnPoll PipelineExecutionReference PollReport",
    }
    _HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
    _MODULES = frozenset({"client", "errors", "models", "operations", "transport", "waiting"})

    def __getattr__(name):
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Not kept here: it may be a test's, which has its own in this place for a moment.
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

    def __dir__():
        return sorted({*globals(), *__all__, *_MODULES})


__all__ = [
    "AccessDeniedException",
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
    "ConfigurationError",
    "ConnectionFailedError",
    "Credentials",
    "CredentialsError",
    "CredentialsLike",
    "CredentialsProvider",
    "ExecutionMode",
    "ExecutionTrigger",
    "ExecutionType",
    "ExpiredTokenException",
    "FollowedExecution",
    "GetPipelineExecutionInput",
    "GetPipelineExecutionOutput",
    "IncompleteSignature",
    "InsecureEndpointWarning",
    "InternalFailure",
    "InternalServerError",
    "InvalidClientTokenId",
    "InvalidSignatureException",
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
    "PipelineExecutionSupersededError",
    "PipelineNotFoundException",
    "PipelineRollbackMetadata",
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
