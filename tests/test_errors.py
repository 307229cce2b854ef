"""Errors: one tree, safe to log, whole after a pickle."""

from __future__ import annotations

import copy
import pickle
import re
from unittest.mock import Mock

import pytest

import codepipeline_client
from codepipeline_client import PipelineExecution, PipelineExecutionStatus, errors

EXECUTION = PipelineExecution(
    pipeline_name="web", pipeline_execution_id="id", status=PipelineExecutionStatus("InProgress")
)


def service_error(code: str, *, message: str = "no", status: int = 400) -> errors.ServiceError:
    return errors.SERVICE_ERRORS.get(code, errors.ServiceError)(
        message, code=code, http_status_code=status, request_id="r-1", operation_name="GetPipelineExecution"
    )


EXAMPLES: list[errors.CodePipelineError] = [
    errors.ConfigurationError("no region"),
    errors.CredentialsError("none"),
    errors.ParameterValidationError("Get", (errors.ParameterViolation("pipeline_name", "is required"),)),
    errors.ConnectionFailedError("refused"),
    errors.RequestTimeoutError("slow", limit="read_timeout"),
    errors.ResponseDecodeError("not JSON", http_status_code=200, request_id="r-1"),
    service_error("PipelineNotFoundException"),
    service_error("BrandNewException"),
    errors.WaitTimeoutError("still going", execution=EXECUTION, polls=3, seconds=1.5),
    errors.PipelineExecutionFailedError("failed", execution=EXECUTION),
    errors.ArtifactRevisionLookupError("two", artifact_name="Source", candidates=()),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickle_and_copy_with_every_field(error: errors.CodePipelineError) -> None:
    error.attempts = 2
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)
        assert twin.attempts == 2


@pytest.mark.parametrize(
    ("error", "code", "status", "fault", "throttling"),
    [
        (errors.PipelineNotFoundException("no"), "PipelineNotFoundException", 400, "client", False),
        (errors.ThrottlingException("slow down"), "ThrottlingException", 400, "client", True),
        (errors.ThrottlingException("slow down", http_status_code=429), "ThrottlingException", 429, "client", True),
        (errors.InternalFailure(), "InternalFailure", 500, "server", False),
        (errors.ServiceUnavailable(), "ServiceUnavailable", 503, "server", False),
        (errors.ServiceError("a", code="New", http_status_code=418, request_id="r"), "New", 418, "client", False),
        (errors.ServiceError(http_status_code=502), "502", 502, "server", False),
        (errors.ServiceError(http_status_code=499), "499", 499, "client", False),
        (errors.ServiceError(http_status_code=429), "429", 429, "client", True),
        (errors.ServiceError(code="SlowDown", http_status_code=503), "SlowDown", 503, "server", True),
    ],
)
def test_an_error_of_the_service_is_built_in_one_line_for_a_mock(
    error: errors.ServiceError, code: str, status: int, fault: str, throttling: bool
) -> None:
    with pytest.raises(type(error), match=f"^GetPipelineExecution failed: {code} \\(HTTP {status}, ") as caught:
        Mock(side_effect=error)()
    assert (caught.value.code, caught.value.http_status_code) == (code, status)
    assert (caught.value.fault, caught.value.is_throttling) == (fault, throttling)
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)


def test_other_errors_are_built_with_a_message_alone() -> None:
    assert errors.RequestTimeoutError("slow").limit == "timeout"
    assert errors.ResponseDecodeError("not JSON").http_status_code == 200
    assert errors.WaitTimeoutError("not seen").execution is None


def test_an_error_is_also_what_python_calls_it() -> None:
    assert errors.ParameterValidationError.__bases__ == (errors.CodePipelineError, ValueError)
    assert errors.ConnectionFailedError.__bases__ == (errors.TransportError, ConnectionError)
    assert errors.RequestTimeoutError.__bases__ == (errors.TransportError, TimeoutError)
    assert errors.WaitTimeoutError.__bases__ == (errors.CodePipelineError, TimeoutError)
    assert errors.ArtifactRevisionLookupError.__bases__ == (errors.CodePipelineError, LookupError)
    assert errors.PipelineExecutionStoppedError.__bases__ == (errors.PipelineExecutionOutcomeError,)
    for base in (errors.TransportError, errors.PipelineExecutionOutcomeError):
        assert base.__bases__ == (errors.CodePipelineError,)


def test_each_code_has_an_importable_class_of_its_name() -> None:
    """And each class a code. The reference and the model of the service say which there are."""
    exported = [getattr(codepipeline_client, name) for name in codepipeline_client.__all__]
    kinds = {each for each in exported if isinstance(each, type) and issubclass(each, errors.ServiceError)}
    assert {kind.__name__: kind for kind in kinds - {errors.ServiceError}} == errors.SERVICE_ERRORS


def test_a_message_says_operation_code_status_and_request_id() -> None:
    facts = "GetPipelineExecution failed: PipelineNotFoundException (HTTP 400, request id r-1)"
    assert str(service_error("PipelineNotFoundException", message="gone")) == f"{facts}: gone"
    assert str(service_error("PipelineNotFoundException", message="")) == facts


@pytest.mark.parametrize("letter", ["\n", "\r", "\x1b", "\x00", "\u2028", "\u202e", "\ud800"])
def test_a_response_cannot_forge_a_line_or_steer_a_terminal(letter: str) -> None:
    error = service_error("ValidationException", message=f"a{letter}b")
    assert letter not in str(error)
    assert re.search(r"a\\\w+b$", str(error))
    assert error.message == f"a{letter}b", "the service's own words stay as they are"


def test_a_very_long_message_is_cut_in_the_text_and_whole_in_the_field() -> None:
    error = service_error("ValidationException", message="x" * 1_000_000)
    assert len(str(error)) < 2_000
    assert len(error.message) == 1_000_000
