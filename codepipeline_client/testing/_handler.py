"""
Which response a request gets: by the fault injected for it, else as the service responds.

Requests are checked in the order of the service, so that one with two mistakes is refused for the same reason.
https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GetPipelineExecution.html
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from threading import Lock
from typing import Final

import attrs

from .._config.arguments import count_of
from .._protocol.sigv4 import Credentials
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference
from ._fault_effects import change_response, replace_response
from ._messages import (
    IncomingRequest,
    ReceivedRequest,
    RequestRefusedError,
    ServiceResponse,
    decode,
    error_response,
    json_response,
)
from ._signature import check_signature
from .executions import ExecutionScript, ScriptStep, to_wire
from .faults import ClockSkew, Fault

_TARGET: Final = "CodePipeline_20150709.GetPipelineExecution"
_CONTENT_TYPE: Final = "application/x-amz-json-1.1"
_NAME_PATTERN: Final = r"[A-Za-z0-9.@\-_]+"
_ID_PATTERN: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class RequestHandler:
    """
    Responds to the requests of one endpoint, and logs them.

    Keeps what a test has prepared: executions, responses, faults and rules for faults. Safe for threads.
    """

    def __init__(
        self, credentials: Credentials, region_name: str, *, now: Callable[[], float], max_requests: int
    ) -> None:
        self.now = now
        self._credentials = credentials
        self._region_name = region_name
        self._lock = Lock()
        self._rule_lock = Lock()
        self._scripts: dict[str, dict[str, ExecutionScript]] = {}
        self._responses: deque[Callable[[], ServiceResponse]] = deque()
        self._faults: deque[Fault] = deque()
        self._rules: list[Callable[[IncomingRequest], Fault | None]] = []
        self._requests: deque[ReceivedRequest] = deque(maxlen=count_of("max_requests", max_requests))
        self._request_count = 0

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The requests that are kept, the oldest first."""
        with self._lock:
            return tuple(self._requests)

    def put_script(
        self, steps: Iterable[ScriptStep], *, pipeline_name: str | None = None, pipeline_execution_id: str | None = None
    ) -> PipelineExecutionReference:
        """Start a script now, in place of that of the same execution. Raises ValueError for steps that cannot be."""
        script = ExecutionScript(steps, pipeline_name, pipeline_execution_id, now=self.now())
        reference = script.reference
        with self._lock:
            self._scripts.setdefault(reference.pipeline_name, {})[reference.pipeline_execution_id] = script
        return reference

    def put_response(self, make: Callable[[], ServiceResponse], *, times: int) -> None:
        """Respond with what *make* returns to so many requests, after those that have a response already."""
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}")
        with self._lock:
            self._responses.extend(repeat(make, times))

    def inject(self, fault: Fault, *, times: int | None) -> None:
        """Give *fault* to so many requests, after those that have one already; with None to all that have none."""
        checked = _check_fault(fault)
        if times is None:
            self.inject_by(lambda _: checked)
        elif times < 1:
            raise ValueError(f"times must be 1 or more, or None for every request, not {times}")
        else:
            with self._lock:
                self._faults.extend(repeat(checked, times))

    def inject_by(self, rule: Callable[[IncomingRequest], Fault | None]) -> None:
        """Call *rule* for each request that has no injected fault, nor one from an earlier rule."""
        with self._lock:
            self._rules.append(rule)

    def clear_faults(self) -> None:
        """Forget the injected faults and the rules."""
        with self._lock:
            self._faults.clear()
            self._rules.clear()

    def clear(self) -> None:
        """Forget everything, and number requests from 1 again."""
        self.clear_faults()
        with self._lock:
            self._scripts.clear()
            self._responses.clear()
            self._requests.clear()
            self._request_count = 0

    def respond(self, request: IncomingRequest) -> ServiceResponse:
        """Return the response to *request*, which gets its number here."""
        numbered, fault = self._take_fault(request)
        skew = fault if isinstance(fault, ClockSkew) else ClockSkew(seconds=0)
        now = self.now() + skew.seconds
        response = replace_response(fault) or self._serve(numbered, now, skew.error_code)
        response = attrs.evolve(change_response(fault, response), date=now, fault=fault)
        received = ReceivedRequest(
            **attrs.asdict(numbered, recurse=False),
            status_code=response.status_code,
            error_code=response.error_code,
            fault=fault,
        )
        with self._lock:
            self._requests.append(received)
        return response

    def _take_fault(self, request: IncomingRequest) -> tuple[IncomingRequest, Fault | None]:
        """Number *request*, and choose its fault. Rules are called one at a time, in the order of the numbers."""
        with self._rule_lock:
            with self._lock:  # released before a rule is called, since the rule may inject faults
                self._request_count += 1
                numbered = attrs.evolve(request, number=self._request_count)
                if self._faults:
                    return numbered, self._faults.popleft()
                rules = tuple(self._rules)
            for rule in rules:
                fault = rule(numbered)
                if fault is not None:
                    return numbered, _check_fault(fault)
            return numbered, None

    def _serve(self, request: IncomingRequest, now: float, skew_code: str) -> ServiceResponse:
        """Respond as the service. A request that is not valid or not signed uses up no prepared response."""
        try:
            _check_operation(request)
            check_signature(request, self._credentials, self._region_name, now=now, skew_code=skew_code)
            with self._lock:
                if self._responses:
                    return self._responses.popleft()()
            execution = self.poll(*_parse_input(request.body))
        except RequestRefusedError as refused:
            return error_response(refused.code, refused.message)
        return json_response(200, {"pipelineExecution": to_wire(execution)})

    def poll(self, pipeline_name: str, pipeline_execution_id: str) -> PipelineExecution:
        """Return an execution as it is now, and count the poll. Raises RequestRefusedError when it is not found."""
        now = self.now()
        with self._lock:
            scripts = self._scripts.get(pipeline_name, {})
            script = scripts.get(pipeline_execution_id)
            execution = script.poll(now) if script else None
        if not scripts:
            message = f"The account does not have a pipeline with name '{pipeline_name}'"
            raise RequestRefusedError("PipelineNotFoundException", message)
        if execution is None:
            message = f"The pipeline '{pipeline_name}' does not have an execution with id '{pipeline_execution_id}'"
            raise RequestRefusedError("PipelineExecutionNotFoundException", message)
        return execution


def _check_fault(fault: object) -> Fault:
    """Refuse what is no fault, such as its class, which only a type checker would notice otherwise."""
    if not isinstance(fault, Fault):
        raise TypeError(f"{fault!r} is not a fault: give a value such as faults.Delay(seconds=1)")
    return fault


def _check_operation(request: IncomingRequest) -> None:
    path = request.path.partition("?")[0]
    target = request.headers.get("x-amz-target")
    content_type = request.headers.get("content-type", "")
    if (request.method, path) != ("POST", "/"):
        message = f"{request.method} {path} is not an operation: the service has POST / only"
    elif target != _TARGET:
        message = f"X-Amz-Target {target!r} is not an operation of this endpoint: it has {_TARGET!r} only"
    elif content_type.partition(";")[0].strip().lower() != _CONTENT_TYPE:
        message = f"Content-Type {content_type!r} is not the protocol's: {_CONTENT_TYPE!r}"
    else:
        return
    raise RequestRefusedError("UnknownOperationException", message)


def _parse_input(body: bytes) -> tuple[str, str]:
    members = decode(body)
    if members is None:
        raise RequestRefusedError("SerializationException", "The body is not a JSON object")
    name = _string_member(members, "pipelineName")
    execution_id = _string_member(members, "pipelineExecutionId")
    violations = [
        *_violations("pipelineName", name, _NAME_PATTERN, max_length=100),
        *_violations("pipelineExecutionId", execution_id, _ID_PATTERN),
    ]
    if name is None or execution_id is None or violations:
        count = "1 validation error" if len(violations) == 1 else f"{len(violations)} validation errors"
        raise RequestRefusedError("ValidationException", f"{count} detected: {'; '.join(violations)}")
    return name, execution_id


def _string_member(members: Mapping[str, object], name: str) -> str | None:
    value = members.get(name)
    if value is None or isinstance(value, str):
        return value
    raise RequestRefusedError("SerializationException", f"'{name}' must be a string, not {json.dumps(value)[:50]}")


def _violations(name: str, value: str | None, pattern: str, max_length: int | None = None) -> list[str]:
    """Return a sentence for each constraint that the required member *name* violates."""
    if value is None:
        return [f"Value null at '{name}' failed to satisfy constraint: Member must not be null"]
    rules = {
        f"satisfy regular expression pattern: {pattern}": re.fullmatch(pattern, value),
        f"have length less than or equal to {max_length}": max_length is None or len(value) <= max_length,
        "have length greater than or equal to 1": max_length is None or value,
    }
    return [
        f"Value '{value}' at '{name}' failed to satisfy constraint: Member must {rule}"
        for rule, is_satisfied in rules.items()
        if not is_satisfied
    ]
