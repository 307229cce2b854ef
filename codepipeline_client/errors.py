"""
The errors of this package, as one tree.

CodePipelineError
├── ConfigurationError
├── CredentialsError
├── ParameterValidationError       (ValueError)
├── TransportError
│   ├── ConnectionFailedError      (ConnectionError)
│   └── RequestTimeoutError        (TimeoutError)
├── ResponseDecodeError
├── ServiceError
│   └── one class for each code of the API reference, named as on the wire
├── WaitTimeoutError               (TimeoutError)
├── PipelineExecutionOutcomeError
│   └── PipelineExecution{Failed,Stopped,Superseded,Cancelled}Error
└── ArtifactRevisionLookupError    (LookupError)

`_call` detects failures and decides what is retried.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

if TYPE_CHECKING:
    from .models import ArtifactRevision, PipelineExecution


class InsecureEndpointWarning(UserWarning):
    """Requests go to another machine as plain http: others on the network can read them and change the responses."""


class CodePipelineError(Exception):
    """The base class of every error of this package."""

    attempts: int = 0
    """How many attempts the failed call had made. 0 when it failed before the first."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...], dict[str, object]]:
        """Pickle and copy with every field: the default would call the constructor with the message alone."""
        return type(self).__new__, (type(self),), {"args": self.args, **self.__dict__}


class ConfigurationError(CodePipelineError):
    """A setting is missing or unusable; the message names it, its source, and what is expected."""


class CredentialsError(CodePipelineError):
    """No credentials were found (the message says what was tried), or they could not be refreshed."""


@frozen
class ParameterViolation:
    """One parameter that breaks one rule of the operation."""

    parameter: str
    """The parameter's name, as the method spells it."""
    rule: str
    """What the parameter must be, and what it was."""


class ParameterValidationError(CodePipelineError, ValueError):
    """The parameters are invalid, so nothing was sent."""

    violations: tuple[ParameterViolation, ...]
    """Every rule that was broken, not only the first."""

    def __init__(self, operation_name: str, violations: tuple[ParameterViolation, ...]) -> None:
        listed = "; ".join(f"{violation.parameter} {violation.rule}" for violation in violations)
        super().__init__(f"{operation_name} was not sent: {listed}")
        self.violations = violations


class TransportError(CodePipelineError):
    """No usable response came. The service may or may not have received the request."""


class ConnectionFailedError(TransportError, ConnectionError):
    """The connection could not be made, or no valid and complete HTTP response came."""

    may_pass: bool = True
    """False when a retry would fail the same way: an unknown host, a certificate that is not trusted."""


class RequestTimeoutError(TransportError, TimeoutError):
    """A time limit ended the call before the response was complete."""

    limit: str
    """Which limit it was: the name of the client's argument that sets it, such as ``read_timeout``."""

    def __init__(self, message: str, *, limit: str = "timeout") -> None:
        super().__init__(message)
        self.limit = limit


class ResponseDecodeError(CodePipelineError):
    """The response is malformed, or about an execution that was not requested."""

    http_status_code: int
    """The response's HTTP status."""
    request_id: str | None
    """The service's id for the request. None if the response had none, since another server may have sent it."""

    def __init__(self, message: str, *, http_status_code: int = 200, request_id: str | None = None) -> None:
        super().__init__(message)
        self.http_status_code = http_status_code
        self.request_id = request_id


class ServiceError(CodePipelineError):
    """
    The service returned an error. Codes without their own class raise this class.

    https://docs.aws.amazon.com/codepipeline/latest/APIReference/CommonErrors.html
    """

    code: str
    """The error code as on the wire, such as ``PipelineNotFoundException``; the HTTP status if there was no code."""
    message: str
    """The service's message, with secrets that it quotes removed. Empty when it gave none."""
    http_status_code: int = 400
    """The response's HTTP status."""
    request_id: str | None
    """The service's id for the request, which AWS Support asks for. None when the response had none."""
    operation_name: str
    """The operation that failed."""

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        http_status_code: int | None = None,
        request_id: str | None = None,
        operation_name: str = "GetPipelineExecution",
    ) -> None:
        status = http_status_code or type(self).http_status_code
        code = code or (str(status) if type(self) is ServiceError else type(self).__name__)
        facts = f"{operation_name} failed: {code} (HTTP {status}, request id {request_id or 'none'})"
        super().__init__(f"{facts}: {message[:1000]}" if message else facts)
        self.code = code
        self.message = message
        self.http_status_code = status
        self.request_id = request_id
        self.operation_name = operation_name

    @property
    def is_throttling(self) -> bool:
        """True when the service throttled the call."""
        return self.code in THROTTLING_CODES or self.http_status_code == 429

    @property
    def fault(self) -> Literal["client", "server"]:
        """Whose fault it was, by the HTTP status. A retry may help against a fault of the server."""
        return "server" if self.http_status_code >= 500 else "client"


class ConcurrentPipelineExecutionsLimitExceededException(ServiceError):
    """The pipeline has as many executions in progress as it may have."""


class ConflictException(ServiceError):
    """The pipeline is busy: try again later."""

    http_status_code = 409


class InvalidNextTokenException(ServiceError):
    """The token that continues a list is not valid: it may have expired."""


class PipelineExecutionNotFoundException(ServiceError):
    """The execution cannot be found, belongs to another pipeline, or its id has an invalid format."""


class PipelineNotFoundException(ServiceError):
    """The pipeline cannot be found in this account and region, or its name has an invalid format."""


class ValidationException(ServiceError):
    """The service found the input invalid."""


class AccessDeniedException(ServiceError):
    """The credentials do not allow the operation on this pipeline: each takes the permission of its name."""


class ExpiredTokenException(ServiceError):
    """The session token has expired."""


class IncompleteSignature(ServiceError):
    """The signature does not conform to AWS standards."""


class InternalFailure(ServiceError):
    """The service failed because of an unknown internal error."""

    http_status_code = 500


class InternalServerError(ServiceError):
    """The service failed because of an internal error."""

    http_status_code = 500


class InvalidClientTokenId(ServiceError):
    """The access key is not known to AWS."""


class InvalidSignatureException(ServiceError):
    """The signature does not match: a wrong secret key, a wrong clock, or a request that was changed on its way."""


class MalformedHttpRequestException(ServiceError):
    """The HTTP request could not be read."""


class MissingAuthenticationTokenException(ServiceError):
    """The request came without a signature."""


class NotAuthorized(ServiceError):
    """The credentials do not allow the action."""


class OptInRequired(ServiceError):
    """The access key needs a subscription for the service."""


class RequestAbortedException(ServiceError):
    """The request was aborted before a response was sent."""


class RequestEntityTooLargeException(ServiceError):
    """The request is too large."""


class RequestExpired(ServiceError):
    """The request came more than 15 minutes after, or before, the time it was signed for."""


class RequestTimeTooSkewed(ServiceError):
    """The clocks of the client and of the service are too far apart."""


class RequestTimeoutException(ServiceError):
    """The service ran out of time while it read the request."""


class ServiceUnavailable(ServiceError):
    """The service is not available at the moment."""

    http_status_code = 503


class SignatureDoesNotMatch(ServiceError):
    """The signature does not match: a wrong secret key, or a request that was changed on its way."""


class ThrottlingException(ServiceError):
    """Too many calls: the account's rate was exceeded."""


class TooManyRequestsException(ServiceError):
    """Too many calls at once."""


class UnknownOperationException(ServiceError):
    """The endpoint does not know the operation: it may belong to another service."""


class UnrecognizedClientException(ServiceError):
    """The access key or its certificate is not known to AWS."""


class ValidationError(ServiceError):
    """The input fails the constraints of the service."""


SERVICE_ERRORS: Final = {error.__name__: error for error in ServiceError.__subclasses__()}
"""The class for each error code."""

THROTTLING_CODES: Final = frozenset(
    {
        *("Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException"),
        *("TooManyRequestsException", "RequestLimitExceeded", "LimitExceededException", "BandwidthLimitExceeded"),
        *("ProvisionedThroughputExceededException", "TransactionInProgressException", "PriorRequestNotComplete"),
        *("SlowDown", "EC2ThrottledException"),
    }
)
"""The error codes for throttling, the same list in every AWS SDK."""


class WaitTimeoutError(CodePipelineError, TimeoutError):
    """
    The execution was not finished when the wait timed out. It continues in AWS.

    A wait makes many calls: `polls` counts them, and `attempts` is 0.
    """

    execution: PipelineExecution | None
    """The execution as it was last seen. None if no poll returned it."""
    polls: int
    """How many times this execution was polled."""
    seconds: float
    """How long the wait was."""
    failures: int
    """How many of the polls failed with an error that may be temporary. If the last one did, its error is the cause."""

    def __init__(
        self,
        message: str,
        *,
        execution: PipelineExecution | None = None,
        polls: int = 0,
        seconds: float = 0.0,
        failures: int = 0,
    ) -> None:
        super().__init__(message)
        self.execution = execution
        self.polls = polls
        self.seconds = seconds
        self.failures = failures


class PipelineExecutionOutcomeError(CodePipelineError):
    """The call succeeded, but the execution's status is not the one expected."""

    execution: PipelineExecution
    """The execution."""

    def __init__(self, message: str, *, execution: PipelineExecution) -> None:
        super().__init__(message)
        self.execution = execution


class PipelineExecutionFailedError(PipelineExecutionOutcomeError):
    """The execution ended as Failed."""


class PipelineExecutionStoppedError(PipelineExecutionOutcomeError):
    """The execution was stopped by hand."""


class PipelineExecutionSupersededError(PipelineExecutionOutcomeError):
    """A newer execution superseded this one."""


class PipelineExecutionCancelledError(PipelineExecutionOutcomeError):
    """The pipeline's definition was updated before the execution finished."""


class ArtifactRevisionLookupError(CodePipelineError, LookupError):
    """An execution has no revision of the requested artifact, or more than one."""

    artifact_name: str
    """The requested artifact."""
    candidates: tuple[ArtifactRevision, ...]
    """The revisions of that artifact: none, or more than one to choose from."""

    def __init__(self, message: str, *, artifact_name: str, candidates: tuple[ArtifactRevision, ...]) -> None:
        super().__init__(message)
        self.artifact_name = artifact_name
        self.candidates = candidates


def printable(text: str) -> str:
    """
    Return *text* with control characters escaped, so that no response can forge a line in a log or a terminal.

    Line ends are escaped too: split a text of several lines first. The messages of this package's errors are escaped.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


def shorten(text: str, length: int = 300) -> str:
    """Return *text* on one line, cut to a *length* that fits a message."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
