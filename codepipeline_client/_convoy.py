"""
Many executions on their way together: whose turn it is, when, and what becomes of each.

Reckons in seconds since the wait began. It has no clock, asks nobody and sleeps never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable
from copy import copy
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Final, TypeAlias

from attrs import frozen

from ._budget import SLACK, Budget
from .errors import CodePipelineError, ConfigurationError, CredentialsError, ServiceError
from .models import PipelineExecution
from .operations.get_pipeline_execution import GetPipelineExecutionOutput
from .waiting import Follow, FollowedExecution, Pace, PipelineExecutionReference, PollReport

_REFUSED_KEYS: Final = frozenset(
    {"ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException"}
)
"""The codes by which the service refuses the keys, whatever they sign."""

_LONGEST_POLL: Final = 10.0
"""Seconds that one poll may take: several times what a slow answer does, and a hung one keeps its place no longer."""
_SLOW: Final = 1.0
"""Seconds after which a call under way counts as hung, and another may begin beside it."""

Answer: TypeAlias = GetPipelineExecutionOutput | PipelineExecution
"""What a poll returns: the whole answer tells how many requests it took, an execution alone is taken for one."""
Outcome: TypeAlias = Answer | CodePipelineError
"""What comes of a poll."""


@frozen
class Turn:
    """A poll to make now."""

    follow: Follow
    """Who is asked about, and what is told what comes of it."""
    timeout: float
    """How many seconds it may take."""


class Convoy:
    """
    Many executions, each polled at its own pace as long as the budget allows.

    When it does not, who has been due the longest is next, so that all wait equally long.
    """

    __slots__ = (
        "_budget",
        "_hopeless",
        "_most_places",
        "_numbers",
        "_pace",
        "_places",
        "_remaining",
        "_waiting",
        "ended",
        "under_way",
    )

    def __init__(
        self,
        references: Iterable[PipelineExecutionReference],
        pace: Pace,
        budget: Budget,
        *,
        places: int,
        most_places: int,
        chance: Callable[[], float],
    ) -> None:
        """
        Begin. One that is there twice is followed once.

        *places* is how many calls may be under way at once, *most_places* how many with those that hang. *chance* is
        as for `Follow`.
        """
        self.ended: deque[FollowedExecution] = deque()
        """Those whose way has ended, to be taken from here."""
        unique = dict.fromkeys(references)
        self._pace = pace = pace._replace(sweep=len(unique) / budget.rate)
        self._budget = budget
        self._places = places
        self._most_places = most_places
        self._numbers = count()
        self._remaining = {reference: Follow(reference, pace, chance=chance) for reference in unique}
        self._waiting = [(0.0, next(self._numbers), follow) for follow in self._remaining.values()]
        self.under_way: dict[Follow, float] = {}
        """Those whose calls are under way, and since when."""
        self._hopeless: CodePipelineError | None = None

    def step(self, elapsed: float) -> Turn | float | None:
        """
        Return the poll to make now, or else for how many seconds there is nothing to do, unless a call ends.

        None when some have ended, which are to be taken first, or when none is left. The seconds are infinite when
        nothing but the end of a call is to be waited for.
        """
        left = inf if self._pace.timeout is None else self._pace.timeout - elapsed
        if left <= SLACK:
            self._end_all(lambda follow: follow.timed_out(elapsed))
        if self.ended or not (self._waiting or self.under_way):
            return None
        if not self._waiting:
            return left
        pause = max(self._waiting[0][0] - elapsed, self._budget.wait(elapsed), self._wait_for_place(elapsed))
        if pause > SLACK:
            return min(pause, left)
        _, _, follow = heappop(self._waiting)
        self.under_way[follow] = elapsed
        self._budget.begin(elapsed)
        return Turn(follow, min(left, _LONGEST_POLL))

    def arrive(self, follow: Follow, outcome: Outcome, elapsed: float) -> PollReport | None:
        """Note what came of a poll that was over then. Return what is to be told of it; None when it came too late."""
        began = self.under_way.pop(follow, None)
        if began is None:
            return None
        requests = 1
        if isinstance(outcome, GetPipelineExecutionOutput):
            requests, outcome = outcome.response_metadata.attempts, outcome.pipeline_execution
        failure = outcome if isinstance(outcome, CodePipelineError) else None
        self._budget.end(
            elapsed,
            began=began,
            requests=requests if failure is None else failure.attempts,
            throttled=isinstance(failure, ServiceError) and failure.is_throttling,
        )
        pause = self._pause(follow, outcome, elapsed)
        return PollReport(
            reference=follow.reference,
            number=follow.polls,
            seconds=elapsed,
            execution=outcome if isinstance(outcome, PipelineExecution) else None,
            failure=failure,
            pause=pause,
        )

    def recall(self, follow: Follow) -> None:
        """Let one be the next, or among them, whose call was given up."""
        began = self.under_way.pop(follow, None)
        if began is not None:
            self._put(follow, began)

    def regroup(self, called: Container[Follow]) -> None:
        """Let those be the next whom an interruption made it lose sight of; it did not of those *called*."""
        for end in self.ended:
            self._remaining.pop(end.reference, None)
        for follow in tuple(self.under_way):
            if follow not in called:
                self.recall(follow)
        in_sight = {follow for _, _, follow in self._waiting}.union(self.under_way)
        for follow in self._remaining.values():
            if follow not in in_sight:
                self._put(follow, 0.0)

    def give_up(self, error: CodePipelineError) -> None:
        """End all that remain, those too whose calls are under way: each with an *error* of its own."""
        self._end_all(lambda _: _unsent(error))

    def disband(self) -> None:
        """Forget all."""
        self._remaining.clear()
        self._waiting.clear()
        self.under_way.clear()
        self.ended.clear()

    def _wait_for_place(self, elapsed: float) -> float:
        """Return in how many seconds there is a place, if no call ends before: 0 for now."""
        if len(self.under_way) < self._places:
            return 0.0
        if len(self.under_way) >= self._most_places:
            return inf
        return tuple(self.under_way.values())[-self._places] + _SLOW - elapsed

    def _pause(self, follow: Follow, outcome: PipelineExecution | CodePipelineError, elapsed: float) -> float | None:
        """Return how long it is until the next poll. None for no other: then the execution is among the ended."""
        try:
            pause = follow.after(outcome, elapsed).pause
        except CodePipelineError as error:
            self._end(follow, error.with_traceback(None))
            if _concerns_all(error):
                self._hopeless = error
                for _, _, other in sorted(self._waiting):
                    self._end(other, _unsent(error))
                self._waiting.clear()
            return None
        if pause is None:
            self._end(follow, None)
        elif self._hopeless is not None:
            self._end(follow, _unsent(self._hopeless))
        else:
            self._put(follow, elapsed + pause)
            return pause
        return None

    def _put(self, follow: Follow, due: float) -> None:
        heappush(self._waiting, (due, next(self._numbers), follow))

    def _end(self, follow: Follow, error: CodePipelineError | None) -> None:
        if follow.reference in self._remaining:
            self.ended.append(FollowedExecution(follow.reference, follow.execution, error))
            del self._remaining[follow.reference]

    def _end_all(self, error_of: Callable[[Follow], CodePipelineError]) -> None:
        for follow in (*self.under_way, *(follow for _, _, follow in sorted(self._waiting))):
            self._end(follow, error_of(follow))
        self.under_way.clear()
        self._waiting.clear()


def _concerns_all(error: CodePipelineError) -> bool:
    """Return whether no call of this client will go any better."""
    is_refused = isinstance(error, ServiceError) and error.code in _REFUSED_KEYS
    return is_refused or isinstance(error, ConfigurationError | CredentialsError)


def _unsent(error: CodePipelineError) -> CodePipelineError:
    """Return the *error* for one that was not even asked about. Each has its own, as each may be raised."""
    again = copy(error)
    again.attempts = 0
    again.__cause__ = error.__cause__
    return again
