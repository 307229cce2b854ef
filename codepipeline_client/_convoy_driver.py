"""
The loops that follow many executions: a few threads ask for one, a group of tasks for the other.

Who is asked about next, and when, is decided in the convoy. Here it is only asked, waited and told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from math import inf
from threading import Lock
from typing import Final, TypeAlias

import anyio
from anyio.abc import TaskGroup

from ._budget import Budget
from ._convoy import Answer, Convoy, Outcome, Turn
from ._crew import Crew, Poll
from ._march import Arrival, March
from ._pauses import ClosableClock
from .errors import CodePipelineError
from .waiting import Follow, FollowedExecution, OnPoll, Pace, PipelineExecutionReference

AsyncPoll: TypeAlias = Callable[[PipelineExecutionReference, float | None], Awaitable[Answer]]
"""Asks about an execution, in a task. The number is how many seconds that may take, None for no limit."""

_THREADS: Final = 8
_MOST_THREADS: Final = 32
_TASKS: Final = 64
_MOMENT: Final = 1.0
"""For how many seconds one that has ended is kept back, at most, so that the calls under way can end as well."""
_BLINK: Final = 0.1
"""As `_MOMENT`, for calls that hang: those that are older, or had their moment before."""


def followed(
    poll: Poll,
    references: Iterable[PipelineExecutionReference],
    *,
    pace: Pace,
    max_calls_per_second: float,
    clock: ClosableClock,
    chance: Callable[[], float],
    on_poll: OnPoll | None,
) -> Iterator[FollowedExecution]:
    """
    Follow many executions, each once, and yield each as it ends. The time counts from now.

    Up to eight calls are under way at once, each in a thread, and more beside those that hang. Nothing more is asked
    while the consumer is busy with what was yielded; the time goes on, and nothing is made up for in a burst. Threads
    may share the iterator. Whoever is interrupted may go on with it, and whoever has enough may drop it: its threads
    end with the calls that they are in, and keep no program from ending. *on_poll* is called where the next is waited
    for, and must raise nothing.

    Raises ConfigurationError when *max_calls_per_second* cannot be meant.
    """
    budget = Budget(max_calls_per_second)
    convoy = Convoy(references, pace, budget, places=_THREADS, most_places=_MOST_THREADS, chance=chance)
    return _InThreads(poll, March(convoy, clock, on_poll))


def followed_async(
    poll: AsyncPoll,
    references: Iterable[PipelineExecutionReference],
    *,
    pace: Pace,
    max_calls_per_second: float,
    clock: ClosableClock,
    chance: Callable[[], float],
    on_poll: OnPoll | None,
) -> AsyncIterator[FollowedExecution]:
    """
    Follow many executions, each once, and yield each as it ends. The time counts from now.

    Calls are under way only while the next is awaited. When one has ended, the other calls have a moment to end as
    well; then they are cancelled, and come first the next time. Nothing is asked while the consumer is busy with what
    was yielded; the time goes on, and nothing is made up for in a burst. Tasks may share the iterator. Whoever is
    cancelled may go on with it, and whoever has enough may drop it. *on_poll* is called where the next is awaited,
    and must raise nothing.

    Raises ConfigurationError when *max_calls_per_second* cannot be meant.
    """
    budget = Budget(max_calls_per_second)
    convoy = Convoy(references, pace, budget, places=_TASKS, most_places=_TASKS, chance=chance)
    return _InTasks(poll, March(convoy, clock, on_poll))


class _InThreads(Iterator[FollowedExecution]):
    """Asks in threads. Not a generator: an interruption does not end it."""

    def __init__(self, poll: Poll, march: March) -> None:
        self._march = march
        self._crew = Crew(poll, march.clock.monotonic)
        self._lock = Lock()
        self._is_interrupted = False

    def __next__(self) -> FollowedExecution:
        """Return the next that has ended."""
        ended = self._march.convoy.ended
        with self._lock:
            if self._is_interrupted:
                self._crew.regroup()
                self._march.convoy.regroup(self._crew.calls)
            self._is_interrupted = True
            if not ended:
                self._go_on()
            self._is_interrupted = False
            if not ended:
                self._crew.dismiss()
                raise StopIteration
            return ended.popleft()

    def close(self) -> None:
        """End it. There is no need to: who drops it has ended it."""
        self._march.convoy.disband()
        self._crew.dismiss()

    def _go_on(self) -> None:
        """Ask until one has ended, or none is left."""
        march, crew = self._march, self._crew
        pause = 0.0
        while True:
            for arrival in crew.arrivals(pause):
                march.arrive(arrival)
            step, pause = march.step(), 0.0
            if step is None:
                return
            if isinstance(step, Turn):
                crew.begin(step)
            elif march.convoy.under_way:
                pause = step
            else:
                march.clock.sleep(step)


class _InTasks(AsyncIterator[FollowedExecution]):
    """Asks in tasks. Not a generator: a cancellation does not end it, and between two steps nothing is open."""

    def __init__(self, poll: AsyncPoll, march: March) -> None:
        self._poll = poll
        self._march = march
        self._arrivals: deque[Arrival] = deque()
        self._given_up: set[Follow] = set()
        self._lock: anyio.Lock | None = None
        self._bell: anyio.Event

    async def __anext__(self) -> FollowedExecution:
        """Return the next that has ended."""
        ended = self._march.convoy.ended
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            if not ended:
                await self._go_on()
            if not ended:
                raise StopAsyncIteration
            return ended.popleft()

    async def aclose(self) -> None:
        """End it. There is no need to: who drops it has ended it."""
        self._march.convoy.disband()

    async def _go_on(self) -> None:
        """Ask until one has ended, or none is left."""
        convoy = self._march.convoy
        self._bell = anyio.Event()
        try:
            async with anyio.create_task_group() as calls:
                await self._lead(calls)
                with anyio.move_on_after(_MOMENT):
                    while self._is_patient():
                        await self._wait(inf)
                self._given_up.update(convoy.under_way)
                with anyio.move_on_after(_BLINK):
                    while convoy.under_way:
                        await self._wait(inf)
                calls.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = _first(group)
            raise error from error.__cause__  # not from the group, which is no business of the consumer's
        finally:
            self._arrive()
            for follow in tuple(convoy.under_way):
                convoy.recall(follow)

    def _is_patient(self) -> bool:
        """Return whether a call is under way that may end within the moment: one that had its moment will not."""
        since = self._march.elapsed() - _MOMENT
        began = self._march.convoy.under_way.items()
        return any(moment > since and follow not in self._given_up for follow, moment in began)

    async def _lead(self, calls: TaskGroup) -> None:
        """Do as the convoy says, until it has nothing more to say."""
        march = self._march
        while (step := march.step()) is not None:
            if isinstance(step, Turn):
                calls.start_soon(self._ask, step)
            elif march.convoy.under_way:
                await self._wait(step)
            else:
                await march.clock.sleep_async(step)

    async def _ask(self, turn: Turn) -> None:
        follow = turn.follow
        outcome: Outcome
        try:
            outcome = await self._poll(follow.reference, turn.timeout)
        except CodePipelineError as error:
            outcome = error.with_traceback(None)  # its frames would be kept as long as the execution is followed
        self._arrivals.append(Arrival(follow, outcome, self._march.clock.monotonic()))
        self._bell.set()

    async def _wait(self, pause: float) -> None:
        """Wait for calls to end, *pause* seconds at most, and tell of them."""
        with anyio.move_on_after(pause):
            await self._bell.wait()
        self._bell = anyio.Event()
        self._arrive()

    def _arrive(self) -> None:
        while self._arrivals:
            arrival = self._arrivals.popleft()
            self._given_up.discard(arrival.follow)
            self._march.arrive(arrival)


def _first(group: BaseException) -> BaseException:
    """Return what a group of tasks ended with."""
    within: tuple[BaseException, ...] = getattr(group, "exceptions", ())  # typed here: a narrowed group has no type
    return _first(within[0]) if within else group
