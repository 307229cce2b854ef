"""
One wait, but for what waits in it: the polls and the pauses, which the two clients make each in its own way.

What follows from a poll is decided in `waiting`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

from ._config.arguments import plain_function
from ._reports import LOGGER
from ._setup import CredentialsT, Setup, TransportT
from .errors import CodePipelineError, ConfigurationError
from .models import PipelineExecution
from .operations import GET_PIPELINE_EXECUTION
from .operations.get_pipeline_execution import GetPipelineExecutionInput
from .waiting import Follow, OnPoll, Pace, PipelineExecutionReference, PollReport

ExecutionLike: TypeAlias = PipelineExecutionReference | PipelineExecution | tuple[str, str]
"""What tells which execution is meant; a tuple is the pipeline's name and the execution's id."""


def references(executions: Iterable[ExecutionLike]) -> tuple[PipelineExecutionReference, ...]:
    """Return which executions are meant, each once. Raises ConfigurationError for what cannot mean any."""
    words = "executions must be references, executions, or tuples of a pipeline's name and an execution's id"
    try:
        each = iter(executions)
    except TypeError as error:
        raise ConfigurationError(f"{words}, in a list, say: {error}") from error
    given = tuple(each)  # outside of both: an error in the caller's own generator is the caller's
    try:
        return tuple(dict.fromkeys(map(_reference, given)))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{words}: {error}") from error


def _reference(execution: object) -> PipelineExecutionReference:
    if isinstance(execution, PipelineExecutionReference):
        return execution
    if isinstance(execution, PipelineExecution):
        return PipelineExecutionReference(execution.pipeline_name, execution.pipeline_execution_id)
    if not isinstance(execution, tuple | list):  # two letters, or a set, would be taken for a name and an id
        raise TypeError(f"{execution!r} is none of these")
    return PipelineExecutionReference(*cast("tuple[str, str]", execution))  # of two: else this is a TypeError


def asking_for(reference: PipelineExecutionReference) -> GetPipelineExecutionInput:
    """Return the input of a poll."""
    return GetPipelineExecutionInput(
        pipeline_name=reference.pipeline_name, pipeline_execution_id=reference.pipeline_execution_id
    )


def harmless(on_poll: OnPoll | None) -> OnPoll | None:
    """
    Return *on_poll* so that an error in it is logged, and goes no further.

    Raises ConfigurationError when it is no plain function.
    """
    if on_poll is None:
        return None
    plain_function("on_poll", on_poll)

    def tell(report: PollReport) -> None:
        try:
            on_poll(report)
        except Exception:  # noqa: BLE001 — it is the caller's, and is logged
            LOGGER.warning("on_poll raised an error", exc_info=True)

    return tell


class Wait:
    """What is between two polls of one execution. What a poll brought is kept until it is taken."""

    def __init__(self, follow: Follow, *, monotonic: Callable[[], float], on_poll: OnPoll | None) -> None:
        """Begin: the time counts from now."""
        self.is_closed = False
        """Whether who waits has enough."""
        self.reference = follow.reference
        self._follow = follow
        self._monotonic = monotonic
        self._on_poll = on_poll
        self._began = monotonic()
        self._due = 0.0
        self._taken: PipelineExecution | None = None
        self._error: CodePipelineError | None = None
        self._has_raised = False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to come: the end was taken, be it an error, or who waits has enough."""
        has_ended = self._taken is not None and self._taken.status.is_terminal
        return has_ended or self._has_raised or self.is_closed

    def pause(self) -> float:
        """Return how many seconds it is until the next poll is due, 0 or less when it is: the caller's time counts."""
        return self._due - self._elapsed()

    def poll_timeout(self) -> float | None:
        """Return how many seconds a poll may take that begins now. None for no limit."""
        return self._follow.poll_timeout(self._elapsed())

    def learn(self, outcome: PipelineExecution | CodePipelineError) -> None:
        """Keep what a poll brought, and tell of it."""
        seconds = self._elapsed()
        pause = None
        try:
            pause = self._follow.after(outcome, seconds).pause
        except CodePipelineError as error:
            self._error = error.with_traceback(None)
        self._due = seconds + (pause or 0.0)
        self._tell(outcome, seconds, pause)

    def take(self) -> PipelineExecution | None:
        """Return the execution if it was seen otherwise than it was last taken. Raises what the wait ends with."""
        error, self._error = self._error, None
        if error is not None:
            self._has_raised = True
            raise error
        execution = self._follow.execution
        if execution == self._taken:
            return None
        self._taken = execution
        return execution

    def _elapsed(self) -> float:
        return self._monotonic() - self._began

    def _tell(self, outcome: PipelineExecution | CodePipelineError, seconds: float, pause: float | None) -> None:
        if self._on_poll is not None:
            report = PollReport(
                reference=self.reference,
                number=self._follow.polls,
                seconds=seconds,
                execution=outcome if isinstance(outcome, PipelineExecution) else None,
                failure=outcome if isinstance(outcome, CodePipelineError) else None,
                pause=pause,
            )
            self._on_poll(report)


class Waits(Setup[TransportT, CredentialsT]):
    """What both clients know of waits."""

    def _wait(self, reference: PipelineExecutionReference, pace: Pace, on_poll: OnPoll | None) -> Wait:
        """Return a wait that has begun. Refuses what no poll would be sent for."""
        self._check(GET_PIPELINE_EXECUTION, asking_for(reference))
        follow = Follow(reference, pace, chance=random.random)
        return Wait(follow, monotonic=self._clock.monotonic, on_poll=harmless(on_poll))

    def _within(self, left: float | None) -> float | None:
        """Return how many seconds a poll may take: as many as a call, and not more than are *left*."""
        limits = [limit for limit in (left, self._timeout) if limit is not None]
        return min(limits, default=None)
