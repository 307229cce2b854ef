"""
CodePipeline on this machine, for tests: a real HTTP endpoint that checks its requests.

This is the part that tests use. `_handler` checks requests, `_server` sends and receives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Self

from .._protocol.sigv4 import Credentials
from ..errors import ConfigurationError
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference
from ._handler import RequestHandler
from ._messages import IncomingRequest, ReceivedRequest, check_status_code, custom_response, error_response
from ._server import ConnectionTracker, LoopbackServer, check_loopback
from ._signature import load_botocore
from .executions import ScriptStep
from .faults import Fault

_TEST_CREDENTIALS: Final = Credentials(
    access_key_id="LOCALCODEPIPELINE",
    secret_access_key="not-a-secret/of-the-local-endpoint",  # noqa: S106 - it is public
)


class LocalCodePipeline:
    """
    A CodePipeline endpoint on loopback, which runs in threads of its own while it is used as a context manager.

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
        self.region_name: Final = region_name
        """The region that requests must be signed for."""
        self.credentials: Final = credentials
        """The credentials that requests must be signed with."""
        self._host: Final = check_loopback(host)
        self._port: Final = port
        self._handler: Final = RequestHandler(credentials, region_name, now=now, max_requests=max_requests)
        self._tracker: Final = ConnectionTracker()
        self._server: LoopbackServer | None = None

    def __enter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        if self._server is not None:
            raise ConfigurationError("this LocalCodePipeline is already running: create another one")
        load_botocore()  # now, so that the first response takes no longer than the others
        self._server = LoopbackServer(self._host, self._port, self._handler, self._tracker)
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, and return when no thread and no socket is left. Executions and requests are kept."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __repr__(self) -> str:
        where = self._server.url if self._server else "not running"
        return f"<LocalCodePipeline {where} {self.region_name}>"

    @property
    def endpoint_url(self) -> str:
        """The URL that it listens on. Raises ConfigurationError while it is not used as a context manager."""
        return self._running().url

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that make any AWS client in any process use it. An empty one means none."""
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
        return self._handler.requests

    def put_execution(self, execution: PipelineExecution) -> PipelineExecutionReference:
        """
        Respond with *execution* from now on, in place of one with the same pipeline and id. Returns which it is.

        Its pipeline exists from now on, too: other ids in it are executions that are not found.
        """
        return self._handler.put_script([execution])

    def script_execution(
        self,
        steps: Iterable[ScriptStep],
        *,
        pipeline_name: str | None = None,
        pipeline_execution_id: str | None = None,
    ) -> PipelineExecutionReference:
        """
        Let an execution change from step to step while it is polled, in place of one with the same pipeline and id.

        A step is an execution, a status such as ``"InProgress"``, or None while the execution is not found. One request
        sees it, or all that come while it is `Shown`, and the last step lasts for ever. The first step begins now, by
        the endpoint's time, and each other one when the one before it ends, whether or not anyone polls.
        A request that gets another response (an error, one of `put_response`) does not count as a poll; one whose
        response is damaged or delayed does.

        *pipeline_name* and *pipeline_execution_id* replace those of the executions in *steps*. Returns which execution
        it is. Raises ValueError when the steps are about several, and for a status that is not the service's.
        """
        return self._handler.put_script(steps, pipeline_name=pipeline_name, pipeline_execution_id=pipeline_execution_id)

    def put_response(
        self,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        times: int = 1,
    ) -> None:
        """
        Respond to the next requests with exactly this, after the responses that were put there before.

        A request with a wrong target or signature is refused as always, and does not use up a response.
        Date, Content-Length and Connection are added unless *headers* has them. A response with a Content-Length,
        Transfer-Encoding or Connection header of its own ends its connection, since it may not be framed correctly.
        Raises ValueError for a status that is not final, below 200 or above 599, and for CR, LF or NUL in a header.
        """
        response = custom_response(status_code, headers, body)
        self._handler.put_response(lambda: response, times=times)

    def put_error(self, code: str, message: str = "", *, status_code: int | None = None, times: int = 1) -> None:
        """
        Refuse the next requests with the error *code*, after the responses that were put there before.

        With *status_code* None, the HTTP status is the one that the service sends with *code*. Raises ValueError for
        one that is not an error, below 400 or above 599.
        """
        if status_code is not None:
            check_status_code(status_code, 400)
        self._handler.put_response(partial(error_response, code, message, status_code), times=times)

    def inject(self, fault: Fault, *, times: int | None = 1) -> None:
        """
        Let *fault* happen to the next requests, after those that already have one.

        With *times* None it happens from now on to every request that has no other fault.
        A fault stands for the network and for servers in front of the service, so it also happens to a wrong request.
        A fault that damages or delays a response applies to the one that the request would have got, and uses it up.
        """
        self._handler.inject(fault, times=times)

    def inject_by(self, rule: Callable[[IncomingRequest], Fault | None]) -> None:
        """
        Call *rule* to choose the fault of a request, or None for no fault.

        From now on it is called for each request that has no injected fault, and for which earlier rules returned None:
        by one thread at a time, in the order of `number`. Other requests wait for it. See `faults.at_random`.
        """
        self._handler.inject_by(rule)

    def clear_faults(self) -> None:
        """Forget the injected faults and the rules, and accept connections again. A fault in progress continues."""
        self._handler.clear_faults()
        if self._server is not None:
            self._server.accept_connections()

    def refuse_connections(self) -> None:
        """Refuse new connections until `accept_connections`: nothing listens on the port. Open ones stay open."""
        self._running().refuse_connections()

    def accept_connections(self) -> None:
        """Accept connections again, on the same port."""
        self._running().accept_connections()

    def close_connections(self) -> None:
        """Close every open connection (FIN), also in the middle of a response. On return the clients can see it."""
        self._tracker.close_all()

    @property
    def open_connections(self) -> int:
        """How many connections are open now: each from its first request at the latest, until either side closes it."""
        return self._tracker.open

    @property
    def accepted_connections(self) -> int:
        """How many connections were accepted since this object was created."""
        return self._tracker.accepted

    def clear(self) -> None:
        """Forget executions, prepared responses, faults, rules and requests, and number requests from 1 again."""
        self._handler.clear()

    def _running(self) -> LoopbackServer:
        if self._server is None:
            raise ConfigurationError("this LocalCodePipeline is not running: use it in a with statement")
        return self._server
