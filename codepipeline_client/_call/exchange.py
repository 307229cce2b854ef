"""
One call, from input to output: the map of everything between.

A plain generator: it yields the attempts to make, is sent each response or has the failure thrown in, and returns
the output. Who drives it does the waiting; here is neither I/O nor clock.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from time import gmtime, strftime
from typing import Final, NamedTuple

from .._protocol import awsjson
from .._protocol.messages import Attempt, Headers, Request, Response
from .._protocol.sigv4 import Credentials
from ..errors import CodePipelineError, CredentialsError, RequestTimeoutError, ServiceError
from ..models import ResponseMetadata
from ..operations import InputT, Operation, OutputT
from .retry import CallRetries, RetryPolicy

_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken"})

Exchange = Generator[Attempt, Response, OutputT]


class Unsent(BaseException):
    """Thrown into an exchange by who drives it: the attempt will not be made, nor any other."""


class CallDefaults(NamedTuple):
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
    operation: Operation[InputT, OutputT], asked: InputT, defaults: CallDefaults, *, invocation_id: str
) -> Exchange[OutputT]:
    """
    Encode, attempt, decide, decode.

    The input has been checked. *invocation_id* is the same for all attempts of the call, and for no other call.
    """
    headers = (*defaults.headers, ("amz-sdk-invocation-id", invocation_id))
    request = awsjson.encode(operation.name, operation.to_wire(asked), url=defaults.url, headers=headers)
    call = _Attempts(request=request, defaults=defaults)
    attempt = call.first()
    while True:
        response: Response | None = None
        try:
            response = yield attempt
            call.learn(response)
            output = _read(operation, asked, response, attempt.number, defaults.region_name)
        except CodePipelineError as error:
            failure = error
        except Unsent:
            call.retries.unsent()
            raise
        else:
            call.retries.succeeded()
            return output
        attempt = call.next(attempt, failure, response)


class _Attempts:
    """One call's way from attempt to attempt."""

    __slots__ = ("defaults", "may_renew", "request", "retries")

    def __init__(self, *, request: Request, defaults: CallDefaults) -> None:
        self.request = request
        self.defaults = defaults
        self.retries: CallRetries = defaults.retry.begin()
        self.may_renew = True
        """Keys that the service calls expired are fetched anew once in a call."""

    def first(self) -> Attempt:
        return self._attempt(1, self.retries.lead())

    def learn(self, response: Response) -> None:
        """Correct the client's idea of the service's clock."""
        if self.defaults.skew is not None:
            seen = seen_skew(response.headers, sent=response.sent, received=response.received)
            if seen is not None:
                self.defaults.skew.correct(seen)

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
        skew = self.defaults.skew
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
        skew = self.defaults.skew
        turn = f"attempt={number}; max={max(number, self.defaults.retry.max_attempts)}"
        if number > 1 and skew is not None and skew.is_known:
            ends = gmtime(self.defaults.lifetime() + delay + skew.seconds)
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


# How far the service's clock is ahead of this machine's

SKEW_CODES: Final = frozenset(
    {
        *("InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"),
        *("RequestTimeTooSkewed", "RequestExpired", "AccessDeniedException"),
    }
)
"""The codes of a request that was refused for its time, or for another reason."""

_TOLERATED: Final = 4 * 60.0
_TOO_SLOW: Final = 15 * 60.0
_NEVER: Final = 32_503_680_000.0
"""The year 3000: some systems cannot convert later times."""


class Skew:
    """How far the service's clock is ahead of this machine's, in seconds, as last seen. Each client has one."""

    __slots__ = ("is_known", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_known = False

    def correct(self, seen: float) -> None:
        """Replace the skew by the one *seen* in a response."""
        self.seconds = seen
        self.is_known = True


def seen_skew(headers: Mapping[str, str], *, sent: float, received: float) -> float | None:
    """
    Return how far the service's clock is ahead, by the Date of its response.

    None for a response without Date, from a cache, or after 15 minutes. *sent* and *received* are this machine's
    times, in seconds since the epoch.
    """
    date = headers.get("date")
    if date is None or "age" in headers or not 0 <= received - sent < _TOO_SLOW:
        return None
    seconds = _parse(date)
    return None if seconds is None else seconds - (sent + received) / 2


def is_notable(believed: float, seen: float) -> bool:
    """Return whether a signature with the skew *believed* may be refused when the skew is *seen*."""
    return abs(believed - seen) > _TOLERATED


@lru_cache(maxsize=16)
def _parse(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < _NEVER else None
