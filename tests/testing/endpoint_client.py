"""A client of the endpoint that shares only the signer with this package, and what a test may leave behind."""

from __future__ import annotations

import gc
import json
import os
import threading
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from attrs import evolve, frozen

from codepipeline_client._protocol.messages import Headers
from codepipeline_client._protocol.sigv4 import sign
from codepipeline_client.models import PipelineExecution, TriggerType
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

NOW: Final = 1_795_000_000.0
DATE: Final = "Wed, 18 Nov 2026 11:06:40 GMT"
EXECUTION: Final = make_pipeline_execution()
PRECISE: Final = datetime(2015, 3, 25, 15, 53, 57, 768977, tzinfo=UTC)
FULL: Final = make_pipeline_execution(
    status="Stopped",
    pipeline_version=7,
    status_summary="Not today, José",
    artifact_revisions=[evolve(EXECUTION.artifact_revisions[0], created=PRECISE, revision_url="")],
    variables=[{"name": "stage", "resolved_value": "live"}],
    trigger={"trigger_type": TriggerType("NotListed"), "trigger_detail": "detail"},
    execution_mode="QUEUED",
    execution_type="ROLLBACK",
    rollback_metadata={"rollback_target_pipeline_execution_id": "11111111-89ab-4cde-8f01-23456789abcd"},
)
"""An execution that has every member, and values that are not made otherwise."""
CREDENTIALS: Final = LocalCodePipeline().credentials
HEADERS: Final = (
    ("host", "localhost"),
    ("content-type", "application/x-amz-json-1.1"),
    ("x-amz-target", "CodePipeline_20150709.GetPipelineExecution"),
)
Ending = Literal["FIN", "RST"]


@frozen
class Request:
    """What a client sends."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def without(self, name: str) -> Request:
        """Return it without a header."""
        return evolve(self, headers={key: value for key, value in self.headers.items() if key != name})

    def having(self, name: str, value: str) -> Request:
        """Return it with another value of a header than its signature covers."""
        return evolve(self, headers={**self.headers, name: value})

    def altered(self, old: str, new: str) -> Request:
        """Return it with a part of its Authorization replaced."""
        assert old in self.headers["authorization"]
        return self.having("authorization", self.headers["authorization"].replace(old, new))


def body_of(pipeline_name: object = "web", pipeline_execution_id: object = EXECUTION.pipeline_execution_id) -> bytes:
    """Return the body of a request for an execution."""
    return json.dumps({"pipelineName": pipeline_name, "pipelineExecutionId": pipeline_execution_id}).encode()


BODY: Final = body_of()
SCOPE: Final[dict[str, Any]] = {
    "credentials": CREDENTIALS,
    "region_name": "us-east-1",
    "service_name": "codepipeline",
    "now": NOW,
}


def signed(body: bytes = BODY, *, path: str = "/", headers: Headers = HEADERS, **changed: Any) -> Request:
    """Return a request as a client of the service sends it, except for what is given."""
    signature = sign(method="POST", target=path, headers=headers, body=body, **{**SCOPE, **changed})
    return Request("POST", path, {name.lower(): value for name, value in (*headers, *signature)}, body)


REQUEST: Final = signed()
_LINES: Final = "".join(f"{name}: {value}\r\n" for name, value in REQUEST.headers.items())
REQUEST_BYTES: Final = f"POST / HTTP/1.1\r\n{_LINES}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


class Connection(HTTPConnection):
    """A connection to an endpoint. Nothing waits longer than a test may take."""

    def __init__(self, endpoint: LocalCodePipeline) -> None:
        super().__init__(urlsplit(endpoint.endpoint_url).netloc, timeout=10)
        self.connect()

    def send_request(self, request: Request = REQUEST) -> tuple[HTTPResponse, bytes]:
        """Send *request*, and return the response and its body."""
        self.request(request.method, request.path, request.body, request.headers)
        response = self.getresponse()
        return response, response.read()

    def get(self, execution: PipelineExecution = EXECUTION, *, now: float = NOW) -> tuple[HTTPResponse, bytes]:
        """Request *execution*, and return the response and its body."""
        return self.send_request(signed(body_of(execution.pipeline_name, execution.pipeline_execution_id), now=now))

    def get_status(self) -> int:
        """Request the execution, and return the HTTP status of the response."""
        return self.get()[0].status

    def exchange(self, request: bytes = REQUEST_BYTES) -> tuple[bytes, bytes, Ending]:
        """Send bytes; return the head and the body that come until the connection ends, and how it ends."""
        self.sock.sendall(request)
        received, ending = self.read_to_end()
        head, _, body = received.partition(b"\r\n\r\n")
        return head, body, ending

    def read_to_end(self) -> tuple[bytes, Ending]:
        """Return the bytes that come until the endpoint ends the connection, and how it does."""
        received = bytearray()
        try:
            while content := self.sock.recv(1 << 16):
                received += content
        except ConnectionResetError:
            return bytes(received), "RST"
        return bytes(received), "FIN"


def connected(endpoint: LocalCodePipeline) -> closing[Connection]:
    """A connection that is closed in the end."""
    return closing(Connection(endpoint))


def status_in(body: bytes) -> object:
    """Return the execution's status in a response body."""
    return json.loads(body)["pipelineExecution"]["status"]


class Resources:
    """The threads and the files, sockets among them, of this process. Those of another test may end later."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._files = _open_files()

    def assert_nothing_new(self) -> None:
        """Fail when there are more of them now."""
        assert set(threading.enumerate()) - self._threads == set()
        gc.collect()
        assert _open_files() - self._files == set()

    def connection_threads(self) -> list[threading.Thread]:
        """Return the new threads that serve a connection."""
        new = set(threading.enumerate()) - self._threads
        return [thread for thread in new if thread.name == "LocalCodePipeline connection"]


def _open_files() -> set[tuple[int, int, int]]:
    """
    Return the open files of any kind, where the system lists them: number, device and inode of each.

    A number alone would be used again, and some kinds of files, such as selectors, have one inode for them all.
    """
    listed, found = Path("/dev/fd"), set[tuple[int, int, int]]()
    for number in [int(entry.name) for entry in listed.iterdir()] if listed.exists() else []:
        with suppress(OSError):  # it was open while the list was made: the folder itself, for one
            status = os.fstat(number)
            found.add((number, status.st_dev, status.st_ino))
    return found
