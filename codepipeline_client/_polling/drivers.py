"""
Poll one execution or many, and iterate over lists: in threads for the sync client, in tasks for the async one.

When to poll is decided in `schedule`, and which of many is polled next in `batch`.
"""

from __future__ import annotations

import queue
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import RLock
from typing import Any, Final, Generic, TypeAlias, TypeVar

import anyio
from attrs import evolve

from .. import _threads
from .._call.reports import LOGGER
from .._config.arguments import plain_function
from ..clock import ClosableClock
from ..errors import CodePipelineError, ConfigurationError, ResponseDecodeError
from ..models import PipelineExecution, ResponseMetadata
from ..operations.get_pipeline_execution import GetPipelineExecutionInput, GetPipelineExecutionOutput
from ..waiting import FollowedExecution, OnPoll, PollReport
from .batch import BatchScheduler, Poll
from .schedule import PollOutcome, PollSchedule

PollCall: TypeAlias = Callable[[GetPipelineExecutionInput, float | None], GetPipelineExecutionOutput]
"""Makes one call. The number is its timeout in seconds, None for no limit."""
AsyncPollCall: TypeAlias = Callable[[GetPipelineExecutionInput, float | None], Awaitable[GetPipelineExecutionOutput]]
_Result: TypeAlias = tuple[Poll, PollOutcome | BaseException, float]
"""A poll, what it returned or raised, and when it ended by the clock. A defect may raise any exception."""

T = TypeVar("T")

_GRACE: Final = 0.5
"""Seconds that the polls in flight get to end when an execution has ended."""
_REENTERED: Final = "a callback must not take the next item from the iterator that calls it"


class WaitContext:
    """The time of a wait, and its callback."""

    def __init__(self, clock: ClosableClock, on_poll: OnPoll | None) -> None:
        if on_poll is not None:
            plain_function("on_poll", on_poll)
        self.clock = clock
        self.began = clock.monotonic()  # the time counts from now
        self._on_poll = on_poll

    def elapsed(self) -> float:
        return self.clock.monotonic() - self.began

    def report(self, report: PollReport) -> None:
        """Call the callback, and log an error in it."""
        if self._on_poll is not None:
            try:
                self._on_poll(report)
            except Exception:  # noqa: BLE001 - the caller's error
                LOGGER.warning("on_poll raised an error", exc_info=True)


class BatchContext(WaitContext):
    """The wait for many executions."""

    def __init__(self, scheduler: Callable[[], BatchScheduler], clock: ClosableClock, on_poll: OnPoll | None) -> None:
        super().__init__(clock, on_poll)
        self.scheduler = scheduler()  # which may take a while, if the executions come from a generator

    def next(self) -> Poll | float | None:
        """Return the scheduler's next poll or pause. If the client is closed, all executions end."""
        if self.clock.is_closed:
            self.scheduler.fail(ConfigurationError("the client is closed: create a new one"))
        return self.scheduler.next(self.elapsed())

    def record(self, poll: Poll, outcome: PollOutcome | BaseException, ended_at: float) -> None:
        """Record a poll that has ended, and report it. Raises its exception if that is a defect."""
        if isinstance(outcome, CodePipelineError):
            outcome = outcome.with_traceback(None)  # its frames would be kept as long as the execution is followed
        elif isinstance(outcome, BaseException):
            raise outcome
        report = self.scheduler.record(poll, outcome, ended_at - self.began)
        if report is not None:
            self.report(report)


class SharedIterator(Iterator[T]):
    """An iterator that threads may share. Not a generator: an interrupt does not end it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._is_running = False

    def __next__(self) -> T:
        """Return the next item."""
        with self._lock:
            if self._is_running:  # only in this thread: others wait for the lock
                raise RuntimeError(_REENTERED)
            try:
                self._is_running = True
                return self.advance()
            finally:
                self._is_running = False

    @abstractmethod
    def advance(self) -> T:
        """Return the next item. Only for one caller at a time."""


class AsyncSharedIterator(AsyncIterator[T]):
    """An iterator that tasks may share. Not a generator: a cancellation does not end it."""

    def __init__(self) -> None:
        self._lock = anyio.Lock()

    async def __anext__(self) -> T:
        """Return the next item."""
        try:
            await self._lock.acquire()
        except RuntimeError as error:  # this task has the lock
            raise RuntimeError(_REENTERED) from error
        try:
            return await self.advance()
        finally:
            self._lock.release()

    @abstractmethod
    async def advance(self) -> T:
        """Return the next item. Only for one caller at a time."""


class ChangeIterator(SharedIterator[PipelineExecution]):
    """Yields each change of one execution."""

    def __init__(self, call: PollCall, schedule: PollSchedule, wait: WaitContext) -> None:
        super().__init__()
        self._call, self._schedule, self._wait = call, schedule, wait

    def advance(self) -> PipelineExecution:
        schedule, wait = self._schedule, self._wait
        outcome: PollOutcome
        while not schedule.is_over:
            if (execution := schedule.take()) is not None:
                return execution
            if (pause := schedule.due - wait.elapsed()) > 0:
                wait.clock.sleep(pause)
            try:
                outcome = self._call(schedule.request, schedule.poll_timeout(wait.elapsed()))
            except CodePipelineError as error:
                outcome = error.with_traceback(None)
            wait.report(schedule.record(outcome, wait.elapsed()))
        raise StopIteration


class AsyncChangeIterator(AsyncSharedIterator[PipelineExecution]):
    """Yields each change of one execution."""

    def __init__(self, call: AsyncPollCall, schedule: PollSchedule, wait: WaitContext) -> None:
        super().__init__()
        self._call, self._schedule, self._wait = call, schedule, wait

    async def advance(self) -> PipelineExecution:
        schedule, wait = self._schedule, self._wait
        outcome: PollOutcome
        while not schedule.is_over:
            if (execution := schedule.take()) is not None:
                return execution
            if (pause := schedule.due - wait.elapsed()) > 0:
                await wait.clock.sleep_async(pause)
            try:
                outcome = await self._call(schedule.request, schedule.poll_timeout(wait.elapsed()))
            except CodePipelineError as error:
                outcome = error.with_traceback(None)
            wait.report(schedule.record(outcome, wait.elapsed()))
        raise StopAsyncIteration


class BatchIterator(SharedIterator[FollowedExecution]):
    """
    Yields each execution as it ends. Each poll in flight has a daemon thread.

    No poll delays the end of the program. While the caller handles an execution, polls in flight continue, others wait.
    """

    def __init__(self, call: PollCall, batch: BatchContext) -> None:
        super().__init__()
        self._call, self._batch = call, batch
        self._results: queue.SimpleQueue[_Result] = _threads.new_queue()

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
        call, results, monotonic = self._call, self._results, self._batch.clock.monotonic

        def execute() -> None:  # does not refer to this iterator, which may be dropped
            outcome: PollOutcome | BaseException
            try:
                outcome = call(poll.schedule.request, poll.timeout)
            except BaseException as error:  # noqa: BLE001 - recorded or raised by `BatchContext.record`
                outcome = error
            results.put((poll, outcome, monotonic()))

        try:
            _threads.run_in_thread(partial(copy_context().run, execute), name="codepipeline_client-poll")
        except RuntimeError:  # no thread can be started
            execute()

    def _receive(self, wait: float) -> None:
        """Record the polls that have ended, or wait for one."""
        with suppress(queue.Empty):
            self._batch.record(*self._results.get(timeout=min(wait, _threads.LONGEST_WAIT)))
            while True:
                self._batch.record(*self._results.get_nowait())


class AsyncBatchIterator(AsyncSharedIterator[FollowedExecution]):
    """
    Yields each execution as it ends. Polls are in flight only while the next execution is awaited.

    When one has ended, the others get a moment to end. Then they are cancelled, and repeated when the next is awaited.
    """

    def __init__(self, call: AsyncPollCall, batch: BatchContext) -> None:
        super().__init__()
        self._call, self._batch = call, batch
        self._results: deque[_Result] = deque()
        self._has_results = anyio.Event()

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
        outcome: PollOutcome
        try:
            outcome = await self._call(poll.schedule.request, poll.timeout)
        except CodePipelineError as error:
            outcome = error
        self._results.append((poll, outcome, self._batch.clock.monotonic()))
        self._has_results.set()

    def _record_results(self) -> None:
        self._has_results = anyio.Event()
        while self._results:
            self._batch.record(*self._results.popleft())


class _Pages(Generic[T]):
    def __init__(self, call: Callable[[Any], Any], request: Any, elements_of: Callable[[Any], Iterable[T]]) -> None:
        super().__init__()
        self._call, self._elements_of = call, elements_of
        self._request: Any = request
        """Requests the next page. None after the last one."""
        self._elements = deque[T]()
        self._tokens = set[str | None]()

    def _turn(self, page: Any) -> None:
        if page.next_token in self._tokens:
            facts: ResponseMetadata = page.response_metadata
            words = "a page has the next token of an earlier one, so the list would never end"
            error = ResponseDecodeError(words, request_id=facts.request_id)
            error.attempts = facts.attempts
            raise error
        # botocore, too, takes an empty token for none
        request = evolve(self._request, next_token=page.next_token) if page.next_token else None
        elements = deque(self._elements_of(page))
        self._request, self._elements = request, elements  # together: an interrupt must not repeat the page
        self._tokens.add(page.next_token)


class ListIterator(_Pages[T], SharedIterator[T]):
    """Yields the elements of all pages. After an error, iterate further to request the same page again."""

    def advance(self) -> T:
        while not self._elements:
            if self._request is None:
                raise StopIteration
            self._turn(self._call(self._request))
        return self._elements.popleft()


class AsyncListIterator(_Pages[T], AsyncSharedIterator[T]):
    async def advance(self) -> T:
        while not self._elements:
            if self._request is None:
                raise StopAsyncIteration
            self._turn(await self._call(self._request))
        return self._elements.popleft()
