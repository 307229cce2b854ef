"""The async client, with every public method. One call is in `_call`, many calls are in `_polling`."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Self

from attrs import asdict

from . import models, operations, waiting
from ._call.base_client import BaseAsyncClient, own_init
from ._config.arguments import NOT_GIVEN, NotGiven, Timeout
from ._polling.batch import BatchScheduler
from ._polling.drivers import AsyncBatchIterator, AsyncChangeIterator, AsyncListIterator, BatchContext, WaitContext
from ._polling.schedule import PollSchedule
from .models import PipelineExecution, PipelineExecutionSummary
from .operations.get_pipeline_execution import GetPipelineExecutionInput, GetPipelineExecutionOutput
from .operations.list_pipeline_executions import ListPipelineExecutionsInput, ListPipelineExecutionsOutput
from .waiting import ExecutionLike, FollowedExecution, OnPoll, PipelineExecutionReference, PollConfig


@own_init
class AsyncCodePipelineClient(BaseAsyncClient):
    """
    A client for CodePipeline executions, on asyncio and trio. Safe to share between tasks.

    Use it in an ``async with`` block, or close it: it keeps connections open between calls.
    """

    async def get_pipeline_execution(
        self, *, pipeline_name: str, pipeline_execution_id: str, timeout: Timeout | NotGiven = NOT_GIVEN
    ) -> GetPipelineExecutionOutput:
        """
        Return an execution as it is now: status, revisions, variables.

        *timeout* limits the whole call, in seconds or as a timedelta; by default, the client's. None means no limit.

        Raises ParameterValidationError, PipelineNotFoundException, PipelineExecutionNotFoundException, ServiceError,
        ResponseDecodeError, TransportError, CredentialsError or ConfigurationError, see `CodePipelineClient`.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
        """
        request = GetPipelineExecutionInput(pipeline_name=pipeline_name, pipeline_execution_id=pipeline_execution_id)
        return await self._call(operations.GET_PIPELINE_EXECUTION, request, timeout)

    async def wait_for_pipeline_execution(
        self,
        execution: ExecutionLike | NotGiven = NOT_GIVEN,
        *,
        pipeline_name: str | None = None,
        pipeline_execution_id: str | None = None,
        timeout: Timeout,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> PipelineExecution:
        """
        Poll an execution until its status is terminal, and return it.

        See `CodePipelineClient.wait_for_pipeline_execution` for which statuses are terminal, and what a wait ignores.
        *execution* is what a start returned, an element of a list, a reference, or a tuple of name and id; otherwise
        give *pipeline_name* and *pipeline_execution_id*. *timeout* is in seconds or a timedelta, None for no limit; the
        other times are in seconds. *not_found_grace* is at least 30 seconds for what a start returned.

        Raises WaitTimeoutError when the wait timed out, and errors that are not temporary: ParameterValidationError,
        PipelineNotFoundException, PipelineExecutionNotFoundException, ServiceError, TransportError,
        ResponseDecodeError, CredentialsError or ConfigurationError.
        """
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace).for_execution(execution)
        watch = self._watch(waiting.reference_to(execution, pipeline_name, pipeline_execution_id), config, on_poll)
        while not (seen := await watch.advance()).status.is_terminal:
            pass
        return seen

    def watch_pipeline_execution(
        self,
        execution: ExecutionLike | NotGiven = NOT_GIVEN,
        *,
        pipeline_name: str | None = None,
        pipeline_execution_id: str | None = None,
        timeout: Timeout,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> AsyncIterator[PipelineExecution]:
        """
        Yield the execution now and after every change, ending with its terminal status.

        The arguments are those of `wait_for_pipeline_execution`; *timeout* counts from this call. There is nothing to
        close. After a cancellation, just keep iterating. Several tasks may share the iterator.

        This call raises ParameterValidationError for an invalid input, and ConfigurationError for an unusable argument
        or a closed client. Other errors of `wait_for_pipeline_execution` are raised while iterating.
        """
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace).for_execution(execution)
        return self._watch(waiting.reference_to(execution, pipeline_name, pipeline_execution_id), config, on_poll)

    def wait_for_pipeline_executions(
        self,
        executions: Iterable[ExecutionLike],
        *,
        timeout: Timeout,
        max_calls_per_second: float = 10.0,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> AsyncIterator[FollowedExecution]:
        """
        Poll many executions, and yield each one when its status is terminal or when it can no longer be followed.

        See `CodePipelineClient.wait_for_pipeline_executions` for the arguments and how to iterate. On timeout, each
        remaining execution is yielded with a `WaitTimeoutError`.

        This call raises ConfigurationError for an unusable argument or a closed client.
        """
        self._check_open()
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace)
        scheduler = partial(BatchScheduler, executions, config, max_calls_per_second, random.random)
        return AsyncBatchIterator(self._poll, BatchContext(scheduler, self._clock, on_poll))

    async def list_pipeline_executions(
        self,
        *,
        pipeline_name: str,
        max_results: int | None = None,
        next_token: str | None = None,
        succeeded_in_stage: str | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
    ) -> ListPipelineExecutionsOutput:
        """
        Return a page of a pipeline's executions, newest first; `iter_pipeline_executions` yields those of all pages.

        For arguments and errors, see `CodePipelineClient.list_pipeline_executions`.
        """
        request = ListPipelineExecutionsInput(pipeline_name, max_results, next_token, succeeded_in_stage)
        return await self._call(operations.LIST_PIPELINE_EXECUTIONS, request, timeout)

    def iter_pipeline_executions(
        self,
        *,
        pipeline_name: str,
        max_results: int | None = None,
        succeeded_in_stage: str | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
    ) -> AsyncIterator[PipelineExecutionSummary]:
        """
        Yield a pipeline's executions, newest first. Every method that waits takes them.

        For arguments and errors, see `CodePipelineClient.iter_pipeline_executions`.
        """
        request = ListPipelineExecutionsInput(pipeline_name, max_results, succeeded_in_stage=succeeded_in_stage)
        call = partial(self._call, operations.LIST_PIPELINE_EXECUTIONS, timeout=timeout)
        return AsyncListIterator(call, request, lambda page: page.pipeline_execution_summaries)

    async def latest_pipeline_execution(
        self, *, pipeline_name: str, timeout: Timeout | NotGiven = NOT_GIVEN
    ) -> PipelineExecutionSummary | None:
        """
        Return a pipeline's newest execution, or None if it has none. Every method that waits takes it.

        For errors, see `CodePipelineClient.list_pipeline_executions`.
        """
        executions = self.iter_pipeline_executions(pipeline_name=pipeline_name, max_results=1, timeout=timeout)
        return await anext(executions, None)

    async def start_pipeline_execution(
        self,
        *,
        pipeline_name: str,
        variables: Iterable[operations.start_pipeline_execution.PipelineVariable] | Mapping[str, str] = (),
        source_revisions: Iterable[operations.start_pipeline_execution.SourceRevisionOverride] = (),
        client_request_token: str | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
    ) -> operations.start_pipeline_execution.StartPipelineExecutionOutput:
        """
        Start an execution of a pipeline. Every method that waits takes what it returns.

        All attempts of a call have the same idempotency token, so that a retry starts nothing twice. For arguments and
        errors, see `CodePipelineClient.start_pipeline_execution`.
        """
        request = operations.start_pipeline_execution.StartPipelineExecutionInput(
            pipeline_name, variables, source_revisions, client_request_token
        )
        return await self._call(operations.START_PIPELINE_EXECUTION, request, timeout)

    async def list_action_executions(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str | None = None,
        start_time_range: operations.list_action_executions.StartTimeRange | str | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
    ) -> operations.list_action_executions.ListActionExecutionsOutput:
        """
        Return a page of a pipeline's action executions, newest first; `iter_action_executions` yields all.

        For arguments and errors, see `CodePipelineClient.list_action_executions`.
        """
        request = operations.list_action_executions.ListActionExecutionsInput(
            pipeline_name, pipeline_execution_id, start_time_range, max_results, next_token
        )
        return await self._call(operations.LIST_ACTION_EXECUTIONS, request, timeout)

    def iter_action_executions(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str | None = None,
        start_time_range: operations.list_action_executions.StartTimeRange | str | None = None,
        max_results: int | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
    ) -> AsyncIterator[models.ActionExecutionDetail]:
        """
        Yield a pipeline's action executions, newest first, as `iter_pipeline_executions` yields executions.

        For arguments and errors, see `CodePipelineClient.iter_action_executions`.
        """
        request = operations.list_action_executions.ListActionExecutionsInput(
            pipeline_name, pipeline_execution_id, start_time_range, max_results
        )
        call = partial(self._call, operations.LIST_ACTION_EXECUTIONS, timeout=timeout)
        return AsyncListIterator(call, request, lambda page: page.action_execution_details)

    async def failed_actions(
        self, execution: ExecutionLike, *, timeout: Timeout | NotGiven = NOT_GIVEN
    ) -> tuple[models.FailedAction, ...]:
        """
        Return why an execution failed: each run of an action that failed, newest first. Empty if none has.

        For arguments and errors, see `CodePipelineClient.failed_actions`.
        """
        which = asdict(waiting.reference_to(execution))
        self._check(operations.LIST_ACTION_EXECUTIONS.name, GetPipelineExecutionInput(**which))
        details = self.iter_action_executions(**which, max_results=25, timeout=timeout)
        return tuple(models.actions.failures_of([each async for each in details]))

    async def aclose(self) -> None:
        """
        Close the connections. Later calls raise ConfigurationError.

        In-flight calls raise ConnectionFailedError, including those that wait before a retry or for credentials.
        """
        if (transport := self._end()) is not None:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        self._check_open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def _watch(
        self, reference: PipelineExecutionReference, config: PollConfig, on_poll: OnPoll | None
    ) -> AsyncChangeIterator:
        schedule = PollSchedule(reference, config, random.random)
        self._check(operations.GET_PIPELINE_EXECUTION.name, schedule.request)
        return AsyncChangeIterator(self._poll, schedule, WaitContext(self._clock, on_poll))

    async def _poll(self, request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        return await self._call(operations.GET_PIPELINE_EXECUTION, request, timeout, is_poll=True)
