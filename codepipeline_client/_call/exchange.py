"""
One call, from input to output.

A plain generator: it yields the attempts to make, is sent each response or has the failure thrown in, and returns the
output. The driver does the waiting; here is no I/O, and no clock but those in the defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from time import gmtime, strftime
from typing import Final, NamedTuple

from .._protocol import awsjson
from .._protocol.messages import Attempt, Headers, Response
from .._protocol.sigv4 import Credentials
from ..errors import CodePipelineError, CredentialsError, RequestTimeoutError, ServiceError
from ..models import ResponseMetadata
from ..operations import InputT, Operation, OutputT
from .retry import RetryPolicy

_EXPIRED: Final = frozenset({"ExpiredTokenException", "ExpiredToken"})
SKEW_CODES: Final = frozenset(
    {
        *("InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"),
        *("RequestTimeTooSkewed", "RequestExpired", "AccessDeniedException"),
    }
)
Exchange = Generator[Attempt, Response, OutputT]


class CallDefaults(NamedTuple):
    """What the exchanges of a client have in common."""

    headers: Headers
    """The headers of every request beside the protocol's."""
    retry: RetryPolicy
    skew: Skew
    lifetime: Callable[[], float]
    """Until when an attempt that is made now may last, in seconds since the epoch, by this machine's clock."""
    region_name: str | None


def exchange(
    operation: Operation[InputT, OutputT],
    operation_input: InputT,
    defaults: CallDefaults,
    invocation_id: str,
    *,
    is_poll: bool = False,
) -> Exchange[OutputT]:
    """
    Encode, attempt, decide, decode.

    The input has been checked. *invocation_id* is the same for all attempts of the call, and for no other call.
    """
    protocol_headers, body = awsjson.encode(operation.name, operation_input.to_wire())
    headers = (*protocol_headers, *defaults.headers, ("amz-sdk-invocation-id", invocation_id))
    policy, skew = defaults.retry, defaults.skew
    number, taken, may_refresh = 0, 1, True
    failure: CodePipelineError | None = None
    stale: Credentials | None = None
    delay = policy.reserve()
    while True:
        number += 1
        progress = f"attempt={number}; max={max(number, policy.max_attempts)}"
        if number > 1 and skew.is_corrected and skew.has_seen_date:
            ends = gmtime(defaults.lifetime() + delay + skew.seconds)
            progress = f"ttl={strftime('%Y%m%dT%H%M%SZ', ends)}; {progress}"
        attempt = Attempt(
            headers=(*headers, ("amz-sdk-request", progress)),
            body=body,
            number=number,
            delay=delay,
            stale=stale,
            skew=skew.seconds,
            after=failure,
        )
        response: Response | None = None
        try:
            response = yield attempt
            skew.has_seen_date |= "date" in response.headers
            metadata = ResponseMetadata(
                request_id=response.request_id,
                http_status_code=response.status_code,
                http_headers=response.headers,
                attempts=number,
            )
            read = partial(operation.from_wire, operation_input, metadata, defaults.region_name)
            output = awsjson.decode(operation.name, response, read)
        except CodePipelineError as error:
            failure = error
        else:
            policy.succeeded(taken)
            return output
        finally:
            if attempt.sent_at is None:
                policy.unsent()
        _raise_if_final(failure, attempt)
        code = failure.code if isinstance(failure, ServiceError) else None
        if may_refresh and attempt.credentials is not None and code in _EXPIRED:
            may_refresh = False  # once in a call
            stale, delay = attempt.credentials, policy.reserve()
        else:
            retry = policy.retry(
                failure,
                number,
                retry_after=None if response is None else response.headers.get("x-amz-retry-after"),
                is_skewed=code in SKEW_CODES and response is not None and skew.learn(attempt, response),
                is_idempotent=operation.is_idempotent,
                is_poll=is_poll,
            )
            if retry is None:
                raise failure
            stale, (delay, taken) = None, retry


def _raise_if_final(failure: CodePipelineError, attempt: Attempt) -> None:
    """Raise the failure of an attempt that was not sent, or that the end of the call's time has broken off."""
    failure.attempts = attempt.number
    if attempt.sent_at is None:
        failure.attempts -= 1
        if attempt.stale is not None and attempt.after is not None and isinstance(failure, CredentialsError):
            raise attempt.after from failure
    elif not (isinstance(failure, RequestTimeoutError) and failure.limit == "timeout"):
        failure.with_traceback(None)  # the frames that decoded the response hold all of it
        return
    raise failure from failure.__cause__ or attempt.after


_TOLERATED: Final = 4 * 60.0
_TOO_SLOW: Final = 15 * 60.0
_YEAR_3000: Final = 32_503_680_000.0
"""Some systems cannot convert later times."""


class Skew:
    """
    How far the service's clock is ahead of this machine's. Each client has one.

    It is learnt from refusals with one of `SKEW_CODES` only: an accepted request proves that its time was right, and a
    5xx or the page of a proxy proves nothing. Unless *is_corrected*, requests are signed by this machine's clock.
    """

    def __init__(self, *, is_corrected: bool = True) -> None:
        self.is_corrected = is_corrected
        self.seconds = 0.0
        self.has_seen_date = False
        """From the first Date on, retries say until when they may last."""

    def learn(self, attempt: Attempt, response: Response) -> bool:
        """
        Correct the skew by the Date of a refusal that it may explain. Return whether it was wrong.

        Nothing is learnt without a Date, from a cache, or after 15 minutes.
        """
        headers, received, sent = response.headers, response.received, attempt.sent_at
        if not self.is_corrected or "age" in headers or sent is None or not 0 <= received - sent < _TOO_SLOW:
            return False
        try:
            moment = parsedate_to_datetime(headers.get("date", ""))
            seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
        except (ValueError, OverflowError):
            return False
        ahead = seconds - (sent + received) / 2
        if not 0 <= seconds < _YEAR_3000 or abs(ahead - attempt.skew) <= _TOLERATED:
            return False
        self.seconds = ahead
        return True
