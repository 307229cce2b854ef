"""
The pipelines of an endpoint: their executions and actions, and what each operation responds with.

Knows neither requests nor signatures. Not for several threads at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

import attrs

from .._protocol.shapes import present, write
from .._protocol.strict_json import JsonObject
from ..models import ActionExecutionDetail, ExecutionTrigger, PipelineExecution, ResolvedPipelineVariable, TriggerType
from ..waiting import PipelineExecutionReference
from ._request_checks import load_model
from .executions import ExecutionScript, ScriptStep, Shown, to_wire
from .messages import RequestRefusedError

_STARTED: Final = ExecutionTrigger(
    trigger_type=TriggerType.START_PIPELINE_EXECUTION, trigger_detail="arn:aws:iam::111122223333:user/alex"
)


class Pipelines:
    """All pipelines, by name."""

    def __init__(self) -> None:
        self.starts: dict[str, tuple[Iterable[ScriptStep], tuple[ActionExecutionDetail, ...]]] = {}
        self.actions: dict[PipelineExecutionReference, tuple[ActionExecutionDetail, ...]] = {}
        self._scripts: dict[str, dict[str, ExecutionScript]] = {}
        self._tokens: dict[str, tuple[Mapping[str, Any], str]] = {}

    def put_script(self, script: ExecutionScript) -> None:
        name, execution_id = attrs.astuple(script.reference)
        self._scripts.setdefault(name, {})[execution_id] = script

    def respond(self, operation_name: str, members: Mapping[str, Any], now: float) -> JsonObject:
        """Return the output of an operation. Raises RequestRefusedError for what is not found or not possible."""
        name = members["name" if operation_name == "StartPipelineExecution" else "pipelineName"]
        if name not in self._scripts and name not in self.starts:
            message = f"The account does not have a pipeline with name '{name}'"
            raise RequestRefusedError("PipelineNotFoundException", message)
        match operation_name:
            case "GetPipelineExecution":
                return {"pipelineExecution": to_wire(self._seen(name, members["pipelineExecutionId"], now))}
            case "ListPipelineExecutions":
                return _page(members, "pipelineExecutionSummaries", self._summaries(name, members, now))
            case "ListActionExecutions":
                return _page(members, "actionExecutionDetails", self._action_executions(name, members, now))
            case _:
                return {"pipelineExecutionId": self._start(name, members, now)}

    def _seen(self, name: str, execution_id: str, now: float, *, is_poll: bool = True) -> PipelineExecution:
        script = self._scripts.get(name, {}).get(execution_id)
        execution = None
        if script is not None:
            execution = script.poll(now) if is_poll else script.peek(now)
        if execution is None:
            message = f"The pipeline '{name}' does not have an execution with id '{execution_id}'"
            raise RequestRefusedError("PipelineExecutionNotFoundException", message)
        return execution

    def _summaries(self, name: str, members: Mapping[str, Any], now: float) -> list[JsonObject]:
        is_filtered = "succeededInStage" in (members.get("filter") or {})
        return [
            _summary(execution, script)
            for script in reversed(self._scripts.get(name, {}).values())
            if (execution := script.peek(now)) is not None
            if not is_filtered or execution.status.is_successful
        ]

    def _action_executions(self, name: str, members: Mapping[str, Any], now: float) -> list[JsonObject]:
        chosen: dict[str, Any] = members.get("filter") or {}
        latest: dict[str, Any] = chosen.get("latestInPipelineExecution") or {}
        ids = [*reversed(self._scripts.get(name, {}))]
        if (execution_id := {**chosen, **latest}.get("pipelineExecutionId")) is not None:
            self._seen(name, execution_id, now, is_poll=False)
            ids = [execution_id]
        details = [
            attrs.evolve(each, pipeline_execution_id=which)
            for which in ids
            for each in self.actions.get(PipelineExecutionReference(name, which), ())
        ]
        if latest.get("startTimeRange") == "Latest":
            newest: dict[object, ActionExecutionDetail] = {}
            for each in details:
                newest.setdefault((each.stage_name, each.action_name), each)
            details = [*newest.values()]
        return [write(each) for each in details]

    def _start(self, name: str, members: Mapping[str, Any], now: float) -> str:
        token = members.get("clientRequestToken") or str(uuid4())
        first, execution_id = self._tokens.setdefault(token, (members, str(uuid4())))
        if first != members:
            message = f"The client request token '{token}' was used for a start with other parameters"
            raise RequestRefusedError("ValidationException", message)
        if execution_id not in self._scripts.get(name, {}):
            steps, actions = self.starts.get(name, ((Shown("InProgress", polls=1), "Succeeded"), ()))
            given = {each["name"]: each["value"] for each in members.get("variables") or ()}
            variables = [ResolvedPipelineVariable(name=each, resolved_value=value) for each, value in given.items()]
            changes = {"trigger": _STARTED, **({"variables": tuple(variables)} if variables else {})}
            script = ExecutionScript(steps, name, execution_id, now=now, **changes)
            self.put_script(script)
            self.actions[script.reference] = actions
        return execution_id


def _page(members: Mapping[str, Any], name: str, elements: list[JsonObject]) -> JsonObject:
    offset, _, of = (members.get("nextToken") or f"0-{name}").partition("-")
    if of != name or not offset.isdecimal():
        raise RequestRefusedError("InvalidNextTokenException", "The next token is not valid")
    end = int(offset) + (members.get("maxResults") or 100)
    token = f"{end}-{name}" if end < len(elements) else None
    return {name: elements[int(offset) : end], **present(nextToken=token)}


def _summary(execution: PipelineExecution, script: ExecutionScript) -> JsonObject:
    members: Mapping[str, Any] = to_wire(execution)
    made = [{**each, "actionName": each.get("name")} for each in members.get("artifactRevisions", ())]
    revisions = [_of_shape("SourceRevision", each) for each in made]
    stopped = {"reason": execution.status_summary} if execution.status in ("Stopped", "Stopping") else None
    times = {"startTime": script.started, "lastUpdateTime": script.began}
    found = {**members, **times, "sourceRevisions": revisions, "stopTrigger": stopped}
    return _of_shape("PipelineExecutionSummary", found)


def _of_shape(name: str, members: Mapping[str, Any]) -> JsonObject:
    return present(**{each: members.get(each) for each in load_model().shape_for(name).members})
