"""
Follow one execution: poll, pause, and hand out each change. The twins differ in what they wait with.

When to poll is decided in `schedule`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from threading import RLock
from typing import TypeAlias, TypeVar

import anyio

from ..clock import ClosableClock
from ..errors import CodePipelineError
from ..models import PipelineExecution
from ..operations.get_pipeline_execution import GetPipelineExecutionOutput
from ..waiting import OnPoll, PipelineExecutionReference
from .arguments import safe_callback
from .schedule import PollSchedule

Call: TypeAlias = Callable[[PipelineExecutionReference, float | None], GetPipelineExecutionOutput]
"""Makes one call. The number is its timeout in seconds, None for no limit."""
AsyncCall: TypeAlias = Callable[[PipelineExecutionReference, float | None], Awaitable[GetPipelineExecutionOutput]]

T = TypeVar("T")


class SharedIterator(Iterator[T]):
    """An iterator that threads may share. Not a generator: an interrupt does not end it."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._is_running = False

    def __next__(self) -> T:
        """Return the next item."""
        with self._lock:
            if self._is_running:  # only in this thread: others wait for the lock
                raise RuntimeError("on_poll must not call next() on the iterator that calls it")
            self._is_running = True
            try:
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
        async with self._lock:
            return await self.advance()

    @abstractmethod
    async def advance(self) -> T:
        """Return the next item. Only for one caller at a time."""


class PollLoop:
    """What a wait knows between two polls. A change is kept until it is taken."""

    def __init__(self, schedule: PollSchedule, clock: ClosableClock, on_poll: OnPoll | None) -> None:
        """Begin: the time counts from now."""
        self.clock = clock
        self.reference = schedule.reference
        self.is_over = False
        """Whether nothing more will come: the end was taken, be it an error, or the caller has closed it."""
        self._schedule = schedule
        self._on_poll = safe_callback(on_poll)
        self._began = clock.monotonic()
        self._due = 0.0
        self._taken: PipelineExecution | None = None

    def pause(self) -> float:
        """Return the seconds until the next poll is due. The time that the caller took counts."""
        return max(self._due - self._elapsed(), 0.0)

    def poll_timeout(self) -> float | None:
        """Return the timeout of a poll that begins now."""
        return self._schedule.poll_timeout(self._elapsed())

    def record(self, outcome: PipelineExecution | CodePipelineError) -> None:
        """Record a poll, and report it."""
        report = self._schedule.record(outcome, self._elapsed())
        self._due = report.seconds + (report.pause or 0.0)
        if self._on_poll is not None:
            self._on_poll(report)

    def take(self) -> PipelineExecution | None:
        """Return the execution if it has changed since it was last taken. Raises what ended the wait."""
        if self._schedule.error is not None:
            self.is_over = True
            raise self._schedule.error
        execution = self._schedule.execution
        if execution is None or execution == self._taken:
            return None
        self._taken = execution
        self.is_over = self.is_over or execution.status.is_terminal
        return execution

    def _elapsed(self) -> float:
        return self.clock.monotonic() - self._began


class Watch(SharedIterator[PipelineExecution]):
    """The changes of one execution."""

    def __init__(self, call: Call, loop: PollLoop) -> None:
        super().__init__()
        self._call = call
        self._loop = loop

    def advance(self) -> PipelineExecution:
        """Poll until the execution has changed, and return it."""
        loop = self._loop
        while not loop.is_over:
            execution = loop.take()
            if execution is not None:
                return execution
            if pause := loop.pause():
                loop.clock.sleep(pause)
            outcome: PipelineExecution | CodePipelineError
            try:
                outcome = self._call(loop.reference, loop.poll_timeout()).pipeline_execution
            except CodePipelineError as error:
                outcome = error.with_traceback(None)
            loop.record(outcome)
        raise StopIteration

    def close(self) -> None:
        """End it. There is no need to."""
        self._loop.is_over = True


class AsyncWatch(AsyncSharedIterator[PipelineExecution]):
    """The changes of one execution."""

    def __init__(self, call: AsyncCall, loop: PollLoop) -> None:
        super().__init__()
        self._call = call
        self._loop = loop

    async def advance(self) -> PipelineExecution:
        """Poll until the execution has changed, and return it."""
        loop = self._loop
        while not loop.is_over:
            execution = loop.take()
            if execution is not None:
                return execution
            if pause := loop.pause():
                await loop.clock.sleep_async(pause)
            outcome: PipelineExecution | CodePipelineError
            try:
                outcome = (await self._call(loop.reference, loop.poll_timeout())).pipeline_execution
            except CodePipelineError as error:
                outcome = error.with_traceback(None)
            loop.record(outcome)
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End it. There is no need to."""
        self._loop.is_over = True
