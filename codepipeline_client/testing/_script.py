"""
A scripted execution: what each poll of it sees, by how many there were before and by how much time has passed.

Pure: polls are counted and moments are given. Which clock tells them, and who asks, is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from attrs import evolve, field, frozen, validators

from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference
from .executions import make_pipeline_execution

_LONGEST: Final = 1e9
_GRAIN: Final = 1e-5
"""Seconds since the epoch are told apart no finer than this."""


@frozen
class Shown:
    """A step of `LocalCodePipeline.script_execution` that lasts: for so many *polls*, or for so many *seconds*."""

    execution: PipelineExecution | str | None
    """What a poll sees: an execution, or its status alone. None when the execution is not found yet."""
    polls: int | None = field(
        default=None,
        kw_only=True,
        validator=validators.optional([validators.instance_of(int), validators.ge(1)]),
    )
    """How many polls see it, from 1. None for a step that lasts for seconds."""
    seconds: float | None = field(default=None, kw_only=True)
    """How long it lasts by the endpoint's clock, from the moment it begins. None for a step that lasts for polls."""

    def __attrs_post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds < _LONGEST:
            raise ValueError(f"seconds must be above 0 and below {_LONGEST:g}, not {self.seconds}")
        if (self.seconds is None) == (self.polls is None):
            raise ValueError("Shown lasts for either polls or seconds: give one of them")


ScriptStep: TypeAlias = Shown | PipelineExecution | str | None
"""A step of a script: what one poll sees, or what is `Shown` for longer."""


@frozen
class Scene:
    """One step of a script, with nothing left to look up. It lasts for ever where it has neither polls nor seconds."""

    execution: PipelineExecution | None
    polls: int | None = None
    seconds: float | None = None


class Script:
    """One execution's way through its scenes."""

    __slots__ = ("_began", "_number", "_polls", "_scenes")

    def __init__(self, scenes: tuple[Scene, ...], *, now: float) -> None:
        """Begin the first of *scenes*. The last one must last for ever."""
        self._scenes = scenes
        self._number = 0
        self._polls = 0
        self._began = now

    def poll(self, now: float) -> PipelineExecution | None:
        """Return what a poll sees that comes *now*, in seconds since the epoch, and count it."""
        scene = self._scenes[self._number]
        while scene.seconds is not None and now + _GRAIN >= self._began + scene.seconds:
            scene = self._turn(self._began + scene.seconds)
        self._polls += 1
        if self._polls == scene.polls:
            self._turn(now)
        return scene.execution

    def _turn(self, began: float) -> Scene:
        """Go on to the next scene, which began at the moment *began*: not when someone looked."""
        self._number += 1
        self._polls = 0
        self._began = began
        return self._scenes[self._number]


def read_script(
    steps: Iterable[ScriptStep],
    *,
    pipeline_name: str | None,
    pipeline_execution_id: str | None,
) -> tuple[PipelineExecutionReference, tuple[Scene, ...]]:
    """
    Return which execution *steps* are about, and its scenes, of which the last one lasts for ever.

    A name or id that is None is the one of the executions among the steps. Raises ValueError when that is not one.
    """
    if isinstance(steps, str):
        raise ValueError(f"steps must be a sequence of steps: give [{steps!r}] for one")
    shown = [step if isinstance(step, Shown) else Shown(step, polls=1) for step in steps]
    if not shown:
        raise ValueError("a script needs a step or more")
    reference = _reference([each.execution for each in shown], pipeline_name, pipeline_execution_id)
    scenes = [Scene(_named(each.execution, reference), each.polls, each.seconds) for each in shown]
    return reference, (*scenes[:-1], Scene(scenes[-1].execution))


def _reference(
    wanted: list[PipelineExecution | str | None], pipeline_name: str | None, pipeline_execution_id: str | None
) -> PipelineExecutionReference:
    known = [each for each in wanted if isinstance(each, PipelineExecution)] or [make_pipeline_execution()]
    return PipelineExecutionReference(
        _one("pipeline_name", pipeline_name, {each.pipeline_name for each in known}),
        _one("pipeline_execution_id", pipeline_execution_id, {each.pipeline_execution_id for each in known}),
    )


def _one(name: str, given: str | None, found: set[str]) -> str:
    if given is not None:
        return given
    if len(found) > 1:
        several = " and ".join(map(repr, sorted(found)))
        raise ValueError(f"a script is about one execution, not about {name} {several}: give {name}, or script each")
    return next(iter(found))


def _named(wanted: object, reference: PipelineExecutionReference) -> PipelineExecution | None:
    name, execution_id = reference.pipeline_name, reference.pipeline_execution_id
    match wanted:
        case None:
            return None
        case PipelineExecution():
            return evolve(wanted, pipeline_name=name, pipeline_execution_id=execution_id)
        case str():
            return make_pipeline_execution(status=wanted, pipeline_name=name, pipeline_execution_id=execution_id)
        case _:
            raise TypeError(f"{wanted!r} is no step: give an execution, a status, None, or Shown of one of them")
