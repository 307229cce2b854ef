"""
CodePipeline on this machine, for tests: a real HTTP endpoint that checks what it is sent.

What is here is what a test touches. How a call is checked and answered, and how bytes travel, is below.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from threading import Lock
from typing import Final, Self, cast

from attrs import field, frozen

from .._message import Credentials
from ..errors import ConfigurationError
from ..models import PipelineExecution
from ._calls import Answer, Call, error, http_status
from ._connection import render
from ._listener import Listener
from ._scenario import Scenario
from ._service import answer, decode
from ._signature import load_signer

_TEST_CREDENTIALS: Final = Credentials(
    access_key_id="LOCALCODEPIPELINE",
    secret_access_key="not-a-secret/of-the-local-endpoint",  # noqa: S106 - anyone may know it
)


@frozen(kw_only=True)
class ReceivedRequest:
    """One request that reached the endpoint, and how it was answered."""

    method: str
    """The HTTP method."""
    path: str
    """The path as on the wire, the query included."""
    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case; a header that came several times is joined with a comma."""
    body: bytes
    """The body as on the wire."""
    input: Mapping[str, object] | None
    """The operation's input by its names on the wire. None when the body was not a JSON object."""
    status_code: int
    """The HTTP status of the answer."""
    error_code: str | None
    """What it was refused with. None when it went well, and for an answer that came from `put_response`."""


class LocalCodePipeline:
    """
    A CodePipeline endpoint on loopback, which runs in threads of its own while it is used as a context manager.

    It checks each request as the service does (method, target, signature, input), answers from the executions that
    were put there, and records what it received. It may be used by several threads at once.
    """

    def __init__(
        self,
        *,
        region_name: str = "us-east-1",
        credentials: Credentials = _TEST_CREDENTIALS,
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        Accept what is signed for *region_name* with *credentials*, and nothing else.

        *host* must be a loopback address. With *port* 0, the system chooses a free one.
        *now* tells the endpoint's time, in seconds since the epoch: signatures are judged by it, answers dated with it.
        """
        self.region_name: Final = region_name
        """The region that requests must be signed for."""
        self.credentials: Final = credentials
        """The keys that requests must be signed with."""
        self._host: Final = _loopback(host)
        self._port: Final = port
        self._now: Final = now
        self._scenario: Final = Scenario()
        self._lock: Final = Lock()
        self._requests: list[ReceivedRequest] = []
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        if self._listener is not None:
            raise ConfigurationError("this LocalCodePipeline is running already: make another one")
        load_signer()  # now, so that the first answer takes no longer than the others
        self._listener = Listener(host=self._host, port=self._port, respond=self._respond, now=self._now)
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
        if self._listener is None:
            raise ConfigurationError("this LocalCodePipeline is not running: use it in a with statement")
        return self._listener.url

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
        """What was received so far, in the order in which it was answered."""
        with self._lock:
            return tuple(self._requests)

    def put_execution(self, execution: PipelineExecution) -> None:
        """
        Answer with *execution* from now on, in place of one with the same pipeline and id.

        Its pipeline exists from now on, too: other ids in it are executions that are not found.
        """
        self._scenario.put_execution(execution)

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
        """
        # Cast, since to a type checker something iterable may turn out to be a mapping, too, of anything.
        pairs = cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers)
        response = Answer(status_code=status_code, headers=tuple(pairs), body=body)
        render(response, date=0, last=False, head_only=False)  # what cannot be sent is an error here, not in a thread
        self._scenario.put_plan(lambda _: response, times=times)

    def put_error(self, code: str, message: str = "", *, status_code: int | None = None, times: int = 1) -> None:
        """
        Refuse the next requests with the error *code*, after what was put there before.

        With *status_code* None, the HTTP status is the one that the service gives with *code*.
        """
        status = http_status(code) if status_code is None else status_code
        self._scenario.put_plan(
            lambda call: error(code, message, status_code=status, request_id=call.request_id), times=times
        )

    def clear(self) -> None:
        """Forget the executions, the answers that wait, and the requests."""
        self._scenario.clear()
        with self._lock:
            self._requests.clear()

    def _respond(self, call: Call) -> Answer:
        answered = answer(
            call,
            scenario=self._scenario,
            credentials=self.credentials,
            region_name=self.region_name,
            now=self._now(),
        )
        received = ReceivedRequest(
            method=call.method,
            path=call.path,
            headers=call.headers,
            body=call.body,
            input=decode(call.body),
            status_code=answered.status_code,
            error_code=answered.error_code,
        )
        with self._lock:
            self._requests.append(received)
        return answered


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        if ip_address(host).is_loopback:
            return host
    except ValueError:
        pass  # a name, and only one name is known to stay on this machine
    raise ConfigurationError(f"host {host!r} is not a loopback address: give '127.0.0.1', '::1' or 'localhost'")
