"""
Run the polls of many executions: in threads for the sync client, in a task group for the async one.

Which execution is polled next, and when, is decided in `batch`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

import anyio

from .. import _threads
from ..clock import ClosableClock
from ..errors import CodePipelineError, ConfigurationError
from ..waiting import FollowedExecution, OnPoll, PollConfig
from .arguments import ExecutionLike, calls_per_second, references, safe_callback
from .batch import BatchScheduler, Outcome, Poll
from .loop import AsyncCall, AsyncSharedIterator, Call, SharedIterator
from .schedule import PollSchedule

_MAX_IN_FLIGHT: Final = 32
_MAX_BLOCK: Final = 1.0
"""Seconds that a thread waits at a stretch: on Windows, Ctrl-C does not reach it meanwhile."""
_GRACE: Final = 1.0
"""Seconds that a poll gets to end, counted from its start, when another execution has ended."""
_SHORT_GRACE: Final = 0.1
"""The same for an execution whose last poll did not end in that time."""


class _Result(NamedTuple):
    """What came of a poll, and when it ended by the clock. Any exception may come, if the call has a defect."""

    poll: Poll
    outcome: Outcome | BaseException
    ended_at: float


class Batch:
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
        """Begin: the time counts from now."""
        self.clock = clock
        self.scheduler = BatchScheduler(
            references(executions),
            config,
            max_calls_per_second=calls_per_second(max_calls_per_second),
            max_in_flight=_MAX_IN_FLIGHT,
            chance=chance,
        )
        self._on_poll = safe_callback(on_poll)
        self._began = clock.monotonic()

    def elapsed(self) -> float:
        """Return the seconds since the wait began."""
        return self.clock.monotonic() - self._began

    def next(self) -> Poll | float | None:
        """Return the scheduler's next poll or pause. If the client is closed, all executions end."""
        if self.clock.is_closed:
            self.scheduler.fail(ConfigurationError("the client is closed: make a new one"))
        return self.scheduler.next(self.elapsed())

    def record(self, result: _Result) -> None:
        """Record a poll that has ended, and report it. Raises its exception if that is a defect."""
        if not isinstance(result.outcome, Outcome):
            raise result.outcome
        report = self.scheduler.record(result.poll, result.outcome, result.ended_at - self._began)
        if report is not None and self._on_poll is not None:
            self._on_poll(report)


class ThreadDriver(SharedIterator[FollowedExecution]):
    """
    Yields each execution as it ends. Each poll in flight has a daemon thread.

    So neither a caller who stops nor the end of the program waits for a poll. While the caller handles an execution,
    polls in flight go on, and none is started.
    """

    def __init__(self, call: Call, batch: Batch) -> None:
        super().__init__()
        self._call = call
        self._batch = batch
        self._results: SimpleQueue[_Result] = SimpleQueue()

    def advance(self) -> FollowedExecution:
        """Poll until an execution has ended, and return it."""
        scheduler = self._batch.scheduler
        try:
            if not scheduler.ended:
                self._run()
        except BaseException:
            scheduler.requeue()
            raise
        if not scheduler.ended:
            raise StopIteration
        return scheduler.ended.popleft()

    def close(self) -> None:
        """End it. There is no need to."""
        self._batch.scheduler.clear()

    def _run(self) -> None:
        batch, wait = self._batch, 0.0
        while True:
            self._receive(wait)
            step, wait = batch.next(), 0.0
            if step is None:
                return
            if isinstance(step, Poll):
                self._start(step)
            elif batch.scheduler.in_flight:
                wait = step
            else:
                batch.clock.sleep(step)

    def _start(self, poll: Poll) -> None:
        # The thread has the caller's context, a trace say. It does not know this iterator, which may be dropped.
        work = partial(_execute, self._call, poll, self._results, self._batch.clock.monotonic)
        context = copy_context()
        try:
            _threads.run_in_thread(lambda: context.run(work), name="codepipeline_client-poll")
        except RuntimeError:  # no thread can be started
            work()

    def _receive(self, wait: float) -> None:
        """Record the polls that have ended. If there are none, wait for one."""
        with suppress(Empty):
            self._batch.record(self._results.get(timeout=min(wait, _MAX_BLOCK)))
            while True:
                self._batch.record(self._results.get_nowait())


def _execute(call: Call, poll: Poll, results: SimpleQueue[_Result], monotonic: Callable[[], float]) -> None:
    outcome: Outcome | BaseException
    try:
        outcome = call(poll.schedule.reference, poll.timeout)
    except CodePipelineError as error:
        outcome = error.with_traceback(None)  # its frames would be kept as long as the execution is followed
    except BaseException as error:  # noqa: BLE001 - a defect, which is raised where the results are received
        outcome = error
    results.put(_Result(poll, outcome, monotonic()))


class TaskDriver(AsyncSharedIterator[FollowedExecution]):
    """
    Yields each execution as it ends. Polls are in flight only while the next execution is awaited.

    When one has ended, other polls get a moment to end as well. Then they are cancelled, and made again when the next
    execution is awaited.
    """

    def __init__(self, call: AsyncCall, batch: Batch) -> None:
        super().__init__()
        self._call = call
        self._batch = batch
        self._results: deque[_Result] = deque()
        self._has_results = anyio.Event()
        self._slow: set[PollSchedule] = set()
        """The executions whose last poll was cancelled."""

    async def advance(self) -> FollowedExecution:
        """Poll until an execution has ended, and return it."""
        scheduler = self._batch.scheduler
        try:
            if not scheduler.ended:
                await self._run()
        finally:
            scheduler.requeue()
        if not scheduler.ended:
            raise StopAsyncIteration
        return scheduler.ended.popleft()

    async def aclose(self) -> None:
        """End it. There is no need to."""
        self._batch.scheduler.clear()

    async def _run(self) -> None:
        batch, in_flight = self._batch, self._batch.scheduler.in_flight
        try:
            async with anyio.create_task_group() as polls:
                while (step := batch.next()) is not None:
                    if isinstance(step, Poll):
                        polls.start_soon(self._execute, step)
                    elif in_flight:
                        await self._receive(step)
                    else:
                        await batch.clock.sleep_async(step)
                while (grace := self._grace()) > 0 and await self._receive(grace):
                    pass
                self._slow.update(in_flight)
                polls.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = _first(group)
            raise error from error.__cause__  # the caller knows of no group
        finally:
            self._record_results()

    def _grace(self) -> float:
        """Return for how many seconds the polls in flight are still waited for."""
        elapsed = self._batch.elapsed()
        return max(
            (
                poll.started + (_SHORT_GRACE if schedule in self._slow else _GRACE) - elapsed
                for schedule, poll in self._batch.scheduler.in_flight.items()
            ),
            default=0.0,
        )

    async def _execute(self, poll: Poll) -> None:
        outcome: Outcome
        try:
            outcome = await self._call(poll.schedule.reference, poll.timeout)
        except CodePipelineError as error:
            outcome = error.with_traceback(None)  # its frames would be kept as long as the execution is followed
        self._results.append(_Result(poll, outcome, self._batch.clock.monotonic()))
        self._has_results.set()

    async def _receive(self, wait: float) -> bool:
        """Record the polls that have ended, and wait for one before. Return whether there was any."""
        with anyio.move_on_after(wait):
            await self._has_results.wait()
        return self._record_results()

    def _record_results(self) -> bool:
        had_any = bool(self._results)
        self._has_results = anyio.Event()
        while self._results:
            result = self._results.popleft()
            self._slow.discard(result.poll.schedule)
            self._batch.record(result)
        return had_any


def _first(group: BaseException) -> BaseException:
    """Return the exception that ended a task group."""
    inner: tuple[BaseException, ...] = getattr(group, "exceptions", ())  # a narrowed group has no type
    return _first(inner[0]) if inner else group
