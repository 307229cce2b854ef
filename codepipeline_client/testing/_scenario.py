"""
What a test prepared: the executions that exist, and the answers that come next whatever is asked.

Shared by the test's thread and the endpoint's. Decides nothing about a request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import repeat
from threading import Lock

from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference
from ._calls import Answer, Call
from ._script import Scene, Script
from ._wire import to_wire

Plan = Callable[[Call], Answer]
"""What to answer to one call."""


class Scenario:
    """The executions by pipeline and id, and a queue of plans."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        """*now* tells the time that scripts go by."""
        self._now = now
        self._lock = Lock()
        self._scripts: dict[str, dict[str, Script]] = {}
        self._plans: deque[Plan] = deque()

    def put_execution(self, execution: PipelineExecution) -> None:
        """Let *execution* exist, in place of one with the same pipeline and id."""
        named = PipelineExecutionReference(execution.pipeline_name, execution.pipeline_execution_id)
        self.put_script(named, (Scene(execution),))

    def put_script(self, reference: PipelineExecutionReference, scenes: tuple[Scene, ...]) -> None:
        """Let an execution go through *scenes* from now on, in place of one with the same pipeline and id."""
        for scene in scenes:
            if scene.execution is not None:
                to_wire(scene.execution)  # what cannot be sent is an error here, not in a thread
        script = Script(scenes, now=self._now())
        with self._lock:
            self._scripts.setdefault(reference.pipeline_name, {})[reference.pipeline_execution_id] = script

    def put_plan(self, plan: Plan, *, times: int) -> None:
        """Follow *plan* for as many calls, after the plans that are there already."""
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}")
        with self._lock:
            self._plans.extend(repeat(plan, times))

    def knows_pipeline(self, pipeline_name: str) -> bool:
        """Tell whether any execution of the pipeline was put here."""
        with self._lock:
            return pipeline_name in self._scripts

    def poll(self, pipeline_name: str, pipeline_execution_id: str) -> Mapping[str, object] | None:
        """Return an execution in its wire form, and count that. None when the pipeline has no such execution now."""
        now = self._now()
        with self._lock:
            script = self._scripts.get(pipeline_name, {}).get(pipeline_execution_id)
            execution = script.poll(now) if script else None
        return to_wire(execution) if execution else None

    def take_plan(self) -> Plan | None:
        """Take the next plan from the queue. None when the queue is empty."""
        with self._lock:
            return self._plans.popleft() if self._plans else None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._scripts.clear()
            self._plans.clear()
