"""A client of the endpoint that shares only the signer with this package, and what a test may leave behind."""

from __future__ import annotations

import gc
import json
import os
import socket
import threading
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit
from weakref import WeakSet

from codepipeline_client._protocol.sigv4 import sign
from codepipeline_client.models import PipelineExecution
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution

NOW: Final = 1_795_000_000.0
DATE: Final = "Wed, 18 Nov 2026 11:06:40 GMT"
EXECUTION: Final = make_pipeline_execution()
TARGET: Final = "CodePipeline_20150709.GetPipelineExecution"
Ending = Literal["FIN", "RST"]


def body_of(execution: PipelineExecution = EXECUTION) -> bytes:
    """Return the body of a request for *execution*."""
    members = {"pipelineName": execution.pipeline_name, "pipelineExecutionId": execution.pipeline_execution_id}
    return json.dumps(members).encode()


BODY: Final = body_of()


def signed_headers(endpoint: LocalCodePipeline, body: bytes = BODY, *, now: float = NOW) -> dict[str, str]:
    """Return the headers that a client of the service sends with *body*."""
    headers = {
        "Host": urlsplit(endpoint.endpoint_url).netloc,
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": TARGET,
    }
    signature = sign(
        method="POST",
        target="/",
        headers=headers.items(),
        body=body,
        credentials=endpoint.credentials,
        region_name=endpoint.region_name,
        service_name="codepipeline",
        now=now,
    )
    return {**headers, **dict(signature)}


def request_bytes(endpoint: LocalCodePipeline) -> bytes:
    """Return a whole request as it is on the wire."""
    lines = [f"{name}: {value}\r\n" for name, value in signed_headers(endpoint).items()]
    return f"POST / HTTP/1.1\r\n{''.join(lines)}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


class Connection(HTTPConnection):
    """A connection to an endpoint. Nothing waits longer than a test may take."""

    def __init__(self, endpoint: LocalCodePipeline) -> None:
        super().__init__(urlsplit(endpoint.endpoint_url).netloc, timeout=10)
        self._endpoint = endpoint
        self.connect()

    def get(self, execution: PipelineExecution = EXECUTION, *, now: float = NOW) -> tuple[HTTPResponse, bytes]:
        """Request *execution*, and return the response and its body."""
        body = body_of(execution)
        self.request("POST", "/", body, signed_headers(self._endpoint, body, now=now))
        response = self.getresponse()
        return response, response.read()

    def get_status(self) -> int:
        """Request the execution, and return the HTTP status of the response."""
        return self.get()[0].status

    def exchange(self, request: bytes) -> tuple[bytes, bytes, Ending]:
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
    """The threads, sockets and files that this process has when it is created. Those of another test may end later."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._sockets = _open_sockets()
        self._files = _open_files()

    def assert_nothing_new(self) -> None:
        """Fail when there are more of them now."""
        assert set(threading.enumerate()) - self._threads == set()
        assert set(_open_sockets()) - set(self._sockets) == set()
        assert _open_files() - self._files == set()

    def connection_threads(self) -> list[threading.Thread]:
        """Return the new threads that serve a connection."""
        new = set(threading.enumerate()) - self._threads
        return [thread for thread in new if thread.name == "LocalCodePipeline connection"]


def _open_sockets() -> WeakSet[socket.socket]:
    gc.collect()
    return WeakSet(known for known in gc.get_objects() if type(known) is socket.socket and known.fileno() != -1)


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
