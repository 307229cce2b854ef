"""The exchange, driven by hand: the attempts that it asks for, and what it makes of each outcome."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import formatdate
from math import inf

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from codepipeline_client import Credentials, GetPipelineExecutionInput, GetPipelineExecutionOutput, errors
from codepipeline_client._call.exchange import CallDefaults, Exchange, Skew, exchange
from codepipeline_client._call.retry import RetryPolicy
from codepipeline_client._protocol.messages import Attempt, Response
from codepipeline_client.operations import GET_PIPELINE_EXECUTION

INPUT = GetPipelineExecutionInput(pipeline_name="web", pipeline_execution_id="3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
CREDENTIALS = Credentials(access_key_id="AKID", secret_access_key="secret")
GOOD = Response(
    status_code=200,
    headers={"x-amzn-requestid": "r-1"},
    body=b'{"pipelineExecution":{"status":"Failed"}}',
    received=NOON + 2,
)
LOST = errors.ConnectionFailedError("reset")


class Call:
    """An exchange whose attempts are signed at noon, and what came of it."""

    def __init__(self, max_attempts: int = 3, *, skew: Skew | None = None, retry: RetryPolicy | None = None) -> None:
        standard = RetryPolicy("standard", max_attempts=max_attempts, chance=lambda: 1.0, monotonic=lambda: 0.0)
        self.running: Exchange[GetPipelineExecutionOutput] = exchange(
            GET_PIPELINE_EXECUTION,
            INPUT,
            CallDefaults(
                headers=(("User-Agent", "me"),),
                retry=retry or standard,
                skew=skew or Skew(),
                lifetime=lambda: NOON + 20,
                region_name=None,
            ),
            invocation_id="i-1",
        )
        self.attempt: Attempt = next(self.running)

    def go_on(
        self, outcome: Response | errors.CodePipelineError, *, credentials: Credentials | None = CREDENTIALS
    ) -> Attempt:
        self.attempt.sent_at, self.attempt.credentials = NOON, credentials
        if isinstance(outcome, Response):
            self.attempt = self.running.send(outcome)
        else:
            self.attempt = self.running.throw(outcome)
        return self.attempt

    def finish(self, response: Response = GOOD) -> GetPipelineExecutionOutput:
        with pytest.raises(StopIteration) as end:
            self.go_on(response)
        output: GetPipelineExecutionOutput = end.value.value
        return output


def refusal(code: str, status: int = 400, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"__type": code}).encode()
    return Response(status_code=status, headers=named, body=body, received=NOON + 2)


def test_all_attempts_of_a_call_are_one_invocation() -> None:
    call = Call()
    first, second = call.attempt, call.go_on(LOST)
    assert (second.number, second.delay, second.after) == (2, 0.05, LOST)
    assert second.headers == (*first.headers[:-1], ("amz-sdk-request", "attempt=2; max=3"))
    assert second.body == first.body
    assert call.finish().response_metadata.attempts == 2


def test_a_call_that_is_broken_off_in_a_pause_delays_no_other() -> None:
    """The token that the retry would have used is given back. At the lowest rate there is one in two seconds."""
    retry = RetryPolicy("adaptive", max_attempts=3, chance=lambda: 0.0, monotonic=lambda: 1000.0)
    broken_off = Call(retry=retry)
    assert broken_off.go_on(refusal("ThrottlingException")).delay == pytest.approx(2.0)
    broken_off.running.close()
    assert Call(retry=retry).attempt.delay == pytest.approx(2.0)


# Credentials


def test_a_retry_after_a_refresh_signs_as_usual() -> None:
    call = Call()
    call.go_on(refusal("ExpiredTokenException"))
    assert (call.go_on(LOST).number, call.attempt.stale) == (3, None)


def test_expired_credentials_that_nobody_knows_are_an_error() -> None:
    """A transport of the user's own has signed."""
    with pytest.raises(errors.ExpiredTokenException) as caught:
        Call().go_on(refusal("ExpiredTokenException"), credentials=None)
    assert caught.value.attempts == 1


# Clock skew


def date(seconds: float) -> str:
    return formatdate(seconds, usegmt=True)


def dated(response: Response, *, ahead: float) -> Response:
    """The same response, from a service whose clock is *ahead* seconds ahead."""
    return evolve(response, headers={**response.headers, "date": date(NOON + 1 + ahead)})


@pytest.mark.parametrize(
    ("code", "ahead", "is_skewed"),
    [
        pytest.param("InvalidSignatureException", 3600, True, id="an-hour-ahead"),
        pytest.param("RequestTimeTooSkewed", -3600, True, id="an-hour-behind"),
        pytest.param("RequestExpired", 241, True, id="just-notable"),
        pytest.param("AccessDeniedException", 240, False, id="not-notable"),
        pytest.param("SignatureDoesNotMatch", 0, False, id="clocks-agree"),
        pytest.param("AuthFailure", 3600, True, id="a-code-without-class"),
        pytest.param("PipelineNotFoundException", 3600, False, id="not-about-time"),
    ],
)
def test_a_refusal_for_its_time_is_retried_with_the_services_time(code: str, ahead: float, is_skewed: bool) -> None:
    skew = Skew()
    call = Call(skew=skew)
    if is_skewed:
        assert call.go_on(dated(refusal(code), ahead=ahead)).skew == ahead
        assert Call(skew=skew).attempt.skew == ahead
    else:
        with pytest.raises(errors.ServiceError):
            call.go_on(dated(refusal(code), ahead=ahead))
        assert skew.seconds == 0.0


@pytest.mark.parametrize("skewed_before", [0.0, -7200.0])
def test_only_a_refusal_for_its_time_changes_the_skew(skewed_before: float) -> None:
    """Any other response may come from a balancer or a proxy, whose clock is its own."""
    skew = Skew()
    skew.seconds = skewed_before
    for response in (refusal("ServiceUnavailable", 503), refusal("ThrottlingException"), evolve(GOOD, body=b"<html>")):
        assert Call(skew=skew).go_on(dated(response, ahead=3600)).skew == skewed_before
    Call(skew=skew).finish(dated(GOOD, ahead=3600))
    assert skew.seconds == skewed_before


def test_a_wrong_skew_heals_with_the_next_refusal() -> None:
    skew = Skew()
    skew.seconds = -7200.0
    assert Call(skew=skew).go_on(dated(refusal("InvalidSignatureException"), ahead=0)).skew == 0.0


def test_a_skew_learnt_by_another_call_is_used_for_the_retry() -> None:
    skew = Skew()
    call = Call(skew=skew)
    skew.seconds = 3600.0
    assert call.go_on(dated(refusal("InvalidSignatureException"), ahead=3600)).skew == 3600.0


@pytest.mark.parametrize(
    ("response", "ttl"),
    [
        pytest.param(dated(refusal("InvalidSignatureException"), ahead=3600), "20261122T130020Z", id="skewed"),
        pytest.param(dated(refusal("ServiceUnavailable", 503), ahead=3600), "20261122T120020Z", id="any-date"),
    ],
)
def test_a_retry_says_how_long_it_may_last_once_a_date_was_seen(response: Response, ttl: str) -> None:
    call = Call(skew=Skew())
    assert call.go_on(LOST).headers[-1] == ("amz-sdk-request", "attempt=2; max=3")
    assert call.go_on(response).headers[-1] == ("amz-sdk-request", f"ttl={ttl}; attempt=3; max=3")


def learnt(headers: dict[str, str], sent: float, received: float) -> float | None:
    """Return what is learnt from the response to an attempt that was signed with an impossible time."""
    skew, attempt = Skew(), Attempt(headers=(), body=b"", number=1, skew=inf, sent_at=sent)
    response = Response(status_code=403, headers=headers, body=b"", received=received)
    return skew.seconds if skew.learn(attempt, response) else None


@pytest.mark.parametrize(
    ("headers", "sent", "received", "skew"),
    [
        pytest.param({"date": date(NOON)}, NOON, NOON, 0.0, id="in-step"),
        pytest.param({"date": date(NOON + 3600)}, NOON - 1, NOON + 1, 3600.0, id="ahead-of-the-midpoint"),
        pytest.param({"date": date(NOON - 3600)}, NOON, NOON, -3600.0, id="behind"),
        pytest.param({}, NOON, NOON, None, id="no-date"),
        pytest.param({"date": date(NOON), "age": "0"}, NOON, NOON, None, id="from-a-cache"),
        pytest.param({"date": date(NOON)}, NOON - 450, NOON + 449, 0.5, id="just-in-time"),
        pytest.param({"date": date(NOON)}, NOON - 450, NOON + 450, None, id="took-15-minutes"),
        pytest.param({"date": date(NOON)}, NOON + 1, NOON, None, id="our-clock-was-set-back"),
        pytest.param({"date": "Wed, 31 Dec 1969 23:59:59 GMT"}, NOON, NOON, None, id="before-1970"),
        pytest.param({"date": "Fri, 31 Dec 2999 23:59:59 GMT"}, 0.0, 0.0, 32_503_679_999.0, id="before-3000"),
        pytest.param({"date": "Wed, 01 Jan 3000 00:00:00 GMT"}, 0.0, 0.0, None, id="3000"),
        pytest.param({"date": "yesterday"}, NOON, NOON, None, id="no-such-date"),
        pytest.param({"date": "Sun, 22 Nov 2026 12:00:00 -0000"}, NOON, NOON, 0.0, id="no-zone-is-gmt"),
        pytest.param({"date": "Sun, 22 Nov 2026 13:00:00 +0100"}, NOON, NOON, 0.0, id="another-zone"),
        pytest.param({"date": "Sun, 22 Nov 2026 12:00:00 +99999999999999"}, NOON, NOON, None, id="no-such-zone"),
        pytest.param({"date": f"{date(NOON)}, {date(NOON)}"}, NOON, NOON, 0.0, id="two-dates-the-first-counts"),
    ],
)
def test_a_response_tells_the_services_time(
    headers: dict[str, str], sent: float, received: float, skew: float | None
) -> None:
    assert learnt(headers, sent, received) == skew


@given(st.text(max_size=40))
def test_no_date_raises(text: str) -> None:
    assert isinstance(learnt({"date": text}, NOON, NOON), float | None)
