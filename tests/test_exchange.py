"""The exchange, driven by hand: what it asks for, and what it makes of each answer."""

from __future__ import annotations

import json

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
    ParameterValidationError,
    PipelineNotFoundException,
    ResponseDecodeError,
)
from codepipeline_client._exchange import Exchange, Route, exchange
from codepipeline_client._message import Response
from codepipeline_client._retry import NoRetries, RetryPolicy
from codepipeline_client.operations import GET_PIPELINE_EXECUTION

ASKED = GetPipelineExecutionInput(pipeline_name="web", pipeline_execution_id="3137f7cb-7cf7-4039-8583-d7eb3a1c2f3e")
ROUTE = Route(
    url="https://codepipeline.eu-west-1.amazonaws.com",
    headers=(("User-Agent", "me"),),
    retry=NoRetries(),
    parameter_validation=True,
)
KEYS = Credentials(access_key_id="AKID", secret_access_key="secret")
GOOD = Response(status_code=200, headers={"x-amzn-requestid": "r-1"}, body=b'{"pipelineExecution":{"status":"Failed"}}')


class Stubborn:
    """Tries again after whatever failure, as often as it may, with a pause that tells the attempt."""

    def __init__(self, max_attempts: int) -> None:
        self.max_attempts = max_attempts
        self.asked: list[tuple[str, int]] = []

    def pause(self, failure: CodePipelineError, attempt: int) -> float | None:
        """Write down the question."""
        self.asked.append((type(failure).__name__, attempt))
        return attempt / 10 if attempt < self.max_attempts else None


def begin(
    retry: RetryPolicy | None = None, asked: GetPipelineExecutionInput = ASKED, *, strict: bool = True
) -> Exchange[GetPipelineExecutionOutput]:
    route = evolve(ROUTE, retry=retry or NoRetries(), parameter_validation=strict)
    return exchange(GET_PIPELINE_EXECUTION, asked, route, invocation_id="i-1")


def refusal(code: str, credentials: Credentials | None = None) -> Response:
    return Response(status_code=400, headers={}, body=json.dumps({"__type": code}).encode(), credentials=credentials)


def finished(running: Exchange[GetPipelineExecutionOutput], response: Response) -> GetPipelineExecutionOutput:
    with pytest.raises(StopIteration) as end:
        running.send(response)
    output: GetPipelineExecutionOutput = end.value.value
    return output


def test_a_good_answer_is_the_output_after_one_attempt() -> None:
    running = begin()
    attempt = next(running)
    assert (attempt.number, attempt.delay, attempt.stale) == (1, 0.0, None)
    assert attempt.request.url == ROUTE.url
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


def test_a_bad_input_is_refused_before_anything_is_asked_for() -> None:
    with pytest.raises(ParameterValidationError, match="pipeline_name must have 1 to 100") as caught:
        next(begin(asked=evolve(ASKED, pipeline_name="")))
    assert caught.value.attempts == 0


def test_a_bad_input_is_sent_when_the_service_shall_judge() -> None:
    attempt = next(begin(asked=evolve(ASKED, pipeline_name=""), strict=False))
    assert json.loads(attempt.request.body)["pipelineName"] == ""


FAILURES = [
    pytest.param(refusal("PipelineNotFoundException"), PipelineNotFoundException, id="service-error"),
    pytest.param(evolve(GOOD, body=b"<html>"), ResponseDecodeError, id="no-json"),
    pytest.param(evolve(GOOD, body=b"{}"), ResponseDecodeError, id="no-execution"),
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
    policy = Stubborn(3)
    running = begin(policy)
    assert next(running).request.headers[-1] == ("amz-sdk-request", "attempt=1; max=3")
    assert fail(running, outcome) == 0.1
    assert fail(running, outcome) == 0.2
    assert finished(running, GOOD).response_metadata.attempts == 3
    assert policy.asked == [(kind.__name__, 1), (kind.__name__, 2)]


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
    running = begin(Stubborn(3))
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
