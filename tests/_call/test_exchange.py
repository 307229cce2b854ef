"""The exchange, driven by hand: what it asks for, and what it makes of each answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest
from attrs import evolve

from codepipeline_client import (
    CodePipelineError,
    ConnectionFailedError,
    Credentials,
    CredentialsError,
    ExpiredTokenException,
    GetPipelineExecutionInput,
    GetPipelineExecutionOutput,
    PipelineNotFoundException,
    RequestTimeoutError,
    ResponseDecodeError,
)
from codepipeline_client._call.exchange import CallDefaults, Exchange, Skew, Unsent, exchange
from codepipeline_client._call.retry import policy
from codepipeline_client._protocol.messages import Response
from codepipeline_client.operations import GET_PIPELINE_EXECUTION

ASKED = GetPipelineExecutionInput(pipeline_name="web", pipeline_execution_id="3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e")
OFF = policy("off", max_attempts=3, chance=lambda: 0.0, monotonic=lambda: 0.0)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
DEFAULTS = CallDefaults(
    url="https://codepipeline.eu-west-1.amazonaws.com",
    headers=(("User-Agent", "me"),),
    retry=OFF,
    skew=None,
    lifetime=lambda: NOON + 20,
)
KEYS = Credentials(access_key_id="AKID", secret_access_key="secret")
GOOD = Response(status_code=200, headers={"x-amzn-requestid": "r-1"}, body=b'{"pipelineExecution":{"status":"Failed"}}')


class Stubborn:
    """Tries again after whatever failure, as often as it may, with a pause that tells the attempt."""

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts
        self.told: list[tuple[object, ...]] = []

    def begin(self) -> Any:
        self.told.append(("begin",))
        return self

    def lead(self) -> float:
        self.told.append(("lead",))
        return 0.0

    def pause(self, failure: CodePipelineError, attempt: int, *, retry_after: str | None, skewed: bool) -> float | None:
        self.told.append((type(failure).__name__, attempt, retry_after, skewed))
        return attempt / 10 if attempt < self.max_attempts else None

    def succeeded(self) -> None:
        self.told.append(("succeeded",))

    def unsent(self) -> None:
        self.told.append(("unsent",))


def begin(retry: Any = OFF, skew: Skew | None = None) -> Exchange[GetPipelineExecutionOutput]:
    defaults = DEFAULTS._replace(retry=retry, skew=skew)
    return exchange(GET_PIPELINE_EXECUTION, ASKED, defaults, invocation_id="i-1")


def refusal(code: str, credentials: Credentials | None = None) -> Response:
    return Response(status_code=400, headers={}, body=json.dumps({"__type": code}).encode(), credentials=credentials)


def altered(response: Response, **members: Any) -> Response:
    return evolve(response, **members)


def finished(running: Exchange[GetPipelineExecutionOutput], response: Response) -> GetPipelineExecutionOutput:
    with pytest.raises(StopIteration) as end:
        running.send(response)
    output: GetPipelineExecutionOutput = end.value.value
    return output


def test_a_good_answer_is_the_output_after_one_attempt() -> None:
    running = begin()
    attempt = next(running)
    assert (attempt.number, attempt.delay, attempt.stale) == (1, 0.0, None)
    assert attempt.request.url == DEFAULTS.url
    assert attempt.request.headers == (
        ("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "CodePipeline_20150709.GetPipelineExecution"),
        ("User-Agent", "me"),
        ("amz-sdk-invocation-id", "i-1"),
        ("amz-sdk-request", "attempt=1; max=1"),
    )
    output = finished(running, GOOD)
    assert output.pipeline_execution.status == "Failed"
    metadata = output.response_metadata
    assert (metadata.request_id, metadata.http_status_code, metadata.attempts) == ("r-1", 200, 1)
    assert metadata.http_headers == GOOD.headers


FAILURES = [
    pytest.param(refusal("PipelineNotFoundException"), PipelineNotFoundException, id="service-error"),
    pytest.param(altered(GOOD, body=b"<html>"), ResponseDecodeError, id="no-json"),
    pytest.param(altered(GOOD, body=b"{}"), ResponseDecodeError, id="no-execution"),
    pytest.param(ConnectionFailedError("refused"), ConnectionFailedError, id="no-answer"),
]


def fail(running: Exchange[GetPipelineExecutionOutput], outcome: Response | CodePipelineError) -> float:
    again = running.throw(outcome) if isinstance(outcome, CodePipelineError) else running.send(outcome)
    return again.delay


@pytest.mark.parametrize(("outcome", "kind"), FAILURES)
def test_a_failure_is_raised_when_the_policy_gives_up(
    outcome: Response | CodePipelineError, kind: type[CodePipelineError]
) -> None:
    running = begin()
    next(running)
    with pytest.raises(kind) as caught:
        fail(running, outcome)
    assert caught.value.attempts == 1
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("outcome", "kind"), FAILURES)
def test_a_failure_is_tried_again_as_the_policy_says(
    outcome: Response | CodePipelineError, kind: type[CodePipelineError]
) -> None:
    patience = Stubborn(3)
    running = begin(patience)
    assert next(running).request.headers[-1] == ("amz-sdk-request", "attempt=1; max=3")
    assert fail(running, outcome) == 0.1
    assert fail(running, outcome) == 0.2
    assert finished(running, GOOD).response_metadata.attempts == 3
    asked = [(kind.__name__, 1, None, False), (kind.__name__, 2, None, False)]
    assert patience.told == [("begin",), ("lead",), *asked, ("succeeded",)]


def test_all_attempts_of_a_call_are_one_invocation() -> None:
    running = begin(Stubborn(2))
    first = next(running)
    second = running.throw(ConnectionFailedError("refused"))
    assert second.number == 2
    assert second.request.headers[-1] == ("amz-sdk-request", "attempt=2; max=2")
    assert second.request.headers[:-1] == first.request.headers[:-1]
    assert second.request.body == first.request.body


def test_expired_keys_are_renewed_once_whatever_the_policy() -> None:
    running = begin()
    next(running)
    again = running.send(refusal("ExpiredTokenException", KEYS))
    assert (again.number, again.delay, again.stale) == (2, 0.0, KEYS)
    assert finished(running, GOOD).response_metadata.attempts == 2


def test_keys_that_are_expired_again_are_an_error() -> None:
    running = begin()
    next(running)
    running.send(refusal("ExpiredTokenException", KEYS))
    with pytest.raises(ExpiredTokenException) as caught:
        running.send(refusal("ExpiredTokenException", evolve(KEYS, access_key_id="AKID2")))
    assert caught.value.attempts == 2


def test_keys_that_cannot_be_renewed_leave_the_services_own_error() -> None:
    running = begin()
    next(running)
    running.send(refusal("ExpiredTokenException", KEYS))
    unchanged = CredentialsError("the same keys again")
    with pytest.raises(ExpiredTokenException) as caught:
        running.throw(unchanged)
    assert caught.value.attempts == 1
    assert caught.value.__cause__ is unchanged


def test_keys_that_nobody_knows_cannot_be_renewed() -> None:
    running = begin()
    next(running)
    with pytest.raises(ExpiredTokenException) as caught:
        running.send(refusal("ExpiredTokenException", None))
    assert caught.value.attempts == 1


def test_no_keys_is_an_error_before_the_first_request() -> None:
    running = begin()
    next(running)
    with pytest.raises(CredentialsError) as caught:
        running.throw(CredentialsError("none"))
    assert caught.value.attempts == 0


def test_a_retry_after_renewed_keys_signs_as_usual() -> None:
    running = begin(Stubborn(4))
    next(running)
    running.send(refusal("ExpiredTokenException", KEYS))
    third = running.throw(ConnectionFailedError("reset"))
    assert (third.number, third.stale) == (3, None)


# Time


def dated(response: Response, *, ahead: float, sent: float = NOON, received: float = NOON + 2) -> Response:
    """The same answer, from a service whose clock is *ahead* seconds ahead."""
    date = formatdate((sent + received) / 2 + ahead, usegmt=True)
    return altered(response, headers={**response.headers, "date": date}, sent=sent, received=received)


def test_the_time_that_an_answer_tells_is_kept_for_the_next_call() -> None:
    skew = Skew()
    running = begin(skew=skew)
    assert next(running).skew == 0.0
    finished(running, dated(GOOD, ahead=3600))
    assert (skew.seconds, skew.is_known) == (3600, True)
    assert next(begin(skew=skew)).skew == 3600


def test_a_wrong_belief_is_healed_by_any_answer() -> None:
    skew = Skew()
    skew.correct(-7200)
    running = begin(skew=skew)
    next(running)
    with pytest.raises(PipelineNotFoundException):
        running.send(dated(refusal("PipelineNotFoundException"), ahead=0))
    assert skew.seconds == 0


@pytest.mark.parametrize(
    ("code", "ahead", "skewed"),
    [
        pytest.param("InvalidSignatureException", 3600, True, id="signature-an-hour-ahead"),
        pytest.param("RequestTimeTooSkewed", -3600, True, id="an-hour-behind"),
        pytest.param("RequestExpired", 241, True, id="just-notable"),
        pytest.param("AccessDeniedException", 240, False, id="not-notable"),
        pytest.param("SignatureDoesNotMatch", 0, False, id="clocks-agree"),
        pytest.param("AuthFailure", 3600, True, id="a-code-without-class"),
        pytest.param("PipelineNotFoundException", 3600, False, id="not-about-time"),
    ],
)
def test_a_refusal_is_blamed_on_the_clocks_when_they_differ(code: str, ahead: float, skewed: bool) -> None:
    patience = Stubborn(2)
    running = begin(patience, Skew())
    next(running)
    again = running.send(dated(refusal(code), ahead=ahead))
    assert patience.told[-1][-1] is skewed
    assert again.skew == ahead


def test_a_refusal_without_a_date_blames_nobody() -> None:
    patience = Stubborn(2)
    running = begin(patience, Skew())
    next(running)
    running.send(refusal("InvalidSignatureException"))
    assert patience.told[-1][-1] is False


def test_without_correction_this_machines_clock_stands() -> None:
    patience = Stubborn(2)
    running = begin(patience, None)
    next(running)
    again = running.send(dated(refusal("InvalidSignatureException"), ahead=3600))
    assert patience.told[-1][-1] is False
    assert again.skew == 0.0
    assert again.request.headers[-1] == ("amz-sdk-request", "attempt=2; max=2")


def test_a_retry_says_until_when_it_may_be_answered_once_the_services_time_is_known() -> None:
    running = begin(Stubborn(3), Skew())
    next(running)
    unknown = running.throw(ConnectionFailedError("reset"))
    assert unknown.request.headers[-1] == ("amz-sdk-request", "attempt=2; max=3")
    known = running.send(dated(refusal("ThrottlingException"), ahead=3600))
    assert known.delay == 0.2
    assert known.request.headers[-1] == ("amz-sdk-request", "ttl=20261122T130020Z; attempt=3; max=3")


def test_the_service_may_ask_for_a_pause() -> None:
    patience = Stubborn(2)
    running = begin(patience)
    next(running)
    running.send(altered(refusal("ThrottlingException"), headers={"x-amz-retry-after": "1500"}))
    assert patience.told[-1] == ("ThrottlingException", 1, "1500", False)


# The end of the time


def test_time_that_ends_in_the_first_attempt_keeps_what_it_broke_off() -> None:
    running = begin(Stubborn(3))
    next(running)
    late = RequestTimeoutError("late", limit="timeout")
    late.__cause__ = ConnectionFailedError("slow")
    with pytest.raises(RequestTimeoutError) as caught:
        running.throw(late)
    assert (str(caught.value.__cause__), caught.value.attempts) == ("slow", 1)


def test_another_timeout_is_a_failure_like_any_other() -> None:
    running = begin(Stubborn(3))
    next(running)
    assert running.throw(RequestTimeoutError("slow", limit="read_timeout")).number == 2


def test_a_pause_that_is_broken_off_gives_back_what_was_reserved() -> None:
    patience = Stubborn(3)
    running = begin(patience)
    next(running)
    with pytest.raises(Unsent):
        running.throw(Unsent())
    assert patience.told[-1] == ("unsent",)


def test_time_that_ends_after_sending_gives_nothing_back() -> None:
    patience = Stubborn(3)
    running = begin(patience)
    next(running)
    late = RequestTimeoutError("late", limit="timeout")
    late.attempts = 1
    with pytest.raises(RequestTimeoutError):
        running.throw(late)
    assert patience.told[-1] == ("lead",)
