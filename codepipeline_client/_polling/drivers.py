"""
Run the polls of many executions: in threads for the sync client, in a task group for the async one.

Which execution is polled next, and when, is decided in `batch`.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Final, TypeAlias, cast

import anyio
from attrs import define, field

from .. import _threads
from ..clock import ClosableClock
from ..errors import CodePipelineError, ConfigurationError
from ..models import PipelineExecution
from ..waiting import FollowedExecution, OnPoll, PipelineExecutionReference, PollConfig
from .batch import BatchScheduler, Poll
from .loop import AsyncCall, AsyncSharedIterator, Call, SharedIterator, Wait
from .schedule import Outcome

_MAX_BLOCK: Final = 1.0
"""Seconds that a thread waits at a stretch: on Windows, Ctrl-C does not interrupt such a wait."""
_GRACE: Final = 0.5
"""Seconds that the polls in flight get to end when an execution has ended."""

ExecutionLike: TypeAlias = PipelineExecutionReference | PipelineExecution | tuple[str, str]
"""What identifies an execution. A tuple is the pipeline's name and the execution's id."""
_Result: TypeAlias = tuple[Poll, Outcome | BaseException, float]
"""A poll, what it returned or raised, and when it ended by the clock. A defect may raise any exception."""


class Batch(Wait):
    """What both drivers share: a scheduler, its time and its reports."""

    def __init__(
        self,
        executions: Iterable[ExecutionLike],
        config: PollConfig,
        *,
        max_calls_per_second: float,
        clock: ClosableClock,
        on_poll: OnPoll | None,
        chance: Callable[[], float],
    ) -> None:
        super().__init__(clock, on_poll)
        self.scheduler = BatchScheduler(
            _references(executions), config, max_calls_per_second=_checked_rate(max_calls_per_second), chance=chance
        )

    def next(self) -> Poll | float | None:
        """Return the scheduler's next poll or pause. If the client is closed, all executions end."""
        if self.clock.is_closed:
            self.scheduler.fail(ConfigurationError("the client is closed: create a new one"))
        return self.scheduler.next(self.elapsed())

    def record(self, poll: Poll, outcome: Outcome | BaseException, ended_at: float) -> None:
        """Record a poll that has ended, and report it. Raises its exception if that is a defect."""
        if isinstance(outcome, CodePipelineError):
            outcome = outcome.with_traceback(None)  # its frames would be kept as long as the execution is followed
        elif isinstance(outcome, BaseException):
            raise outcome
        report = self.scheduler.record(poll, outcome, ended_at - self.began)
        if report is not None:
            self.report(report)


@define(eq=False, repr=False)
class BatchIterator(SharedIterator[FollowedExecution]):
    """
    Yields each execution as it ends. Each poll in flight has a daemon thread.

    So no poll delays a caller that stops, or the end of the program. While the caller handles an execution, polls in
    flight go on, and no other starts.
    """

    _call: Call
    _batch: Batch
    _results: queue.SimpleQueue[_Result] = field(factory=_threads.new_queue, init=False)

    def advance(self) -> FollowedExecution:
        batch, scheduler = self._batch, self._batch.scheduler
        wait = 0.0
        try:
            while not scheduler.ended:
                self._receive(wait)
                step, wait = batch.next(), 0.0
                if isinstance(step, Poll):
                    self._start(step)
                elif step is None:
                    break
                elif scheduler.in_flight:
                    wait = step
                else:
                    batch.clock.sleep(step)
        except BaseException:
            scheduler.requeue()
            raise
        if not scheduler.ended:
            raise StopIteration
        return scheduler.ended.popleft()

    def _start(self, poll: Poll) -> None:
        # The thread has the caller's context, a trace say. It does not know this iterator, which may be dropped.
        work = partial(_execute, self._call, poll, self._results, self._batch.clock.monotonic)
        try:
            _threads.run_in_thread(partial(copy_context().run, work), name="codepipeline_client-poll")
        except RuntimeError:  # no thread can be started
            work()

    def _receive(self, wait: float) -> None:
        """Record the polls that have ended, or wait for one."""
        with suppress(queue.Empty):
            self._batch.record(*self._results.get(timeout=min(wait, _MAX_BLOCK)))
            while True:
                self._batch.record(*self._results.get_nowait())


def _execute(call: Call, poll: Poll, results: queue.SimpleQueue[_Result], monotonic: Callable[[], float]) -> None:
    outcome: Outcome | BaseException
    try:
        outcome = call(poll.schedule.reference, poll.timeout)
    except BaseException as error:  # noqa: BLE001 - recorded or raised by `Batch.record`
        outcome = error
    results.put((poll, outcome, monotonic()))


@define(eq=False, repr=False)
class AsyncBatchIterator(AsyncSharedIterator[FollowedExecution]):
    """
    Yields each execution as it ends. Polls are in flight only while the next execution is awaited.

    When one has ended, other polls get a moment to end as well. Then they are cancelled, and made again when the next
    execution is awaited.
    """

    _call: AsyncCall
    _batch: Batch
    _results: deque[_Result] = field(factory=deque[_Result], init=False)
    _has_results: anyio.Event = field(factory=anyio.Event, init=False)

    async def advance(self) -> FollowedExecution:
        scheduler = self._batch.scheduler
        self._record_results()
        scheduler.requeue()  # the polls that the end of the last call has cancelled, whatever ended it
        try:
            if not scheduler.ended:
                await self._run()
        except BaseExceptionGroup as group:
            error: BaseException = group.exceptions[0]
            raise error from error.__cause__  # the caller knows of no group
        if not scheduler.ended:
            raise StopAsyncIteration
        return scheduler.ended.popleft()

    async def _run(self) -> None:
        batch, in_flight = self._batch, self._batch.scheduler.in_flight
        async with anyio.create_task_group() as polls:
            while (step := batch.next()) is not None:
                if isinstance(step, Poll):
                    polls.start_soon(self._execute, step)
                elif in_flight:
                    with anyio.move_on_after(step):
                        await self._has_results.wait()
                    self._record_results()
                else:
                    await batch.clock.sleep_async(step)
            with anyio.move_on_after(_GRACE):
                while in_flight:
                    await self._has_results.wait()
                    self._record_results()
            polls.cancel_scope.cancel()

    async def _execute(self, poll: Poll) -> None:
        outcome: Outcome
        try:
            outcome = await self._call(poll.schedule.reference, poll.timeout)
        except CodePipelineError as error:
            outcome = error
        self._results.append((poll, outcome, self._batch.clock.monotonic()))
        self._has_results.set()

    def _record_results(self) -> None:
        self._has_results = anyio.Event()
        while self._results:
            self._batch.record(*self._results.popleft())


def _references(executions: Iterable[ExecutionLike]) -> tuple[PipelineExecutionReference, ...]:
    """Return a reference to each of *executions*, once. Raises ConfigurationError for what identifies none."""
    try:
        return tuple(dict.fromkeys(map(_reference, executions)))
    except TypeError as error:
        raise ConfigurationError(
            "executions must be references, executions, or tuples of a pipeline's name and an execution's id, "
            f"in a list or another iterable: {error}"
        ) from error


def _reference(execution: object) -> PipelineExecutionReference:
    if isinstance(execution, PipelineExecutionReference):
        return execution
    if isinstance(execution, PipelineExecution):
        return PipelineExecutionReference(execution.pipeline_name, execution.pipeline_execution_id)
    if not isinstance(execution, tuple | list):  # a text of two letters, or a set, would pass for a name and an id
        raise TypeError(f"{execution!r} is none of these")
    return PipelineExecutionReference(*cast("tuple[str, str]", execution))  # a TypeError unless there are two


def _checked_rate(value: object) -> float:
    """Return the rate that all polls share."""
    if not isinstance(value, int | float) or value is True or not 0.01 <= value <= 1000:
        raise ConfigurationError(f"max_calls_per_second must be a number from 0.01 to 1000, not {value!r}")
    return float(value)
