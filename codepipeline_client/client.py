"""The sync client, with every public method. One call is in `_call`, many calls are in `_polling`."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Self

from attrs import asdict

from . import models, operations, waiting
from ._call.base_client import BaseSyncClient, own_init
from ._config.arguments import NOT_GIVEN, NotGiven, Timeout
from ._polling.batch import BatchScheduler
from ._polling.drivers import BatchContext, BatchIterator, ChangeIterator, ListIterator, WaitContext
from ._polling.schedule import PollSchedule
from .models import PipelineExecution, PipelineExecutionSummary
from .operations.get_pipeline_execution import GetPipelineExecutionInput, GetPipelineExecutionOutput
from .operations.list_pipeline_executions import ListPipelineExecutionsInput, ListPipelineExecutionsOutput
from .waiting import ExecutionLike, FollowedExecution, OnPoll, PipelineExecutionReference, PollConfig


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
        return self._call(operations.GET_PIPELINE_EXECUTION, request, timeout)

    def wait_for_pipeline_execution(
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

        Succeeded, Failed, Stopped, Superseded and Cancelled are terminal, and each is returned:
        ``execution.raise_for_status()`` raises an error unless it is Succeeded. Stopping and statuses that this
        release does not know are not terminal. Throttling, failures of the service or the network, and malformed
        responses are counted and do not end the wait.

        Args:
            execution: What `start_pipeline_execution` or `latest_pipeline_execution` returned, an element of a list, a
                `PipelineExecutionReference`, a `PipelineExecution`, or a tuple of name and id.
            pipeline_name: The pipeline's name, unless *execution* is given.
            pipeline_execution_id: The execution's id, unless *execution* is given.
            timeout: Seconds to wait, or a timedelta. None for no limit. There is no default: a build takes minutes, and
                an approval can hold an execution for seven days. The last poll starts one second before the end, or a
                tenth of *timeout* before it if that is less.
            poll_interval: Seconds between the first polls and after each change. While nothing changes, the interval
                grows. Each pause is randomised a little, so that many waits do not poll at once.
            max_poll_interval: The longest interval, in seconds.
            not_found_grace: Seconds during which "not found" is ignored, from the start or since the execution was last
                seen. An execution that was just started may not be found at first: for what
                `start_pipeline_execution` returned it is at least 30 seconds.
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
        config = PollConfig(timeout, poll_interval, max_poll_interval, not_found_grace).for_execution(execution)
        watch = self._watch(waiting.reference_to(execution, pipeline_name, pipeline_execution_id), config, on_poll)
        while not (seen := watch.advance()).status.is_terminal:
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
    ) -> Iterator[FollowedExecution]:
        """
        Poll many executions, and yield each one when its status is terminal or when it can no longer be followed.

        All polls share one rate limit, which adapts to throttling. If an execution cannot be followed, for example
        because it is not found, it is yielded with its error, and the others continue. On timeout, each remaining one
        is yielded with a `WaitTimeoutError`. ``followed.result()`` returns the execution or raises the error.

        While the caller handles an execution, no poll is started. There is nothing to close. After an interrupt or a
        cancellation, just keep iterating. Several threads or tasks may share the iterator.

        Args:
            executions: Each as for `wait_for_pipeline_execution`. Duplicates are followed and yielded once.
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

    def list_pipeline_executions(
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

        A page has at most *max_results* executions, from 1 to 100, and 100 by default. *next_token* is that of the
        page before. With *succeeded_in_stage* only executions are listed that succeeded in the stage of this name, in
        the pipeline's current version. The service keeps executions for 12 months. *timeout* is that of
        `get_pipeline_execution`.

        Raises InvalidNextTokenException for an invalid token, and the other errors of `get_pipeline_execution`.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListPipelineExecutions.html
        """
        request = ListPipelineExecutionsInput(pipeline_name, max_results, next_token, succeeded_in_stage)
        return self._call(operations.LIST_PIPELINE_EXECUTIONS, request, timeout)

    def iter_pipeline_executions(
        self,
        *,
        pipeline_name: str,
        max_results: int | None = None,
        succeeded_in_stage: str | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
    ) -> Iterator[PipelineExecutionSummary]:
        """
        Yield a pipeline's executions, newest first. Every method that waits takes them.

        The arguments and errors are those of `list_pipeline_executions`, and the errors are raised while iterating.
        Each page is requested when it is needed, and has a *timeout* of its own. After an error, iterate further to
        request the same page again.
        """
        request = ListPipelineExecutionsInput(pipeline_name, max_results, succeeded_in_stage=succeeded_in_stage)
        call = partial(self._call, operations.LIST_PIPELINE_EXECUTIONS, timeout=timeout)
        return ListIterator(call, request, lambda page: page.pipeline_execution_summaries)

    def latest_pipeline_execution(
        self, *, pipeline_name: str, timeout: Timeout | NotGiven = NOT_GIVEN
    ) -> PipelineExecutionSummary | None:
        """
        Return a pipeline's newest execution, or None if it has none. Every method that waits takes it.

        *timeout* and the errors are those of `list_pipeline_executions`.
        """
        return next(self.iter_pipeline_executions(pipeline_name=pipeline_name, max_results=1, timeout=timeout), None)

    def start_pipeline_execution(
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

        *variables* has values of the pipeline's variables, by name or as `PipelineVariable`, and *source_revisions* the
        revisions to use instead of the latest ones, at most 50 of each. All attempts of a call have the same
        idempotency token, so that a retry starts nothing twice. With a *client_request_token* of your own, further
        calls with it start nothing, and return the same execution. *timeout* is that of `get_pipeline_execution`.

        Raises ConflictException if the pipeline is busy, ConcurrentPipelineExecutionsLimitExceededException if it has
        too many executions in progress, and the other errors of `get_pipeline_execution`. After a TransportError, a
        ResponseDecodeError, a ServiceError whose fault is the server's, or more than one attempt, the execution may
        have started.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_StartPipelineExecution.html
        """
        request = operations.start_pipeline_execution.StartPipelineExecutionInput(
            pipeline_name, variables, source_revisions, client_request_token
        )
        return self._call(operations.START_PIPELINE_EXECUTION, request, timeout)

    def list_action_executions(
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

        With *pipeline_execution_id* only those of one execution are listed, and with a *start_time_range* of
        ``"Latest"`` too only those since its latest start. The other arguments are those of
        `list_pipeline_executions`.

        Raises PipelineExecutionNotFoundException, and the other errors of `list_pipeline_executions`.

        https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ListActionExecutions.html
        """
        request = operations.list_action_executions.ListActionExecutionsInput(
            pipeline_name, pipeline_execution_id, start_time_range, max_results, next_token
        )
        return self._call(operations.LIST_ACTION_EXECUTIONS, request, timeout)

    def iter_action_executions(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str | None = None,
        start_time_range: operations.list_action_executions.StartTimeRange | str | None = None,
        max_results: int | None = None,
        timeout: Timeout | NotGiven = NOT_GIVEN,
    ) -> Iterator[models.ActionExecutionDetail]:
        """
        Yield a pipeline's action executions, newest first, as `iter_pipeline_executions` yields executions.

        The arguments and errors are those of `list_action_executions`.
        """
        request = operations.list_action_executions.ListActionExecutionsInput(
            pipeline_name, pipeline_execution_id, start_time_range, max_results
        )
        call = partial(self._call, operations.LIST_ACTION_EXECUTIONS, timeout=timeout)
        return ListIterator(call, request, lambda page: page.action_execution_details)

    def failed_actions(
        self, execution: ExecutionLike, *, timeout: Timeout | NotGiven = NOT_GIVEN
    ) -> tuple[models.FailedAction, ...]:
        """
        Return why an execution failed: each run of an action that failed, newest first. Empty if none has.

        *execution* is as for `wait_for_pipeline_execution`, *timeout* and the errors as for `iter_action_executions`.
        """
        which = asdict(waiting.reference_to(execution))
        self._check(operations.LIST_ACTION_EXECUTIONS.name, GetPipelineExecutionInput(**which))
        details = self.iter_action_executions(**which, max_results=25, timeout=timeout)  # 100 may be too long to read
        return tuple(models.actions.failures_of([*details]))

    def close(self) -> None:
        """
        Close the connections. Later calls raise ConfigurationError.

        In-flight calls raise ConnectionFailedError, including those that wait before a retry or for credentials.
        """
        if (transport := self._end()) is not None:
            transport.close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _watch(
        self, reference: PipelineExecutionReference, config: PollConfig, on_poll: OnPoll | None
    ) -> ChangeIterator:
        schedule = PollSchedule(reference, config, random.random)
        self._check(operations.GET_PIPELINE_EXECUTION.name, schedule.request)
        return ChangeIterator(self._poll, schedule, WaitContext(self._clock, on_poll))

    def _poll(self, request: GetPipelineExecutionInput, timeout: float | None) -> GetPipelineExecutionOutput:
        return self._call(operations.GET_PIPELINE_EXECUTION, request, timeout, is_poll=True)
