"""
CodePipeline on this machine, for tests: a real HTTP endpoint that checks its requests.

`_server` sends and receives. A request gets the response of a fault, else a prepared one, else its execution.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from itertools import repeat
from threading import Lock
from typing import Final, Self
from uuid import uuid4

import attrs

from .._config.arguments import count_of
from .._protocol.sigv4 import Credentials
from ..errors import ConfigurationError
from ..models import ActionExecutionDetail, PipelineExecution
from ..waiting import ExecutionLike, PipelineExecutionReference
from . import messages
from ._pipelines import Pipelines
from ._request_checks import check_input, check_signature, load_model, operation_of
from ._server import LoopbackServer
from .executions import ExecutionScript, ScriptStep, check_actions
from .faults import ClockSkew, Fault
from .messages import IncomingRequest, ReceivedRequest, RequestRefusedError, ServiceResponse

_TEST_CREDENTIALS: Final = Credentials(
    access_key_id="LOCALCODEPIPELINE",
    secret_access_key="not-a-secret/of-the-local-endpoint",  # noqa: S106 - it is public
)


class LocalCodePipeline(LoopbackServer):
    """
    A CodePipeline endpoint on loopback, which runs in its own threads while it is used as a context manager.

    It checks each request as the service does (method, target, signature, input), responds with the executions that
    were put there, and records the requests. It injects the faults of real networks and servers, see
    `codepipeline_client.testing.faults`. Several threads may use it at once.
    """

    def __init__(
        self,
        *,
        region_name: str = "us-east-1",
        credentials: Credentials = _TEST_CREDENTIALS,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
        max_requests: int = 10_000,
    ) -> None:
        """
        Accept requests that are signed for *region_name* with *credentials*, and no others.

        *host* must be a loopback address. With *port* 0, the system chooses a free one.
        *now* returns the endpoint's time, in seconds since the epoch: it is the time for signatures, for Date headers
        and for scripted executions. The last *max_requests* requests are kept, so that the endpoint may run for days.
        """
        super().__init__(host, port, self._respond_to_request, now)
        self.region_name: Final = region_name
        """The region that requests must be signed for."""
        self.credentials: Final = credentials
        """The credentials that requests must be signed with."""
        self._lock: Final = Lock()
        self._rule_lock: Final = Lock()
        self._pipelines = Pipelines()
        self._responses: Final = deque[Callable[[], ServiceResponse]]()
        self._faults: Final = deque[Fault]()
        self._rules: Final = list[Callable[[IncomingRequest], Fault | None]]()
        self._requests: Final = deque[ReceivedRequest](maxlen=count_of("max_requests", max_requests))
        self._request_count = 0

    def __enter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        load_model()  # now, so that the first response takes no longer than the others
        return super().__enter__()

    def __repr__(self) -> str:
        where = "not running"
        with suppress(ConfigurationError):
            where = self.endpoint_url
        return f"<LocalCodePipeline {where} {self.region_name}>"

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that make any AWS client in any process use it. An empty value means unset."""
        return {
            "AWS_ENDPOINT_URL_CODEPIPELINE": self.endpoint_url,
            "AWS_REGION": self.region_name,
            "AWS_DEFAULT_REGION": self.region_name,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_access_key,
            "AWS_SESSION_TOKEN": self.credentials.session_token or "",
        }

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The last *max_requests* requests, in the order of their responses."""
        with self._lock:
            return tuple(self._requests)

    def put_execution(self, execution: PipelineExecution) -> PipelineExecutionReference:
        """
        Respond with *execution* from now on, in place of one with the same pipeline and id. Returns its reference.

        Its pipeline then exists too: other ids in it are reported as executions that are not found.
        """
        return self.script_execution([execution])

    def script_execution(
        self, steps: Iterable[ScriptStep], *, pipeline_name: str | None = None, pipeline_execution_id: str | None = None
    ) -> PipelineExecutionReference:
        """
        Let an execution change from step to step while it is polled, in place of one with the same pipeline and id.

        A step is an execution, a status such as ``"InProgress"``, or None for "not found". It lasts for one poll, or
        for as long as `Shown` says; the last step lasts forever. The first step begins now, by the endpoint's time,
        and each other step when the one before it ends. The time of a step passes whether or not anyone polls.
        A request that gets another response (an error, or one from `put_response`) does not count as a poll; one whose
        response is damaged or delayed does.

        *pipeline_name* and *pipeline_execution_id* replace those of the executions in *steps*. Returns the execution's
        reference. Raises ValueError if the steps name several executions, or a status that the service does not have.
        """
        script = ExecutionScript(steps, pipeline_name, pipeline_execution_id, now=self._now())
        self._pipelines.put_script(script)
        return script.reference

    def script_starts(
        self, steps: Iterable[ScriptStep], *, pipeline_name: str, actions: Iterable[ActionExecutionDetail] = ()
    ) -> None:
        """
        Let each execution that is started from now on change as `script_execution` says, and have these *actions*.

        The pipeline exists from now on. Without this, a started execution is InProgress for one poll, then Succeeded.
        Raises the errors of `script_execution` and `put_action_executions`.
        """
        starts = (steps if isinstance(steps, str) else tuple(steps), check_actions(actions))
        ExecutionScript(starts[0], pipeline_name, str(uuid4()), now=0.0)  # raises for steps that cannot be
        self._pipelines.starts[pipeline_name] = starts

    def put_action_executions(self, execution: ExecutionLike, actions: Iterable[ActionExecutionDetail]) -> None:
        """
        List *actions* for an execution from now on, newest first. `make_action_execution` makes them.

        Raises TypeError for one that is no `ActionExecutionDetail`, and ValueError for a time without a time zone.
        """
        self._pipelines.put_actions(execution, check_actions(actions))

    def put_response(
        self,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        times: int = 1,
    ) -> None:
        """
        Respond to the next requests with exactly this, after the responses that are already queued.

        A request with a wrong target or signature is refused as always, and does not use up a response.
        Date, Content-Length and Connection are added unless *headers* has them. A response with a Content-Length,
        Transfer-Encoding or Connection header of its own ends its connection, since it may not be framed correctly.
        Raises ValueError for a status that is not final, below 200 or above 599, and for CR, LF or NUL in a header.
        """
        response = messages.custom_response(status_code, headers, body)
        self._prepare(lambda: response, times)

    def put_error(self, code: str, message: str = "", *, status_code: int | None = None, times: int = 1) -> None:
        """
        Refuse the next requests with the error *code*, after the responses that are already queued.

        With *status_code* None, the HTTP status is the one that the service sends with *code*. Raises ValueError for
        one that is not an error, below 400 or above 599.
        """
        if status_code is not None:
            messages.check_status_code(status_code, 400)
        self._prepare(partial(messages.error_response, code, message, status_code), times)

    def inject(self, fault: Fault, *, times: int | None = 1) -> None:
        """
        Inject *fault* into the next requests, after those that already have a fault.

        With *times* None, it applies from now on to every request that has no other fault.
        A fault stands for the network and for servers in front of the service, so it also happens to a wrong request.
        A fault that damages or delays a response uses up the response that the request would have got.
        """
        checked = _check_fault(fault)
        if times is None:
            self.inject_by(lambda _: checked)
        elif times < 1:
            raise ValueError(f"times must be 1 or more, or None for every request, not {times}")
        else:
            with self._lock:
                self._faults.extend(repeat(checked, times))

    def inject_by(self, rule: Callable[[IncomingRequest], Fault | None]) -> None:
        """
        Call *rule* to choose the fault of a request, or None for no fault.

        From now on it is called for each request that has no injected fault, and for which earlier rules returned None,
        by one thread at a time and in the order of `number`. Other requests wait for it. See `faults.at_random`.
        """
        with self._lock:
            self._rules.append(rule)

    def clear_faults(self) -> None:
        """Forget the injected faults and the rules, and accept connections again. A fault in progress continues."""
        with self._lock:
            self._faults.clear()
            self._rules.clear()
        with suppress(ConfigurationError):  # it is not running
            self.accept_connections()

    def clear(self) -> None:
        """Forget executions, prepared responses, faults, rules and requests, and number requests from 1 again."""
        with self._lock:
            self._pipelines = Pipelines()
            for prepared in (self._responses, self._faults, self._rules, self._requests):
                prepared.clear()
            self._request_count = 0

    def _prepare(self, make: Callable[[], ServiceResponse], times: int) -> None:
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}")
        with self._lock:
            self._responses.extend(repeat(make, times))

    def _respond_to_request(self, request: IncomingRequest) -> ServiceResponse:
        """Return the response to *request*, which gets its number here. Rules are called in that order."""
        with self._rule_lock:
            with self._lock:  # released before a rule is called, since the rule may inject faults
                self._request_count += 1
                numbered = attrs.evolve(request, number=self._request_count)
                injected = self._faults.popleft() if self._faults else None
                rules = () if injected else tuple(self._rules)
            chosen = (fault for rule in rules if (fault := rule(numbered)) is not None)
            fault = injected or next(map(_check_fault, chosen), None)
        skew = fault if isinstance(fault, ClockSkew) else ClockSkew(seconds=0)
        now = self._now() + skew.seconds
        response = messages.replace_response(fault) or self._respond_as_service(numbered, now, skew.error_code)
        response = attrs.evolve(messages.change_response(fault, response), date=now, fault=fault)
        received = attrs.asdict(numbered, recurse=False)
        received |= {"status_code": response.status_code, "error_code": response.error_code, "fault": fault}
        with self._lock:
            self._requests.append(ReceivedRequest(**received))
        return response

    def _respond_as_service(self, request: IncomingRequest, now: float, skew_code: str) -> ServiceResponse:
        """Respond as the service. A request that is not valid or not signed uses up no prepared response."""
        try:
            operation_name = operation_of(request)
            check_signature(request, self.credentials, self.region_name, now=now, skew_code=skew_code)
            with self._lock:
                if self._responses:
                    return self._responses.popleft()()
            members = check_input(operation_name, request.input)
            return messages.json_response(200, self._pipelines.respond(operation_name, members, self._now()))
        except RequestRefusedError as refused:
            return messages.error_response(refused.code, refused.message)


def _check_fault(fault: object) -> Fault:
    """Refuse what is no fault, such as its class, which only a type checker would notice otherwise."""
    if not isinstance(fault, Fault):
        raise TypeError(f"{fault!r} is not a fault: give a value such as faults.Delay(seconds=1)")
    return fault
