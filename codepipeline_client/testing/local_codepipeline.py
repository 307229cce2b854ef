"""
CodePipeline on this machine, for tests: a real HTTP endpoint that checks what it is sent.

What is here is what a test touches. How a call is checked and answered, and how bytes travel, is below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Self

from .._message import Credentials
from ..errors import ConfigurationError
from ..models import PipelineExecution
from ..waiting import PipelineExecutionReference
from ._injector import Injector
from ._journal import Journal
from ._listener import Listener, loopback
from ._planned import planned_answer, planned_error
from ._reception import Reception
from ._roster import Roster
from ._scenario import Scenario
from ._script import ScriptStep, read_script
from ._signature import load_signer
from .faults import Fault
from .received import IncomingRequest, ReceivedRequest

_TEST_CREDENTIALS: Final = Credentials(
    access_key_id="LOCALCODEPIPELINE",
    secret_access_key="not-a-secret/of-the-local-endpoint",  # noqa: S106 - anyone may know it
)


class LocalCodePipeline:
    """
    A CodePipeline endpoint on loopback, which runs in threads of its own while it is used as a context manager.

    It checks each request as the service does (method, target, signature, input), answers from the executions that
    were put there, and records what it received. What goes wrong with real networks and servers can be injected, see
    `codepipeline_client.testing.faults`. It may be used by several threads at once.
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
        Accept what is signed for *region_name* with *credentials*, and nothing else.

        *host* must be a loopback address. With *port* 0, the system chooses a free one.
        *now* tells the endpoint's time, in seconds since the epoch: signatures are judged by it, answers dated with it,
        scripted executions go on by it. The last *max_requests* requests are kept, so that it may run for days.
        """
        self.region_name: Final = region_name
        """The region that requests must be signed for."""
        self.credentials: Final = credentials
        """The keys that requests must be signed with."""
        self._host: Final = loopback(host)
        self._port: Final = port
        self._now: Final = now
        self._scenario: Final = Scenario(now=now)
        self._injector: Final = Injector()
        self._roster: Final = Roster()
        self._journal: Final = Journal(max_requests=max_requests)
        self._reception: Final = Reception(
            credentials=credentials,
            region_name=region_name,
            now=now,
            scenario=self._scenario,
            injector=self._injector,
            journal=self._journal,
        )
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        if self._listener is not None:
            raise ConfigurationError("this LocalCodePipeline is running already: make another one")
        load_signer()  # now, so that the first answer takes no longer than the others
        self._listener = Listener(
            host=self._host, port=self._port, respond=self._reception.respond, now=self._now, roster=self._roster
        )
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, and return when no thread and no socket is left. Executions and requests are kept."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def __repr__(self) -> str:
        where = self._listener.url if self._listener else "not running"
        return f"<LocalCodePipeline {where} {self.region_name}>"

    @property
    def endpoint_url(self) -> str:
        """Where it listens. It does while it is used as a context manager, and raises ConfigurationError otherwise."""
        return self._running().url

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables that make any AWS client, in any process, talk to it. An empty one means none."""
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
        """What was received so far, in the order in which it was answered: the last *max_requests* of it."""
        return self._journal.received

    def put_execution(self, execution: PipelineExecution) -> None:
        """
        Answer with *execution* from now on, in place of one with the same pipeline and id.

        Its pipeline exists from now on, too: other ids in it are executions that are not found.
        """
        self._scenario.put_execution(execution)

    def script_execution(
        self,
        steps: Iterable[ScriptStep],
        *,
        pipeline_name: str | None = None,
        pipeline_execution_id: str | None = None,
    ) -> PipelineExecutionReference:
        """
        Let an execution go on from step to step while it is asked for, in place of one with the same pipeline and id.

        A step is an execution, a status such as ``"InProgress"``, or None while the execution is not found yet. One
        request sees it, or as many as come while it is `Shown`, and the last step is seen for ever. The first begins
        now, by the endpoint's time, and each other one when the one before it ends, whether or not anyone asks.
        A request that gets another answer in its place (an error, one of `put_response`) uses none up; one whose
        answer is damaged or late does.

        *pipeline_name* and *pipeline_execution_id* are put in the place of those of the steps' executions. Returns
        which execution it is. Raises ValueError when the steps are about several.
        """
        reference, scenes = read_script(steps, pipeline_name=pipeline_name, pipeline_execution_id=pipeline_execution_id)
        self._scenario.put_script(reference, scenes)
        return reference

    def put_response(
        self,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        times: int = 1,
    ) -> None:
        """
        Answer the next requests with exactly this, after what was put there before.

        A request with a wrong target or signature is refused as ever, and does not use one up.
        Date, Content-Length and Connection are added unless *headers* has them. An answer with a Content-Length,
        Transfer-Encoding or Connection of its own ends its connection, since no more may be read from it.
        Raises ValueError for a status that ends no exchange, below 200 or above 599, and for CR, LF or NUL in a header.
        """
        response = planned_answer(status_code=status_code, headers=headers, body=body)
        self._scenario.put_plan(lambda _: response, times=times)

    def put_error(self, code: str, message: str = "", *, status_code: int | None = None, times: int = 1) -> None:
        """
        Refuse the next requests with the error *code*, after what was put there before.

        With *status_code* None, the HTTP status is the one that the service gives with *code*. Raises ValueError for
        one that is no error's, below 400 or above 599.
        """
        self._scenario.put_plan(planned_error(code, message, status_code=status_code), times=times)

    def inject(self, fault: Fault, *, times: int | None = 1) -> None:
        """
        Let *fault* happen to the next requests, after those that have a fault already.

        With *times* None it happens from now on to every request for which no other waits.
        A fault stands for the network and for what is in front of the service, so it happens to a wrong request, too.
        Where it damages or delays an answer, this is the one that the request would have got, which is thereby used up.
        """
        self._injector.inject(fault, times=times)

    def inject_by(self, rule: Callable[[IncomingRequest], Fault | None]) -> None:
        """
        Ask *rule* which fault happens to a request; None for no fault.

        It is asked from now on about each request for which no fault waits and for which the rules before it had none,
        by one thread at a time, in the order of `number`. Others wait as long as it takes. See `faults.at_random`.
        """
        self._injector.inject_by(rule)

    def clear_faults(self) -> None:
        """Forget the faults that wait and the rules, and accept connections again. A fault under way goes on."""
        self._injector.clear()
        if self._listener is not None:
            self._listener.accept()

    def refuse_connections(self) -> None:
        """Refuse new connections until `accept_connections`: nothing listens on the port. The open ones stay open."""
        self._running().refuse()

    def accept_connections(self) -> None:
        """Accept connections again, on the same port."""
        self._running().accept()

    def close_connections(self) -> None:
        """
        Close every open connection in order (FIN), an idle one as well as one in the middle of an answer.

        When this returns, the other sides can see it.
        """
        self._roster.close_all()

    @property
    def open_connections(self) -> int:
        """How many connections are open now: each from its first request at the latest, until either side closes it."""
        return self._roster.open

    @property
    def accepted_connections(self) -> int:
        """How many connections were accepted since this object was made."""
        return self._roster.accepted

    def clear(self) -> None:
        """Forget the executions, the answers and faults that wait, the rules, and the requests, and number from 1."""
        self._scenario.clear()
        self._injector.restart()
        self._journal.clear()

    def _running(self) -> Listener:
        if self._listener is None:
            raise ConfigurationError("this LocalCodePipeline is not running: use it in a with statement")
        return self._listener
