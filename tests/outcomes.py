"""What polls and other calls return or raise, and executions and settings to poll with."""

from __future__ import annotations

from typing import Any

import pytest

from codepipeline_client import (
    ConnectionFailedError,
    GetPipelineExecutionInput,
    GetPipelineExecutionOutput,
    PipelineExecution,
    PipelineExecutionReference,
    PipelineExecutionStatus,
    ResponseDecodeError,
    ResponseMetadata,
    ServiceError,
)
from codepipeline_client.errors import SERVICE_ERRORS
from codepipeline_client.testing import make_pipeline_execution
from codepipeline_client.waiting import PollConfig


def references(number: int) -> list[PipelineExecutionReference]:
    return [PipelineExecutionReference("web", f"{place:08x}-0000-4000-8000-000000000000") for place in range(number)]


def asked_for(request: GetPipelineExecutionInput) -> PipelineExecutionReference:
    return PipelineExecutionReference(request.pipeline_name, request.pipeline_execution_id)


def config(**changes: Any) -> PollConfig:
    usual = {"timeout": 600.0, "poll_interval": 2.0, "max_poll_interval": 30.0, "not_found_grace": 0.0}
    return PollConfig(**{**usual, **changes})


def output(
    reference: PipelineExecutionReference, status: str = "InProgress", *, attempts: int = 1, **fields: Any
) -> GetPipelineExecutionOutput:
    execution = make_pipeline_execution(
        pipeline_name=reference.pipeline_name,
        pipeline_execution_id=reference.pipeline_execution_id,
        status=PipelineExecutionStatus(status),
        **fields,
    )
    metadata = ResponseMetadata(request_id=None, http_status_code=200, http_headers={}, attempts=attempts)
    return GetPipelineExecutionOutput(pipeline_execution=execution, response_metadata=metadata, raw={})


def seen(reference: PipelineExecutionReference, status: str = "InProgress") -> PipelineExecution:
    return output(reference, status).pipeline_execution


def refused(code: str = "ThrottlingException", status: int = 400, *, attempts: int = 1) -> ServiceError:
    error = SERVICE_ERRORS.get(code, ServiceError)(
        "", code=code, http_status_code=status, request_id=None, operation_name="GetPipelineExecution"
    )
    error.attempts = attempts
    return error


def odd(status: int = 200) -> ResponseDecodeError:
    return ResponseDecodeError("odd", http_status_code=status)


def hopeless() -> ConnectionFailedError:
    failure = ConnectionFailedError("no such host")
    failure.may_pass = False
    return failure


def about(expected: float) -> object:
    """Return what equals *expected* up to the rounding of floats."""
    return pytest.approx(expected, rel=1e-6, abs=1e-6)
