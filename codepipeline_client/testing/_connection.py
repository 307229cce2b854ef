"""
One connection: HTTP/1.1 in, calls to answer, bytes out.

Knows framing and bytes. Never knows what a call asks for, nor why an answer is what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from socketserver import BaseServer
from typing import Final
from uuid import uuid4

from ._calls import Answer, Call, End, Pause, Step, error
from ._stream import Stream

_MAX_BODY: Final = 1 << 20


class Connection(BaseHTTPRequestHandler):
    """Reads calls from a socket and writes what *respond* returns, until the other side or the endpoint has enough."""

    protocol_version = "HTTP/1.1"

    def __init__(
        self,
        request: socket,
        client_address: object,
        server: BaseServer,
        *,
        respond: Callable[[Call], Answer],
        now: Callable[[], float],
        stopped: socket,
        number: int,
    ) -> None:
        self._respond = respond
        self._now = now
        self._stopped = stopped
        self._number = number
        super().__init__(request, client_address, server)

    def setup(self) -> None:
        """Put streams that end with the endpoint in the place of the socket's own, which would wait for ever."""
        self.request.setsockopt(IPPROTO_TCP, TCP_NODELAY, True)
        self._stream = Stream(self.request, self._stopped)
        self.rfile = self._stream.reader()
        self.wfile = self._stream.writer()

    def finish(self) -> None:
        """Let go of all but the socket, which belongs to the server."""
        super().finish()
        self._stream.close()

    def do_POST(self) -> None:
        """Answer one request, of any method: which one is right is for the service to say."""
        length = self._body_length()
        if length is None:
            return self.send_error(HTTPStatus.BAD_REQUEST, "Content-Length is not a number, or not the body's framing")
        if length > _MAX_BODY:
            return self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {_MAX_BODY} bytes")
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return self._send(self._respond(self._call(body)))

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 - http.server finds them by these names

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is not HTTP in the form of the service, and close: where the next request starts is not known."""
        name = "RequestEntityTooLargeException" if code == 413 else "MalformedHttpRequestException"
        self.close_connection = True
        words = message or HTTPStatus(code).phrase
        self._send(error(name, words, status_code=code, request_id=str(uuid4())))

    def _body_length(self) -> int | None:
        if "transfer-encoding" in self.headers:
            return None
        lengths = set(self.headers.get_all("content-length", ["0"]))
        length = lengths.pop()
        return int(length) if not lengths and length.isascii() and length.isdigit() and len(length) < 20 else None

    def _call(self, body: bytes) -> Call:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        return Call(
            method=self.command,
            path=self.path,
            headers=headers,
            body=body,
            request_id=str(uuid4()),
            connection_number=self._number,
        )

    def _send(self, answer: Answer) -> None:
        if answer.is_last:
            self.close_connection = True
        date = self._now() if answer.date is None else answer.date
        head = head_of(answer, date=date, last=self.close_connection)
        body = b"" if self.command == "HEAD" else answer.body
        if answer.delivery is None:
            self.wfile.write(head + body)
            return
        for step in answer.delivery(head, body):
            self._take(step)

    def _take(self, step: Step) -> None:
        if isinstance(step, Pause):
            self._stream.pause(step.seconds)
        elif step is End.RESET:
            self._stream.reset()
            self.close_connection = True
        elif isinstance(step, End):
            self.close_connection = True
        else:
            self._stream.pause(0)  # else an answer without end would not see the end of the endpoint
            self.wfile.write(step)


def head_of(answer: Answer, *, date: float, last: bool) -> bytes:
    """Return the status line and headers. A header that every answer has is added unless it is there already."""
    try:
        phrase = HTTPStatus(answer.status_code).phrase
    except ValueError:
        phrase = ""
    names = {name.lower() for name, _ in answer.headers}
    lines = [f"HTTP/1.1 {answer.status_code} {phrase}", *(f"{name}: {value}" for name, value in answer.headers)]
    if "date" not in names:
        lines.append(f"Date: {formatdate(date, usegmt=True)}")
    if not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(answer.body)}")
    if last and "connection" not in names:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
