"""
How a command ends: the table of exit codes, and from an execution or an error to its row.

Decides nothing about retries and prints nothing. 1 and 2 are what Python and click end with themselves; there is room
in each ten for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Self

from attrs import frozen

from ..errors import (
    AccessDeniedException,
    CodePipelineError,
    ConfigurationError,
    CredentialsError,
    ExpiredTokenException,
    IncompleteSignature,
    InvalidClientTokenId,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    NotAuthorized,
    OptInRequired,
    ParameterValidationError,
    PipelineExecutionNotFoundException,
    PipelineNotFoundException,
    RequestAbortedException,
    RequestExpired,
    RequestTimeoutException,
    RequestTimeTooSkewed,
    ResponseDecodeError,
    ServiceError,
    SignatureDoesNotMatch,
    TransportError,
    UnknownOperationException,
    UnrecognizedClientException,
    WaitTimeoutError,
)
from ..models import PipelineExecutionStatus

PROGRAM: Final = "codepipeline-client"


class ExitCode(IntEnum):
    """What a script can tell from how a command ended, with the words for it in ``--help``."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Self:
        """Return the code, with its meaning beside it."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    SUCCEEDED = 0, "The execution Succeeded. For demo and serve: it went well."
    OTHER = 1, "Something else: a port is taken, the output cannot be written."
    USAGE = 2, "The arguments break a rule. Nothing was sent."
    NO_CLICK = 3, "Installed without the extra: codepipeline-client[cli]."
    NOT_ENDED = 10, "For get: it has not ended, and is InProgress, Stopping, or a status newer than this release."
    FAILED = 11, "The execution Failed."
    STOPPED = 12, "The execution was Stopped."
    CANCELLED = 13, "The execution was Cancelled."
    SUPERSEDED = 14, "The execution was Superseded."
    TIMED_OUT = 15, "For wait and watch: it did not end within --timeout, and goes on."
    NOT_FOUND = 20, "There is no such pipeline or execution."
    DENIED = 21, "The credentials do not allow the call."
    SETTINGS = 22, "Region, profile, endpoint, credentials or clock are missing or wrong."
    NO_ANSWER = 23, "No answer that can be used: a network or service failure, throttling."
    INTERRUPTED = 130, "Ctrl-C. An execution that was followed goes on."
    TERMINATED = 143, "For wait and watch: the same by SIGTERM."


_BY_STATUS: Final[Mapping[PipelineExecutionStatus, ExitCode]] = {
    PipelineExecutionStatus.SUCCEEDED: ExitCode.SUCCEEDED,
    PipelineExecutionStatus.FAILED: ExitCode.FAILED,
    PipelineExecutionStatus.STOPPED: ExitCode.STOPPED,
    PipelineExecutionStatus.CANCELLED: ExitCode.CANCELLED,
    PipelineExecutionStatus.SUPERSEDED: ExitCode.SUPERSEDED,
}


def of_status(status: PipelineExecutionStatus) -> ExitCode:
    """Return the code for an execution that was got: 0 for Succeeded only, so that ``get … && deploy`` is safe."""
    return _BY_STATUS.get(status, ExitCode.NOT_ENDED)


@frozen
class Ending:
    """How a command ends that could not do what it was asked for."""

    code: ExitCode
    line: str
    """What happened and what to do about it, in one line."""


@frozen
class _Rule:
    kinds: tuple[type[CodePipelineError], ...]
    code: ExitCode
    advice: str


_REACH: Final = "check the network, the proxy and the endpoint, then try again"
_NOT_THE_SERVICE: Final = "check that the endpoint is CodePipeline's"
_PERMISSION: Final = "it takes the permission codepipeline:GetPipelineExecution; --profile names other credentials"

_RULES: Final = (
    _Rule(
        (PipelineNotFoundException,),
        ExitCode.NOT_FOUND,
        "check the name, and whether --region and --profile are the pipeline's",
    ),
    _Rule(
        (PipelineExecutionNotFoundException,),
        ExitCode.NOT_FOUND,
        "check the id, and whether it is an execution of this pipeline",
    ),
    _Rule((AccessDeniedException, NotAuthorized, OptInRequired), ExitCode.DENIED, _PERMISSION),
    _Rule((ExpiredTokenException,), ExitCode.SETTINGS, "get new credentials, then try again"),
    _Rule(
        (
            IncompleteSignature,
            InvalidClientTokenId,
            InvalidSignatureException,
            MissingAuthenticationTokenException,
            SignatureDoesNotMatch,
            UnrecognizedClientException,
        ),
        ExitCode.SETTINGS,
        "check the keys (--profile names others), the region, and this machine's clock",
    ),
    _Rule((RequestExpired, RequestTimeTooSkewed), ExitCode.SETTINGS, "set this machine's clock, then try again"),
    _Rule((UnknownOperationException, ResponseDecodeError), ExitCode.NO_ANSWER, _NOT_THE_SERVICE),
    _Rule((RequestAbortedException, RequestTimeoutException), ExitCode.NO_ANSWER, "try again"),
    _Rule((TransportError,), ExitCode.NO_ANSWER, _REACH),
    _Rule((WaitTimeoutError,), ExitCode.TIMED_OUT, "--timeout gives it longer"),
)

_OPTIONS: Final = {"region_name": "--region", "profile_name": "--profile", "endpoint_url": "--endpoint-url"}
_ARGUMENTS: Final = {"pipeline_name": "NAME", "pipeline_execution_id": "ID"}


def of_error(error: CodePipelineError) -> Ending:
    """Return how a command ends that met *error*."""
    if isinstance(error, ParameterValidationError):
        return Ending(ExitCode.USAGE, _in_arguments(error))
    if isinstance(error, ConfigurationError | CredentialsError):
        return Ending(ExitCode.SETTINGS, _in_options(error))  # these say themselves what to do
    rule = next((rule for rule in _RULES if isinstance(error, rule.kinds)), None) or _rule_by_nature(error)
    happened = str(error).rstrip(".")
    return Ending(rule.code, f"{happened}: {rule.advice}" if rule.advice else happened)


def _rule_by_nature(error: CodePipelineError) -> _Rule:
    """Judge what has no row above: codes of the service that are rare, or newer than this release."""
    if not isinstance(error, ServiceError):
        return _Rule((), ExitCode.OTHER, "")
    if error.http_status_code in (401, 403):
        return _Rule((), ExitCode.DENIED, _PERMISSION)
    if error.is_throttling:
        return _Rule((), ExitCode.NO_ANSWER, "wait a while, then try again")
    if error.fault == "server":
        return _Rule((), ExitCode.NO_ANSWER, "try again")
    return _Rule((), ExitCode.NO_ANSWER, "AWS Support can look the request id up")


def _in_arguments(error: ParameterValidationError) -> str:
    return "; ".join(f"{_ARGUMENTS.get(each.parameter, each.parameter)} {each.rule}" for each in error.violations)


def _in_options(error: ConfigurationError | CredentialsError) -> str:
    """
    Return the message, and what the names in it are on the command line.

    The names themselves stay: a setting that came from a file is called the same there.
    """
    message = str(error)
    named = [f"{name} is {option}" for name, option in _OPTIONS.items() if name in message]
    if isinstance(error, CredentialsError):
        named.append("a profile is named with --profile")
    return f"{message} (here {', '.join(named)})" if named else message
