"""
Threads that ask about executions, and bring what comes of it.

Decides nothing: what is to be asked is an order, and what came of it an arrival.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Final, TypeAlias

from attrs import field, frozen

from ._convoy import Answer, Outcome, Turn
from ._march import Arrival
from .errors import CodePipelineError, ConfigurationError
from .waiting import Follow, PipelineExecutionReference

Poll: TypeAlias = Callable[[PipelineExecutionReference, float | None], Answer]
"""Asks about an execution. The number is how many seconds that may take, None for no limit."""

_ALERT: Final = 1.0
"""Seconds that a thread waits for others at a stretch: on Windows, Ctrl-C does not reach it meanwhile."""


class Crew:
    """
    A few threads, no more than have ever been busy at once.

    They are daemons, since nothing can interrupt a call, which may take as long as its limits let it: neither the
    consumer who has enough nor the end of the program is to wait for that. They know their queues only and not the
    crew, so that it goes when its owner does, and they with it.
    """

    def __init__(self, poll: Poll, monotonic: Callable[[], float]) -> None:
        self._poll = poll
        self._monotonic = monotonic
        self.calls: dict[Follow, _Order] = {}
        """Those asked about, until what came of it has been taken."""
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._over: deque[Arrival] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._hands: list[Thread] = []

    def __del__(self) -> None:
        self._release()

    def begin(self, turn: Turn) -> None:
        """Let a thread ask."""
        self.calls[turn.follow] = order = _Order(turn, self._poll, copy_context())
        self._give(order)

    def regroup(self) -> None:
        """See to it that each of the calls is made, also when an interruption came before its order was given."""
        for order in self.calls.values():
            if not order.is_taken.locked():
                self._give(order)

    def arrivals(self, pause: float) -> Iterator[Arrival]:
        """
        Yield the calls that are over. When there are none, wait for one: *pause* seconds at most, or fewer.

        One is taken off when the next is asked for: it comes again when what is done with it is interrupted.
        """
        within = 0.0 if self._over else min(pause, _ALERT)
        while True:
            with suppress(Empty):
                self._bell.get(timeout=within)
            if not self._over:
                return
            within = 0.0
            yield self._over[0]
            self.calls.pop(self._over[0].follow, None)
            self._over.popleft()

    def dismiss(self) -> None:
        """End the threads. One that is in a call ends after that, and is not waited for."""
        hands = self._release()
        if not self.calls:
            for hand in hands:
                hand.join()

    def _give(self, order: _Order) -> None:
        if len(self.calls) > len(self._hands):
            hand = Thread(target=_work, args=(self._orders, self._over, self._bell, self._monotonic), daemon=True)
            try:
                hand.start()
            except RuntimeError as error:
                if not self._hands:  # else one of those will see to it
                    failure = ConfigurationError(f"no thread could be started to ask about an execution: {error}")
                    self._over.append(Arrival(order.turn.follow, failure, self._monotonic()))
                    return
            else:
                self._hands.append(hand)
        self._orders.put(order)

    def _release(self) -> list[Thread]:
        hands, self._hands = self._hands, []
        orders, self._orders = self._orders, SimpleQueue()
        orders.put(None)
        return hands


@frozen
class _Order:
    """A poll to make."""

    turn: Turn
    poll: Poll
    context: Context
    """The consumer's, so that what he has there goes with the call: a trace, say."""
    is_taken: Lock = field(factory=Lock, init=False)
    """Locked by the thread that makes the poll: an order may have been given twice."""

    def outcome(self) -> Outcome | BaseException:
        """Make the poll, and return what comes of it."""
        try:
            return self.context.run(self.poll, self.turn.follow.reference, self.turn.timeout)
        except CodePipelineError as error:
            return error.with_traceback(None)  # its frames would be kept as long as the execution is followed
        except BaseException as error:  # noqa: BLE001 - a defect, say: it is raised where the consumer is
            return error


def _work(
    orders: SimpleQueue[_Order | None], over: deque[Arrival], bell: SimpleQueue[None], monotonic: Callable[[], float]
) -> None:
    while (order := orders.get()) is not None:
        if order.is_taken.acquire(blocking=False):
            over.append(Arrival(order.turn.follow, order.outcome(), monotonic()))
            bell.put(None)
        del order  # a thread without work keeps nothing
    orders.put(None)  # for the next: one may be there that the crew does not know of, since its start was interrupted
