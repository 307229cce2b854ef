"""The clients: every public method, sync and async. One call is in `_call`, many calls are in `_polling`."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from typing import Self

from ._call.base_client import BaseAsyncClient, BaseSyncClient, own_init
from ._config.arguments import NOT_GIVEN, NotGiven, Timeout
from ._polling.batch import BatchScheduler, ExecutionLike
from ._polling.drivers import AsyncBatchIterator, AsyncWatch, BatchContext, BatchIterator, WaitContext, Watch
from ._polling.schedule import PollSchedule
from .models import PipelineExecution
from .operations import GET_PIPELINE_EXECUTION
from .operations.get_pipeline_execution import GetPipelineExecutionInput, GetPipelineExecutionOutput
from .waiting import FollowedExecution, OnPoll, PipelineExecutionReference, PollConfig


@own_init
class CodePipelineClient(BaseSyncClient):
    """
    A client for CodePipeline executions. Safe to share between threads.

    Use it in a ``with`` block, or close it: it keeps connections open between calls.
    """

    def get_pipeline_execution(
        self, *, pipeline_name: str, pipeline_execution_id: str, timeout: Timeout | NotGiven = NOT_GIVEN
    ) -> GetPipelineExecutionOutput:
        """
        Return an execution as it is now: status, revisions, variables.

        *timeout* limits the whole call, in seconds or as a timedelta; by default, the client's. None means no limit.

        Raises:
            ParameterValidationError: The name or the id breaks a rule. Nothing was sent.
            PipelineNotFoundException: There is no such pipeline in this account and region.
            PipelineExecutionNotFoundException: The pipeline has no such execution.
            ServiceError: The service returned an error; each documented code has its own class.
            ResponseDecodeError: The response is malformed, or about another execution.
            TransportError: No complete response was received.
            CredentialsError: No credentials were found, or they could not be refreshed.
            ConfigurationError: A setting is missing or unusable.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
        """
        request = GetPipelineExecutionInput(pipeline_name=pipeline_name, pipeline_execution_id=pipeline_execution_id)
        return self._call(self._new_call(GET_PIPELINE_EXECUTION, request, timeout))

    def wait_for_pipeline_execution(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str,
        timeout: Timeout,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> PipelineExecution:
        """
        Poll an execution until its status is terminal, and return it.

        Succeeded, Failed, Stopped, Superseded and Cancelled are terminal, and each is returned:
        ``execution.raise_for_status()`` raises an error unless it is Succeeded. Stopping and statuses that this
        release does not know are not terminal. Throttling, failures of the service or the network, and malformed
        responses are counted and do not end the wait.

        Args:
            pipeline_name: The pipeline's name.
            pipeline_execution_id: The execution's id.
            timeout: Seconds to wait, or a timedelta. None for no limit. There is no default: a build takes minutes, and
                an approval can hold an execution for seven days. The last poll starts one second before the end, or a
                tenth of *timeout* before it if that is less.
            poll_interval: Seconds between the first polls and after each change. While nothing changes, the interval
                grows. Each pause is randomised a little, so that many waits do not poll at once.
            max_poll_interval: The longest interval, in seconds.
            not_found_grace: Seconds during which "not found" is ignored, from the start or since the execution was last
                seen. An execution that was just started may not be found at first.
            on_poll: A plain function that is called with a `PollReport` after each poll, in the thread or the task
                that waits. An error in it is logged and does not end the wait.

        Raises:
            WaitTimeoutError: The wait timed out. It has the execution as last seen; a failed last poll is its cause.
            ParameterValidationError: The name or the id breaks a rule. Nothing was sent.
            PipelineNotFoundException: There is no such pipeline in this account and region.
            PipelineExecutionNotFoundException: The pipeline has no such execution.
            ServiceError: The service returned an error that is not retryable.
            TransportError: Before any response: an unknown host, an untrusted certificate, or a closed client.
            ResponseDecodeError: Before the first success: a redirect, or a malformed response other than HTTP 200.
            CredentialsError: No credentials were found, or they could not be refreshed.
            ConfigurationError: An argument or a setting is unusable, or the client was closed.
        """
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace)
        watch = self._watch(PipelineExecutionReference(pipeline_name, pipeline_execution_id), config, on_poll)
        while not (execution := watch.advance()).status.is_terminal:
            pass
        return execution

    def watch_pipeline_execution(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str,
        timeout: Timeout,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> Iterator[PipelineExecution]:
        """
        Yield the execution now and after every change, ending with its terminal status.

        The arguments are those of `wait_for_pipeline_execution`; *timeout* counts from this call. The iterator polls
        only while the caller waits for the next change. The time that the caller spends on a change is part of the
        pause. Changes between polls can be missed.

        There is nothing to close. After an interrupt or a cancellation, just keep iterating. Several threads or
        tasks may share the iterator: each change goes to one of them.

        Raises:
            ParameterValidationError: The name or the id breaks a rule. Raised by this call.
            ConfigurationError: An argument is unusable, or the client is closed. Raised by this call.
            WaitTimeoutError: The wait timed out. This and all other errors of `wait_for_pipeline_execution` are raised
                while iterating.
        """
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace)
        return self._watch(PipelineExecutionReference(pipeline_name, pipeline_execution_id), config, on_poll)

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
    ) -> Iterator[FollowedExecution]:
        """
        Poll many executions, and yield each one when its status is terminal or when it can no longer be followed.

        All polls share one rate limit, which adapts to throttling. If an execution cannot be followed, for example
        because it is not found, it is yielded with its error, and the others continue. On timeout, each remaining one
        is yielded with a `WaitTimeoutError`. ``followed.result()`` returns the execution or raises the error.

        While the caller handles an execution, no poll is started. There is nothing to close. After an interrupt or a
        cancellation, just keep iterating. Several threads or tasks may share the iterator.

        Args:
            executions: `PipelineExecutionReference`, `PipelineExecution`, or tuples of a pipeline's name and an
                execution's id. Duplicates are followed and yielded once.
            timeout: Seconds to wait for all of them, or a timedelta, counted from this call. None for no limit. For
                very many executions the last polls begin up to a tenth of the time early.
            max_calls_per_second: Requests per second at most, for all executions together.
            poll_interval: As for `wait_for_pipeline_execution`, if the rate limit allows.
            max_poll_interval: The longest interval of one execution, in seconds, if the rate limit allows.
            not_found_grace: As for `wait_for_pipeline_execution`.
            on_poll: As for `wait_for_pipeline_execution`.

        Raises:
            ConfigurationError: An argument is unusable, or the client is closed. Raised by this call.
        """
        self._check_open()
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace)
        scheduler = partial(BatchScheduler, executions, config, max_calls_per_second, random.random)
        return BatchIterator(self._poll, BatchContext(scheduler, self._clock, on_poll))

    def close(self) -> None:
        """
        Close the connections. Later calls raise ConfigurationError.

        In-flight calls raise ConnectionFailedError, including those that wait before a retry or for credentials.
        """
        transport = self._end()
        if transport is not None:
            transport.close()

    def __enter__(self) -> Self:
        """Return the client."""
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Close the client."""
        self.close()

    def _watch(self, reference: PipelineExecutionReference, config: PollConfig, on_poll: OnPoll | None) -> Watch:
        self._check(GET_PIPELINE_EXECUTION, _input_of(reference))
        return Watch(self._poll, PollSchedule(reference, config, random.random), WaitContext(self._clock, on_poll))

    def _poll(self, reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        return self._call(self._new_call(GET_PIPELINE_EXECUTION, _input_of(reference), timeout, is_poll=True))


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
        return await self._call(self._new_call(GET_PIPELINE_EXECUTION, request, timeout))

    async def wait_for_pipeline_execution(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str,
        timeout: Timeout,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> PipelineExecution:
        """
        Poll an execution until its status is terminal, and return it.

        See `CodePipelineClient.wait_for_pipeline_execution` for the arguments, which statuses are terminal, and what a
        wait ignores. *timeout* is in seconds or a timedelta, None for no limit; the other times are in seconds.

        Raises WaitTimeoutError when the wait timed out, and errors that are not temporary: ParameterValidationError,
        PipelineNotFoundException, PipelineExecutionNotFoundException, ServiceError, TransportError,
        ResponseDecodeError, CredentialsError or ConfigurationError.
        """
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace)
        watch = self._watch(PipelineExecutionReference(pipeline_name, pipeline_execution_id), config, on_poll)
        while not (execution := await watch.advance()).status.is_terminal:
            pass
        return execution

    def watch_pipeline_execution(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str,
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
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace)
        return self._watch(PipelineExecutionReference(pipeline_name, pipeline_execution_id), config, on_poll)

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

    async def aclose(self) -> None:
        """
        Close the connections. Later calls raise ConfigurationError.

        In-flight calls raise ConnectionFailedError, including those that wait before a retry or for credentials.
        """
        transport = self._end()
        if transport is not None:
            await transport.aclose()

    async def __aenter__(self) -> Self:
        """Return the client."""
        self._check_open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the client."""
        await self.aclose()

    def _watch(self, reference: PipelineExecutionReference, config: PollConfig, on_poll: OnPoll | None) -> AsyncWatch:
        self._check(GET_PIPELINE_EXECUTION, _input_of(reference))
        return AsyncWatch(self._poll, PollSchedule(reference, config, random.random), WaitContext(self._clock, on_poll))

    async def _poll(self, reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        return await self._call(self._new_call(GET_PIPELINE_EXECUTION, _input_of(reference), timeout, is_poll=True))


def _input_of(reference: PipelineExecutionReference) -> GetPipelineExecutionInput:
    return GetPipelineExecutionInput(
        pipeline_name=reference.pipeline_name, pipeline_execution_id=reference.pipeline_execution_id
    )
