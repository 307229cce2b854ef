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
from ._calls import Answer, Call
from ._wire import to_wire

Plan = Callable[[Call], Answer]
"""What to answer to one call."""


class Scenario:
    """The executions by pipeline and id, and a queue of plans."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._executions: dict[str, dict[str, Mapping[str, object]]] = {}
        self._plans: deque[Plan] = deque()

    def put_execution(self, execution: PipelineExecution) -> None:
        """Let *execution* exist, in place of one with the same pipeline and id."""
        wire_form = to_wire(execution)
        with self._lock:
            self._executions.setdefault(execution.pipeline_name, {})[execution.pipeline_execution_id] = wire_form

    def put_plan(self, plan: Plan, *, times: int) -> None:
        """Follow *plan* for as many calls, after the plans that are there already."""
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}")
        with self._lock:
            self._plans.extend(repeat(plan, times))

    def knows_pipeline(self, pipeline_name: str) -> bool:
        """Tell whether any execution of the pipeline was put here."""
        with self._lock:
            return pipeline_name in self._executions

    def execution(self, pipeline_name: str, pipeline_execution_id: str) -> Mapping[str, object] | None:
        """Return an execution in its wire form. None when the pipeline has no such execution."""
        with self._lock:
            return self._executions.get(pipeline_name, {}).get(pipeline_execution_id)

    def take_plan(self) -> Plan | None:
        """Take the next plan from the queue. None when the queue is empty."""
        with self._lock:
            return self._plans.popleft() if self._plans else None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._executions.clear()
            self._plans.clear()
