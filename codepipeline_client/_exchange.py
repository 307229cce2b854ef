"""
One call, from input to output: the map of everything between.

A plain generator: it yields the attempts to make, is sent each response or has the failure thrown in, and returns
the output. Who drives it does the waiting; here is neither I/O nor clock.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from time import gmtime, strftime
from typing import Final, NamedTuple

from ._call.clock_skew import SKEW_CODES, Skew, is_notable, seen_skew
from ._protocol import awsjson
from ._protocol.messages import Attempt, Headers, Request, Response
from ._protocol.sigv4 import Credentials
from ._retry import Retries, RetryPolicy
from .errors import (
    CodePipelineError,
    CredentialsError,
    RequestTimeoutError,
    ServiceError,
)
from .models import ResponseMetadata
from .operations import InputT, Operation, OutputT

_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken"})

Exchange = Generator[Attempt, Response, OutputT]


class Unsent(BaseException):
    """Thrown into an exchange by who drives it: the attempt will not be made, nor any other."""


class Route(NamedTuple):
    """What all calls of a client have in common."""

    url: str
    """The endpoint."""
    headers: Headers
    """What goes with every request: who is calling, and what the answer may be."""
    retry: RetryPolicy
    """When to try again."""
    skew: Skew | None
    """The service's clock, as far as it is known. None to sign by this machine's clock, whatever the service says."""
    lifetime: Callable[[], float]
    """Until when an attempt that is made now may go on, in seconds since the epoch, by this machine's clock."""
    region_name: str | None = None
    """The region that answers. None when nobody says."""


def exchange(
    operation: Operation[InputT, OutputT], asked: InputT, route: Route, *, invocation_id: str
) -> Exchange[OutputT]:
    """
    Encode, attempt, decide, decode.

    The input has been checked. *invocation_id* is the same for all attempts of the call, and for no other call.
    """
    headers = (*route.headers, ("amz-sdk-invocation-id", invocation_id))
    request = awsjson.encode(operation.name, operation.to_wire(asked), url=route.url, headers=headers)
    call = _Call(request=request, route=route)
    attempt = call.first()
    while True:
        response: Response | None = None
        try:
            response = yield attempt
            call.learn(response)
            output = _read(operation, asked, response, attempt.number, route.region_name)
        except CodePipelineError as error:
            failure = error
        except Unsent:
            call.retries.unsent()
            raise
        else:
            call.retries.succeeded()
            return output
        attempt = call.next(attempt, failure, response)


class _Call:
    """One call's way from attempt to attempt."""

    __slots__ = ("may_renew", "request", "retries", "route")

    def __init__(self, *, request: Request, route: Route) -> None:
        self.request = request
        self.route = route
        self.retries: Retries = route.retry.begin()
        self.may_renew = True
        """Keys that the service calls expired are fetched anew once in a call."""

    def first(self) -> Attempt:
        return self._attempt(1, self.retries.lead())

    def learn(self, response: Response) -> None:
        """Correct the client's idea of the service's clock."""
        if self.route.skew is not None:
            seen = seen_skew(response.headers, sent=response.sent, received=response.received)
            if seen is not None:
                self.route.skew.correct(seen)

    def next(self, attempt: Attempt, failure: CodePipelineError, response: Response | None) -> Attempt:
        """Return the attempt after one that failed, or raise what the call fails with."""
        if isinstance(failure, CredentialsError):
            self.retries.unsent()
            if attempt.stale is not None and attempt.after is not None:
                raise attempt.after from failure
            failure.attempts = attempt.number - 1
            raise failure
        failure.attempts = attempt.number
        if isinstance(failure, RequestTimeoutError) and failure.limit == "timeout":
            raise failure from attempt.after or failure.__cause__
        failure.with_traceback(None)  # the frames that read the answer hold all of it
        if response is not None and response.credentials is not None and self.may_renew and _is_expired(failure):
            self.may_renew = False
            return self._attempt(attempt.number + 1, self.retries.lead(), after=failure, stale=response.credentials)
        pause = self.retries.pause(
            failure,
            attempt.number,
            retry_after=response.headers.get("x-amz-retry-after") if response is not None else None,
            skewed=self._is_skewed(attempt, failure),
        )
        if pause is None:
            raise failure
        return self._attempt(attempt.number + 1, pause, after=failure)

    def _is_skewed(self, attempt: Attempt, failure: CodePipelineError) -> bool:
        """Return whether the signature may have been refused for its time, which is known better by now."""
        skew = self.route.skew
        timely = isinstance(failure, ServiceError) and failure.code in SKEW_CODES
        return skew is not None and timely and is_notable(attempt.skew, skew.seconds)

    def _attempt(
        self,
        number: int,
        delay: float,
        *,
        after: CodePipelineError | None = None,
        stale: Credentials | None = None,
    ) -> Attempt:
        skew = self.route.skew
        turn = f"attempt={number}; max={max(number, self.route.retry.max_attempts)}"
        if number > 1 and skew is not None and skew.is_known:
            ends = gmtime(self.route.lifetime() + delay + skew.seconds)
            turn = f"ttl={strftime('%Y%m%dT%H%M%SZ', ends)}; {turn}"
        request = self.request
        headers = (*request.headers, ("amz-sdk-request", turn))
        return Attempt(
            request=Request(method=request.method, url=request.url, headers=headers, body=request.body),
            number=number,
            delay=delay,
            stale=stale,
            skew=0.0 if skew is None else skew.seconds,
            after=after,
        )


def _read(
    operation: Operation[InputT, OutputT], asked: InputT, response: Response, number: int, region_name: str | None
) -> OutputT:
    members = awsjson.decode(operation.name, response)
    metadata = ResponseMetadata(
        request_id=response.request_id,
        http_status_code=response.status_code,
        http_headers=response.headers,
        attempts=number,
    )
    return operation.from_wire(members, asked, metadata, region_name)


def _is_expired(failure: CodePipelineError) -> bool:
    return isinstance(failure, ServiceError) and failure.code in _EXPIRED
