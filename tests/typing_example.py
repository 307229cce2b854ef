"""
What an editor infers for a program that uses the package: read by mypy and pyright, never run.

A line that asserts a type fails the type check when the type changes, be it to something wider.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, assert_type

from codepipeline_client import (
    ArtifactRevision,
    AsyncCodePipelineClient,
    CodePipelineClient,
    Credentials,
    ExecutionMode,
    FollowedExecution,
    GetPipelineExecutionOutput,
    PipelineExecution,
    PipelineExecutionStatus,
    PollReport,
    ResponseMetadata,
    TriggerType,
    errors,
)


async def ask() -> None:
    with CodePipelineClient(region_name="eu-west-1") as client:
        assert_type(client, CodePipelineClient)
        output = client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id="…")
    async with AsyncCodePipelineClient(region_name="eu-west-1") as async_client:
        assert_type(async_client, AsyncCodePipelineClient)
        output = await async_client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id="…")
    assert_type(output, GetPipelineExecutionOutput)
    assert_type(output.pipeline_execution, PipelineExecution)
    assert_type(output.response_metadata, ResponseMetadata)
    assert_type(output.response_metadata.http_headers, Mapping[str, str])


async def follow(client: CodePipelineClient, async_client: AsyncCodePipelineClient, seen: PipelineExecution) -> None:
    assert_type(client.wait_for_pipeline_execution(seen, timeout=1), PipelineExecution)
    assert_type(client.watch_pipeline_execution(seen, timeout=None), Iterator[PipelineExecution])
    client.wait_for_pipeline_execution(seen, timeout=1, on_poll=lambda report: assert_type(report, PollReport))
    many = client.wait_for_pipeline_executions([seen, ("web", "…")], timeout=1.5)
    assert_type(many, Iterator[FollowedExecution])
    assert_type(next(many).result(), PipelineExecution)
    assert_type(next(many).error, errors.CodePipelineError | None)
    assert_type(await async_client.wait_for_pipeline_execution(seen, timeout=1), PipelineExecution)
    assert_type(async_client.watch_pipeline_execution(seen, timeout=None), AsyncIterator[PipelineExecution])
    assert_type(async_client.wait_for_pipeline_executions([seen], timeout=1.5), AsyncIterator[FollowedExecution])


def read(execution: PipelineExecution) -> None:
    assert_type(execution.status, PipelineExecutionStatus)
    assert_type(execution.status.is_terminal, bool)
    assert_type(execution.artifact_revisions, tuple[ArtifactRevision, ...])
    assert_type(execution.artifact_revisions[0].created, datetime | None)
    assert_type(execution.variables[0].resolved_value, str | None)
    assert_type(execution.execution_mode, ExecutionMode | None)
    if execution.trigger:
        assert_type(execution.trigger.trigger_type, TriggerType | None)
    assert_type(execution.region_name, str | None)
    assert_type(execution.to_dict(), dict[str, object])
    assert_type(execution.console_url, str | None)
    assert_type(execution.variable_values, Mapping[str, str])
    revision = execution.artifact_revision("SourceArtifact")
    assert_type(revision, ArtifactRevision)
    assert_type(revision.commit_id, str | None)


def judge(execution: PipelineExecution) -> None:
    assert_type(execution.raise_for_status(), PipelineExecution)
    assert_type(execution.raise_for_status("Stopped"), PipelineExecution)
    assert_type(execution.raise_for_status(PipelineExecutionStatus.STOPPED).artifact_revisions[0], ArtifactRevision)
    execution.raise_for_status(ok=("Succeeded", PipelineExecutionStatus.STOPPED))
    execution.raise_for_status(ok={PipelineExecutionStatus("Paused")})
    execution.raise_for_status(ok=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    # What follows from the rest of an execution cannot be given to it.
    execution.console_url = "https://…"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def catch(client: CodePipelineClient) -> None:
    try:
        client.get_pipeline_execution(pipeline_name="web", pipeline_execution_id="…")
    except errors.ParameterValidationError as error:
        assert_type(error.violations, tuple[errors.ParameterViolation, ...])
    except errors.ServiceError as error:
        assert_type(error.request_id, str | None)
        assert_type(error.fault, Literal["client", "server"])
    except errors.WaitTimeoutError as error:
        assert_type(error.execution, PipelineExecution | None)
    except errors.PipelineExecutionFailedError as error:
        assert_type(error.execution, PipelineExecution)


def give_credentials(supply: Callable[[], Credentials], supply_async: Callable[[], Awaitable[Credentials]]) -> None:
    CodePipelineClient(credentials=supply())
    CodePipelineClient(credentials=supply)
    AsyncCodePipelineClient(credentials=supply())
    AsyncCodePipelineClient(credentials=supply)
    AsyncCodePipelineClient(credentials=supply_async)
    # A sync client has no loop to run it on.
    CodePipelineClient(credentials=supply_async)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    supply().access_key_id = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def refuse(client: CodePipelineClient) -> None:
    # By name only, since two strings are easily swapped; both are required; values do not change.
    client.get_pipeline_execution("web", "…")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.get_pipeline_execution(pipeline_name="web")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    CodePipelineClient(region="eu-west-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    CodePipelineClient(timeout="30 s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    CodePipelineClient(timeout=timedelta(seconds=30))
