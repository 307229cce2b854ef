"""
One call, from input to output: the map of everything between.

A plain generator: it yields the attempts to make, is sent each response or has the failure thrown in, and returns
the output. Who drives it does the waiting; here is neither I/O nor clock.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from attrs import frozen

from . import _awsjson
from ._message import Attempt, Credentials, Headers, Request, Response
from ._retry import RetryPolicy
from .errors import CodePipelineError, CredentialsError, ParameterValidationError, ServiceError
from .models import ResponseMetadata
from .operations import InputT, Operation, OutputT

_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken"})

Exchange = Generator[Attempt, Response, OutputT]


@frozen(kw_only=True)
class Route:
    """What all calls of a client have in common."""

    url: str
    """The endpoint."""
    headers: Headers
    """What goes with every request: who is calling, and what the answer may be."""
    retry: RetryPolicy
    """When to try again."""
    parameter_validation: bool
    """False to leave all but the types of an input to the service."""


def exchange(
    operation: Operation[InputT, OutputT], asked: InputT, route: Route, *, invocation_id: str
) -> Exchange[OutputT]:
    """
    Encode, attempt, decide, decode.

    *invocation_id* is the same for all attempts of the call, and for no other call.
    """
    violations = operation.violations(asked, route.parameter_validation)
    if violations:
        raise ParameterValidationError(operation.name, violations)
    headers = (*route.headers, ("amz-sdk-invocation-id", invocation_id))
    request = _awsjson.encode(operation.name, operation.to_wire(asked), url=route.url, headers=headers)
    number, delay = 1, 0.0
    stale: Credentials | None = None
    expired: CodePipelineError | None = None
    while True:
        response: Response | None = None
        try:
            response = yield Attempt(
                request=_numbered(request, number, route.retry.max_attempts), number=number, delay=delay, stale=stale
            )
            return _read(operation, asked, response, number)
        except CodePipelineError as error:
            failure = error
        if isinstance(failure, CredentialsError):
            if stale is not None and expired is not None:
                raise expired.with_traceback(None) from failure
            failure.attempts = number - 1
            raise failure
        failure.attempts = number
        stale = response.credentials if response is not None and expired is None and _is_expired(failure) else None
        if stale is not None:
            expired, delay = failure, 0.0
        else:
            pause = route.retry.pause(failure, number)
            if pause is None:
                raise failure.with_traceback(None)  # the frames that read the answer hold all of it
            delay = pause
        number += 1


def _numbered(request: Request, number: int, of: int) -> Request:
    turn = ("amz-sdk-request", f"attempt={number}; max={max(number, of)}")
    return Request(method=request.method, url=request.url, headers=(*request.headers, turn), body=request.body)


def _read(operation: Operation[InputT, OutputT], asked: InputT, response: Response, number: int) -> OutputT:
    members = _awsjson.decode(operation.name, response)
    metadata = ResponseMetadata(
        request_id=_awsjson.request_id(response),
        http_status_code=response.status_code,
        http_headers=response.headers,
        attempts=number,
    )
    return operation.from_wire(members, asked, metadata)


def _is_expired(failure: CodePipelineError) -> bool:
    return isinstance(failure, ServiceError) and failure.code in _EXPIRED
