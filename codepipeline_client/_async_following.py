"""
The methods that wait, in a task: follow one execution, or many, to the end.

Here it is only asked and slept. What both clients know of a wait is in `_wait`; the twin is `_following`.
"""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import Future

from ._futures import settled
from ._setup import CredentialsT, TransportT
from ._wait import ExecutionLike, Wait, Waits, harmless, references
from .errors import CodePipelineError
from .models import PipelineExecution
from .operations.get_pipeline_execution import GetPipelineExecutionOutput
from .waiting import FollowedExecution, OnPoll, PipelineExecutionReference, pace


class AsyncFollows(Waits[TransportT, CredentialsT]):
    """A client that waits in a task, on asyncio or trio."""

    async def wait_for_pipeline_execution(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str,
        timeout: float | None,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> PipelineExecution:
        """
        Return an execution when it has ended: Succeeded, Failed, Stopped, Superseded or Cancelled.

        A bad end is returned as a good one is: ``execution.raise_for_status()`` makes an error of it. Stopping is no
        end, nor is a status that this release does not list.

        Throttles, failures of the service or the network and answers that cannot be trusted are counted, and end no
        wait before its time. What cannot pass ends it at once: no permission, no keys, a wrong name.

        Args:
            pipeline_name: The pipeline's name.
            pipeline_execution_id: The execution's id.
            timeout: How long to wait, in seconds. None for no limit. It has no default, since none is right for all:
                a build takes minutes, and an approval can hold an execution for seven days. The last poll begins a
                second before the end, or a tenth of the time if that is less. If it sees no end, the wait is over
                then; if it fails in a way that may pass, it is made again.
            poll_interval: How many seconds after the first poll the second one comes, and the next one after each
                change. While nothing changes, the pauses grow. All are spread a little, so that many waits do not
                ask in step.
            max_poll_interval: How many seconds are between two polls at most.
            not_found_grace: For how many seconds the execution or its pipeline may be not found, from the beginning
                or since it was last seen: one that was started a moment ago may not be known everywhere yet.
            on_poll: A plain function that is called with a `PollReport` after each poll, in the thread or the task
                that waits. An error in it is logged, and harms no wait.

        Raises:
            WaitTimeoutError: The time is over. It has the execution as last seen, and the last poll's failure, if it
                failed, as its cause.
            ParameterValidationError: The name or the id breaks a rule. Nothing was sent.
            PipelineNotFoundException: There is no such pipeline in this account and region.
            PipelineExecutionNotFoundException: The pipeline has no such execution.
            ServiceError: The service refused, for a reason that does not pass.
            TransportError: The service's name or its certificate was wrong from the beginning.
            ResponseDecodeError: An answer cannot be trusted, and is no success either.
            CredentialsError: There are no keys to sign with.
            ConfigurationError: An argument or a setting is unusable, or the client was closed meanwhile.
        """
        reference = PipelineExecutionReference(pipeline_name, pipeline_execution_id)
        checked = pace(
            timeout=timeout,
            poll_interval=poll_interval,
            max_poll_interval=max_poll_interval,
            not_found_grace=not_found_grace,
        )
        wait = self._wait(reference, checked, on_poll)
        while True:
            execution = await self._news(wait)
            if execution is not None and execution.status.is_terminal:
                return execution

    def watch_pipeline_execution(
        self,
        *,
        pipeline_name: str,
        pipeline_execution_id: str,
        timeout: float | None,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> AsyncIterator[PipelineExecution]:
        """
        Yield an execution as it is, then each time that it is seen otherwise; the last one has ended.

        A bad end is yielded as a good one is. What is between two polls is not seen. Polls are made only while the
        next snapshot is waited for, and the pause before it is shorter by the time that the caller took. Whoever
        stops in the middle has nothing to close, and whoever is interrupted may ask for the next one again.
        Several may share it: each snapshot goes to one of them.

        Args:
            pipeline_name: The pipeline's name.
            pipeline_execution_id: The execution's id.
            timeout: How long to watch, in seconds from the call. None for no limit. It has no default, since none is
                right for all: a build takes minutes, and an approval can hold an execution for seven days. The last
                poll begins a little earlier, as for `wait_for_pipeline_execution`.
            poll_interval: How many seconds are between polls at first and after each change; else they grow.
            max_poll_interval: How many seconds are between two polls at most.
            not_found_grace: For how many seconds the execution or its pipeline may be not found, from the beginning
                or since it was last seen.
            on_poll: A plain function that is called with a `PollReport` after each poll, also when it had no news.

        Raises:
            ParameterValidationError: The name or the id breaks a rule. This is raised at once.
            ConfigurationError: An argument is unusable, or the client is closed. This is raised at once, too.
            WaitTimeoutError: The time is over. This and all else that ends a wait, as for
                `wait_for_pipeline_execution`, is raised in the place of the next snapshot.
        """
        reference = PipelineExecutionReference(pipeline_name, pipeline_execution_id)
        checked = pace(
            timeout=timeout,
            poll_interval=poll_interval,
            max_poll_interval=max_poll_interval,
            not_found_grace=not_found_grace,
        )
        return AsyncSnapshots(self._wait(reference, checked, on_poll), self._news)

    def wait_for_pipeline_executions(
        self,
        executions: Iterable[ExecutionLike],
        *,
        timeout: float | None,
        max_calls_per_second: float = 10.0,
        poll_interval: float = 2.0,
        max_poll_interval: float = 30.0,
        not_found_grace: float = 0.0,
        on_poll: OnPoll | None = None,
    ) -> AsyncIterator[FollowedExecution]:
        """
        Yield each of many executions when it has ended, or when it cannot be followed any further.

        All polls share one budget of calls, which shrinks while the service throttles. An execution that fails for
        good, or that nobody knows, is yielded with its error, and does not end the others. When the time is over, all
        that remain are yielded with a `WaitTimeoutError` each. ``followed.result()`` returns the execution, ended
        well or not, or raises the error.

        Args:
            executions: Which ones: `PipelineExecutionReference`, `PipelineExecution`, or tuples of a pipeline's name
                and an execution's id. One that comes twice is followed and yielded once.
            timeout: How long to wait for all of them, in seconds. None for no limit. It has no default, since none is
                right for all: a build takes minutes, and an approval can hold an execution for seven days. Each is
                asked about once more before the time is over, and ends with that: up to a tenth of the time early
                where they are very many.
            max_calls_per_second: How many requests a second there are at most, for all executions together.
            poll_interval: How many seconds are between two polls of one execution at first and after each change, if
                the budget allows; else they grow.
            max_poll_interval: How many seconds are between two polls of one execution at most, if the budget allows.
            not_found_grace: For how many seconds an execution or its pipeline may be not found, from the beginning or
                since it was last seen.
            on_poll: A plain function that is called with a `PollReport` after each poll.

        Raises:
            ConfigurationError: An argument is unusable, or the client is closed. This is raised at once.
        """
        from ._convoy_driver import followed_async  # here, since few programs follow many

        self._check_open()
        checked = pace(
            timeout=timeout,
            poll_interval=poll_interval,
            max_poll_interval=max_poll_interval,
            not_found_grace=not_found_grace,
        )
        return followed_async(
            self._poll,
            references(executions),
            pace=checked,
            max_calls_per_second=max_calls_per_second,
            clock=self._clock,
            chance=random.random,
            on_poll=harmless(on_poll),
        )

    @abstractmethod
    async def _poll(self, reference: PipelineExecutionReference, timeout: float | None) -> GetPipelineExecutionOutput:
        """Ask once, in one call of *timeout* seconds at most."""

    async def _news(self, wait: Wait) -> PipelineExecution | None:
        """Poll until there is something new, and return it. None when there is nothing more to come."""
        while not wait.is_over:
            execution = wait.take()
            if execution is not None:
                return execution
            pause = wait.pause()
            if pause > 0:
                self._check_open()
                await self._clock.sleep_async(pause)
                if wait.is_closed:
                    break
            outcome: PipelineExecution | CodePipelineError
            try:
                outcome = (await self._poll(wait.reference, wait.poll_timeout())).pipeline_execution
            except CodePipelineError as error:
                outcome = error.with_traceback(None)
            wait.learn(outcome)
        return None


class AsyncSnapshots(AsyncIterator[PipelineExecution]):
    """What a watch yields. Not a generator: an interruption ends nothing, and there is nothing to close."""

    def __init__(self, wait: Wait, news: Callable[[Wait], Awaitable[PipelineExecution | None]]) -> None:
        self._wait = wait
        self._news = news
        self._turn: Future[None] | None = None

    async def __anext__(self) -> PipelineExecution:
        """Return the next snapshot."""
        while self._turn is not None:  # another task asks; no lock of anyio's, which would load all of that here
            await settled(self._turn)
        turn = self._turn = Future()
        try:
            execution = await self._news(self._wait)
        finally:
            self._turn = None
            turn.set_result(None)
        if execution is None:
            raise StopAsyncIteration
        return execution

    async def aclose(self) -> None:
        """End it. There is no need to: between two snapshots nothing is open."""
        self._wait.is_closed = True
