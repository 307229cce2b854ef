"""
The exit codes, and which of them an execution or an error ends a command with.

Prints nothing, and works without click. Python and click end with 1 and 2 themselves.
"""

from __future__ import annotations

import re
from collections.abc import Container
from enum import IntEnum
from types import UnionType
from typing import Final, Self

from .. import errors
from ..models import PipelineExecutionStatus

PROGRAM: Final = "codepipeline-client"


class ExitCode(IntEnum):
    """The exit codes, with their descriptions in ``--help``."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Return the code, with its meaning beside it."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    SUCCEEDED = 0, "Succeeded, or a status given with --ok. For the others: no error."
    OTHER = 1, "Another error, such as a port in use or an output that cannot be written."
    USAGE = 2, "The arguments are invalid. Nothing was sent."
    NOT_INSTALLED = 3, "Installed without the extra: codepipeline-client[cli]."
    NOT_TERMINAL = 10, "Not finished: InProgress, Stopping, or a status newer than this release."
    FAILED = 11, "The execution Failed."
    STOPPED = 12, "The execution was Stopped."
    CANCELLED = 13, "The execution was Cancelled."
    SUPERSEDED = 14, "The execution was Superseded."
    TIMED_OUT = 15, "For a wait: not finished within --timeout. The execution continues."
    NOT_FOUND = 20, "There is no such pipeline or execution, or no execution yet."
    DENIED = 21, "The credentials do not allow the call."
    SETTINGS = 22, "Region, profile, endpoint, credentials or clock are missing or wrong."
    NO_RESPONSE = 23, "No usable response: a network or service failure, throttling. For start: a busy pipeline."
    INTERRUPTED = 130, "Ctrl-C. The execution continues."
    TERMINATED = 143, "For a wait: SIGTERM. The execution continues."


def of_status(status: PipelineExecutionStatus, ok: Container[str] = ()) -> ExitCode:
    """Return the code for an execution that was read: 0 for Succeeded and the statuses in *ok* only."""
    if status.value in ok:
        return ExitCode.SUCCEEDED
    return ExitCode[status.name] if status.is_terminal else ExitCode.NOT_TERMINAL


_IDS: Final = "start prints an id, list shows those of a pipeline, and without an id the latest execution is used"
_PERMISSION: Final = "you need the permission codepipeline:{}; try another --profile"
_CREDENTIALS: Final = "check the credentials (or try another --profile), the region and this machine's clock"
_NO_CREDENTIALS: Final = "name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_CLOCK: Final = "set this machine's clock, then try again"
_ENDPOINT: Final = "check that the endpoint is CodePipeline's"
_NAME: Final = "check the name, and that --region and --profile are right for the pipeline"
_ID: Final = "check the id, and that it belongs to this pipeline"
_ADVICE: Final[tuple[tuple[type | UnionType, ExitCode, str], ...]] = (
    (errors.PipelineNotFoundException, ExitCode.NOT_FOUND, _NAME),
    (errors.PipelineExecutionNotFoundException, ExitCode.NOT_FOUND, _ID),
    (errors.ConflictException, ExitCode.NO_RESPONSE, "the pipeline is busy: try again in a moment"),
    (errors.ConcurrentPipelineExecutionsLimitExceededException, ExitCode.NO_RESPONSE, "try again when one has ended"),
    (errors.ValidationException | errors.ValidationError, ExitCode.NO_RESPONSE, "check the arguments"),
    (errors.AccessDeniedException | errors.NotAuthorized | errors.OptInRequired, ExitCode.DENIED, _PERMISSION),
    (errors.ExpiredTokenException, ExitCode.SETTINGS, "get new credentials, then try again"),
    (errors.IncompleteSignature | errors.InvalidSignatureException, ExitCode.SETTINGS, _CREDENTIALS),
    (errors.InvalidClientTokenId | errors.UnrecognizedClientException, ExitCode.SETTINGS, _CREDENTIALS),
    (errors.MissingAuthenticationTokenException | errors.SignatureDoesNotMatch, ExitCode.SETTINGS, _CREDENTIALS),
    (errors.RequestExpired | errors.RequestTimeTooSkewed, ExitCode.SETTINGS, _CLOCK),
    (errors.UnknownOperationException | errors.ResponseDecodeError, ExitCode.NO_RESPONSE, _ENDPOINT),
    (errors.RequestAbortedException | errors.RequestTimeoutException, ExitCode.NO_RESPONSE, "try again"),
    (errors.TransportError, ExitCode.NO_RESPONSE, "check the network, the proxy and the endpoint, then try again"),
    (errors.WaitTimeoutError, ExitCode.TIMED_OUT, "wait longer with --timeout"),
)
_NAMES: Final = {
    "region_name": "--region",
    "profile_name": "--profile",
    "endpoint_url": "--endpoint-url",
    "pipeline_name": "NAME",
    "pipeline_execution_id": "ID",
    "pass credentials= instead": "use --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "pass the CA file as verify": "set AWS_CA_BUNDLE to the CA file",
    "within connect_timeout": "in time",
    "for longer than read_timeout": "for too long",
}
_RENAMED: Final = rf"\b({'|'.join(_NAMES)})\b(?! in profile|[^;]*\(from )"
"""Where Python's words are replaced: not in the name of a variable or of a profile's setting."""


def of_error(error: errors.CodePipelineError) -> tuple[ExitCode, str, str]:
    """Return the code for *error*, what happened, and what to do about it. The last is empty if the message says it."""
    message = str(error).rstrip(".")
    last = error.__cause__ if isinstance(error, errors.WaitTimeoutError) and error.execution is None else None
    if isinstance(last, errors.CodePipelineError):
        code, words, advice = of_error(last)  # no poll has succeeded, and the message ends with the last failure
        return code, message.replace(str(last).rstrip("."), words), advice
    if not isinstance(error, errors.ServiceError | errors.ResponseDecodeError | errors.WaitTimeoutError):
        message = re.sub(_RENAMED, lambda found: _NAMES[found[0]], message)  # it has no words of the service
    if isinstance(error, errors.ParameterValidationError):
        is_about_id = any(each.parameter == "pipeline_execution_id" for each in error.violations)
        return ExitCode.USAGE, message, _IDS if is_about_id else ""
    if isinstance(error, errors.CredentialsError):
        message, found_none, _ = message.partition(". Set AWS_")
        return ExitCode.SETTINGS, message, _NO_CREDENTIALS if found_none else ""
    for kinds, code, advice in _ADVICE:
        if isinstance(error, kinds):
            return code, message, advice.format(getattr(error, "operation_name", ""))
    if isinstance(error, errors.ServiceError):
        if error.http_status_code in (401, 403):
            return ExitCode.DENIED, message, _PERMISSION.format(error.operation_name)
        if error.is_throttling:
            return ExitCode.NO_RESPONSE, message, "wait a while, then try again"
        is_theirs = error.fault == "server"
        return ExitCode.NO_RESPONSE, message, "try again" if is_theirs else "AWS Support can look up the request id"
    message, _, advice = message.partition("; ")
    return ExitCode.SETTINGS if isinstance(error, errors.ConfigurationError) else ExitCode.OTHER, message, advice
