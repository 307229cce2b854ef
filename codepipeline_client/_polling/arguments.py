"""
What callers pass to the methods that wait, checked: executions, a rate, a callback.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias, cast

from .._call.reports import LOGGER
from .._config.arguments import plain_function
from ..errors import ConfigurationError
from ..models import PipelineExecution
from ..waiting import OnPoll, PipelineExecutionReference, PollReport

ExecutionLike: TypeAlias = PipelineExecutionReference | PipelineExecution | tuple[str, str]
"""What identifies an execution. A tuple is the pipeline's name and the execution's id."""

_MIN_RATE: Final = 0.01
_MAX_RATE: Final = 1000.0


def references(executions: Iterable[ExecutionLike]) -> tuple[PipelineExecutionReference, ...]:
    """Return a reference to each of *executions*, once. Raises ConfigurationError for what identifies none."""
    expected = "executions must be references, executions, or tuples of a pipeline's name and an execution's id"
    try:
        iterator = iter(executions)
    except TypeError as error:
        raise ConfigurationError(f"{expected}, in a list, say: {error}") from error
    given = tuple(iterator)  # not in a try: what the caller's generator raises is the caller's
    try:
        return tuple(dict.fromkeys(map(_reference, given)))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{expected}: {error}") from error


def _reference(execution: object) -> PipelineExecutionReference:
    if isinstance(execution, PipelineExecutionReference):
        return execution
    if isinstance(execution, PipelineExecution):
        return PipelineExecutionReference(execution.pipeline_name, execution.pipeline_execution_id)
    if not isinstance(execution, tuple | list):  # a text of two letters, or a set, would pass for a name and an id
        raise TypeError(f"{execution!r} is none of these")
    return PipelineExecutionReference(*cast("tuple[str, str]", execution))  # a TypeError unless there are two


def calls_per_second(value: object) -> float:
    """Return the rate that all polls share."""
    if not isinstance(value, int | float) or value is True or not _MIN_RATE <= value <= _MAX_RATE:
        raise ConfigurationError(
            f"max_calls_per_second must be a number from {_MIN_RATE:g} to {_MAX_RATE:.0f}, not {value!r}"
        )
    return float(value)


def safe_callback(on_poll: OnPoll | None) -> OnPoll | None:
    """
    Return *on_poll*, changed so that an error in it is logged and not raised.

    Raises ConfigurationError when it is not a plain function.
    """
    if on_poll is None:
        return None
    plain_function("on_poll", on_poll)

    def call(report: PollReport) -> None:
        try:
            on_poll(report)
        except Exception:  # noqa: BLE001 - the caller's error, which is logged
            LOGGER.warning("on_poll raised an error", exc_info=True)

    return call
