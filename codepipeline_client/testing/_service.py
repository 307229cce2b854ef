"""
The service without its sockets: a call in, an answer out.

Checks in the order of the service, so that a call that is wrong twice is refused for the same reason.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from attrs import frozen

from .._message import Credentials
from ._calls import Answer, Call, Refusal, decode, error, http_status, success
from ._scenario import Scenario
from ._signature import INVALID_SIGNATURE, check_signature

_TARGET: Final = "CodePipeline_20150709.GetPipelineExecution"
_CONTENT_TYPE: Final = "application/x-amz-json-1.1"


def answer(
    call: Call,
    *,
    scenario: Scenario,
    credentials: Credentials,
    region_name: str,
    now: float,
    skew_code: str = INVALID_SIGNATURE,
) -> Answer:
    """
    Return what the service answers to *call*: *skew_code* when it was signed at another time than *now*.

    A planned answer takes the operation's place: a call that nobody may make does not use one up.
    """
    try:
        _check_operation(call)
        check_signature(call, credentials=credentials, region_name=region_name, now=now, skew_code=skew_code)
        plan = scenario.take_plan()
        return plan(call) if plan else _get_pipeline_execution(call, scenario)
    except Refusal as refusal:
        status_code = http_status(refusal.code)
        return error(refusal.code, refusal.message, status_code=status_code, request_id=call.request_id)


def _check_operation(call: Call) -> None:
    path = call.path.partition("?")[0]
    if (call.method, path) != ("POST", "/"):
        raise _unknown(f"{call.method} {path} is not an operation: the service answers POST / only")
    target = call.headers.get("x-amz-target")
    if target != _TARGET:
        raise _unknown(f"X-Amz-Target {target!r} is not an operation of this endpoint: it answers {_TARGET!r} only")
    content_type = call.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != _CONTENT_TYPE:
        raise _unknown(f"Content-Type {content_type!r} is not the protocol's: {_CONTENT_TYPE!r}")


def _unknown(message: str) -> Refusal:
    return Refusal("UnknownOperationException", message)


def _get_pipeline_execution(call: Call, scenario: Scenario) -> Answer:
    given = decode(call.body)
    if given is None:
        raise Refusal("SerializationException", "The body is not a JSON object")
    pipeline_name, pipeline_execution_id = _constrained(given)
    if not scenario.knows_pipeline(pipeline_name):
        raise Refusal("PipelineNotFoundException", f"The account does not have a pipeline with name '{pipeline_name}'")
    execution = scenario.poll(pipeline_name, pipeline_execution_id)
    if execution is None:
        raise Refusal(
            "PipelineExecutionNotFoundException",
            f"The pipeline '{pipeline_name}' does not have an execution with id '{pipeline_execution_id}'",
        )
    return success({"pipelineExecution": execution}, request_id=call.request_id)


@frozen(kw_only=True)
class _Member:
    """One member of the operation's input, with its constraints. All are required."""

    name: str
    pattern: str
    max_length: int | None = None


_PIPELINE_NAME: Final = _Member(name="pipelineName", pattern=r"[A-Za-z0-9.@\-_]+", max_length=100)
_PIPELINE_EXECUTION_ID: Final = _Member(
    name="pipelineExecutionId", pattern="[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def _constrained(given: Mapping[str, object]) -> tuple[str, str]:
    name = _text(given, _PIPELINE_NAME)
    execution_id = _text(given, _PIPELINE_EXECUTION_ID)
    broken = [*_broken(_PIPELINE_NAME, name), *_broken(_PIPELINE_EXECUTION_ID, execution_id)]
    if name is None or execution_id is None or broken:
        errors = "error" if len(broken) == 1 else "errors"
        raise Refusal("ValidationException", f"{len(broken)} validation {errors} detected: {'; '.join(broken)}")
    return name, execution_id


def _text(given: Mapping[str, object], member: _Member) -> str | None:
    value = given.get(member.name)
    if value is None or isinstance(value, str):
        return value
    raise Refusal("SerializationException", f"'{member.name}' must be a string, not {json.dumps(value)[:50]}")


def _broken(member: _Member, value: str | None) -> list[str]:
    """Return a sentence for each constraint that *value* breaks."""
    if value is None:
        return [f"Value null at '{member.name}' failed to satisfy constraint: Member must not be null"]
    rules: list[str] = []
    if not re.fullmatch(member.pattern, value):
        rules.append(f"Member must satisfy regular expression pattern: {member.pattern}")
    if member.max_length is not None and len(value) > member.max_length:
        rules.append(f"Member must have length less than or equal to {member.max_length}")
    if member.max_length is not None and not value:
        rules.append("Member must have length greater than or equal to 1")
    return [f"Value '{value}' at '{member.name}' failed to satisfy constraint: {rule}" for rule in rules]
