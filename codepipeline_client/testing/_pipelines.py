"""
The pipelines of an endpoint: their executions and actions, and what each operation responds with.

Knows neither requests nor signatures. Several threads may use it at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import RLock
from typing import Any, Final
from uuid import uuid4

import attrs

from .. import models
from .._protocol.shapes import present, write
from .._protocol.strict_json import JsonObject
from ..waiting import ExecutionLike, PipelineExecutionReference, reference_to
from ._request_checks import load_model
from .executions import ExecutionScript, ScriptStep
from .messages import RequestRefusedError

_STARTED: Final = models.ExecutionTrigger(
    trigger_type=models.TriggerType.START_PIPELINE_EXECUTION, trigger_detail="arn:aws:iam::111122223333:user/alex"
)


class Pipelines:
    def __init__(self) -> None:
        self.starts: dict[str, tuple[Iterable[ScriptStep], Iterable[models.ActionExecutionDetail]]] = {}
        self._actions: dict[PipelineExecutionReference, list[models.ActionExecutionDetail]] = {}
        self._scripts: dict[str, dict[str, ExecutionScript]] = {}
        self._tokens: dict[str, tuple[Mapping[str, Any], str]] = {}
        self._lock = RLock()

    def put_script(self, script: ExecutionScript) -> None:
        name, execution_id = attrs.astuple(script.reference)
        with self._lock:
            self._scripts.setdefault(name, {})[execution_id] = script

    def put_actions(self, execution: ExecutionLike, actions: Iterable[models.ActionExecutionDetail]) -> None:
        reference = reference_to(execution)
        execution_id = reference.pipeline_execution_id
        self._actions[reference] = [attrs.evolve(each, pipeline_execution_id=execution_id) for each in actions]

    def respond(self, operation_name: str, members: Mapping[str, Any], now: float) -> JsonObject:
        """Return the output of an operation. Raises RequestRefusedError for what is not found or not possible."""
        name = members["name" if operation_name == "StartPipelineExecution" else "pipelineName"]
        with self._lock:
            if name not in self._scripts and name not in self.starts:
                message = f"The account does not have a pipeline with name '{name}'"
                raise RequestRefusedError("PipelineNotFoundException", message)
            match operation_name:
                case "GetPipelineExecution":
                    execution = self._find(name, members["pipelineExecutionId"], now, is_poll=True)
                    return {"pipelineExecution": write(execution)}
                case "ListPipelineExecutions":
                    return _page(members, "pipelineExecutionSummaries", self._summaries(name, members, now))
                case "ListActionExecutions":
                    return _page(members, "actionExecutionDetails", self._action_executions(name, members, now))
                case _:
                    return {"pipelineExecutionId": self._start(name, members, now)}

    def _find(self, name: str, execution_id: str, now: float, *, is_poll: bool = False) -> models.PipelineExecution:
        script = self._scripts.get(name, {}).get(execution_id)
        if script is None or (execution := script.poll(now, counts=is_poll)) is None:
            message = f"The pipeline '{name}' does not have an execution with id '{execution_id}'"
            raise RequestRefusedError("PipelineExecutionNotFoundException", message)
        return execution

    def _found(self, name: str, now: float) -> list[tuple[models.PipelineExecution, ExecutionScript]]:
        """Return the executions that a poll would find, newest first."""
        scripts = reversed(self._scripts.get(name, {}).values())
        return [(execution, script) for script in scripts if (execution := script.poll(now, counts=False))]

    def _summaries(self, name: str, members: Mapping[str, Any], now: float) -> list[JsonObject]:
        stage = _filter(members, "succeededInStage").get("stageName")
        found = self._found(name, now)
        return [_summary(*each) for each in found if stage is None or self._has_succeeded(each[0], stage)]

    def _has_succeeded(self, execution: models.PipelineExecution, stage: str) -> bool:
        """Return whether a *stage* succeeded: by its actions, or by the execution if it has none."""
        actions = self._actions.get(reference_to(execution), ())
        newest = _newest(each for each in actions if each.stage_name == stage)
        succeeded = [each.status == models.ActionExecutionStatus.SUCCEEDED for each in newest]
        return all(succeeded or [execution.status.is_successful])

    def _action_executions(self, name: str, members: Mapping[str, Any], now: float) -> list[JsonObject]:
        latest = _filter(members, "latestInPipelineExecution")
        executions = [execution for execution, _ in self._found(name, now)]
        if execution_id := latest.get("pipelineExecutionId") or _filter(members, "pipelineExecutionId"):
            executions = [self._find(name, execution_id, now)]
        actions = [each for execution in executions for each in self._actions.get(reference_to(execution), ())]
        return [write(each) for each in (_newest(actions) if latest.get("startTimeRange") == "Latest" else actions)]

    def _start(self, name: str, members: Mapping[str, Any], now: float) -> str:
        token = members.get("clientRequestToken") or str(uuid4())
        if token not in self._tokens:
            steps, actions = self.starts.get(name, (["InProgress", "Succeeded"], ()))
            variables = tuple(
                models.ResolvedPipelineVariable(name=each["name"], resolved_value=each["value"])
                for each in members.get("variables") or ()
            )
            script = ExecutionScript(steps, name, str(uuid4()), now=now, trigger=_STARTED, variables=variables)
            self.put_script(script)
            self.put_actions(script.reference, actions)
            self._tokens[token] = members, script.reference.pipeline_execution_id
        first, execution_id = self._tokens[token]
        if first != members:
            message = f"The client request token '{token}' was used for a start with other parameters"
            raise RequestRefusedError("ValidationException", message)
        return execution_id


def _filter(members: Mapping[str, Any], name: str) -> Any:
    chosen: Mapping[str, Any] = members.get("filter") or {}
    return chosen.get(name) or {}


def _newest(actions: Iterable[models.ActionExecutionDetail]) -> list[models.ActionExecutionDetail]:
    """Return the first of each action."""
    newest: dict[object, models.ActionExecutionDetail] = {}
    for each in actions:
        newest.setdefault((each.stage_name, each.action_name), each)
    return [*newest.values()]


def _page(members: Mapping[str, Any], name: str, elements: list[JsonObject]) -> JsonObject:
    """Return a page. Its token counts the elements after it: newer ones come in front, and change no later page."""
    left, _, of = (members.get("nextToken") or f"{len(elements)}-{name}").partition("-")
    if of != name or not left.isdecimal() or int(left) > len(elements):
        raise RequestRefusedError("InvalidNextTokenException", "The next token is not valid")
    start = len(elements) - int(left)
    end = start + (members.get("maxResults") or 100)
    token = f"{len(elements) - end}-{name}" if end < len(elements) else None
    return {name: elements[start:end], **present(nextToken=token)}


def _summary(execution: models.PipelineExecution, script: ExecutionScript) -> JsonObject:
    members: Mapping[str, Any] = write(execution)
    made = members.get("artifactRevisions", ())
    revisions = [_of_shape("SourceRevision", {**each, "actionName": each.get("name")}) for each in made]
    stopped = {"reason": execution.status_summary} if execution.status in ("Stopped", "Stopping") else None
    times = {"startTime": script.started, "lastUpdateTime": script.began}
    others = {"sourceRevisions": revisions, "stopTrigger": stopped}
    return _of_shape("PipelineExecutionSummary", {**members, **times, **others})


def _of_shape(name: str, members: Mapping[str, Any]) -> JsonObject:
    return present(**{each: members.get(each) for each in load_model().shape_for(name).members})
