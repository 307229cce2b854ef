"""
Follow one execution in a thread or in a task: poll, pause, and yield each change.

`schedule` decides when to poll.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from threading import RLock
from typing import Final, TypeAlias, TypeVar

import anyio
from attrs import define, field

from .._call.reports import LOGGER
from .._config.arguments import plain_function
from ..clock import ClosableClock
from ..errors import CodePipelineError
from ..models import PipelineExecution
from ..operations.get_pipeline_execution import GetPipelineExecutionOutput
from ..waiting import OnPoll, PipelineExecutionReference, PollReport
from .schedule import Outcome, PollSchedule

Call: TypeAlias = Callable[[PipelineExecutionReference, float | None], GetPipelineExecutionOutput]
"""Makes one call. The number is its timeout in seconds, None for no limit."""
AsyncCall: TypeAlias = Callable[[PipelineExecutionReference, float | None], Awaitable[GetPipelineExecutionOutput]]

T = TypeVar("T")

_REENTERED: Final = "a callback must not take the next item from the iterator that calls it"


@define(eq=False, repr=False)
class SharedIterator(Iterator[T]):
    """An iterator that threads may share. Not a generator: an interrupt does not end it."""

    _lock: RLock = field(factory=RLock, init=False)
    _is_running: bool = field(default=False, init=False)

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


@define(eq=False, repr=False)
class AsyncSharedIterator(AsyncIterator[T]):
    """An iterator that tasks may share. Not a generator: a cancellation does not end it."""

    _lock: anyio.Lock = field(factory=anyio.Lock, init=False)

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


class Wait:
    """The time of a wait, and its callback."""

    def __init__(self, clock: ClosableClock, on_poll: OnPoll | None) -> None:
        """Begin: the time counts from now."""
        if on_poll is not None:
            plain_function("on_poll", on_poll)
        self.clock = clock
        self.began = clock.monotonic()
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


@define(eq=False, repr=False)
class Watch(SharedIterator[PipelineExecution]):
    """Yields each change of one execution."""

    _call: Call
    _schedule: PollSchedule
    _wait: Wait

    def advance(self) -> PipelineExecution:
        schedule, wait = self._schedule, self._wait
        outcome: Outcome
        while not schedule.is_over:
            if (execution := schedule.take()) is not None:
                return execution
            if (pause := schedule.due - wait.elapsed()) > 0:
                wait.clock.sleep(pause)
            try:
                outcome = self._call(schedule.reference, schedule.poll_timeout(wait.elapsed()))
            except CodePipelineError as error:
                outcome = error.with_traceback(None)
            wait.report(schedule.record(outcome, wait.elapsed()))
        raise StopIteration


@define(eq=False, repr=False)
class AsyncWatch(AsyncSharedIterator[PipelineExecution]):
    """Yields each change of one execution."""

    _call: AsyncCall
    _schedule: PollSchedule
    _wait: Wait

    async def advance(self) -> PipelineExecution:
        schedule, wait = self._schedule, self._wait
        outcome: Outcome
        while not schedule.is_over:
            if (execution := schedule.take()) is not None:
                return execution
            if (pause := schedule.due - wait.elapsed()) > 0:
                await wait.clock.sleep_async(pause)
            try:
                outcome = await self._call(schedule.reference, schedule.poll_timeout(wait.elapsed()))
            except CodePipelineError as error:
                outcome = error.with_traceback(None)
            wait.report(schedule.record(outcome, wait.elapsed()))
        raise StopAsyncIteration
