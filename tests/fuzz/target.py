"""
The function that is fuzzed: from the bytes on a connection to a typed output or a typed error.

A client calls over the engine, and the bytes are there as soon as its request is. So each input runs the pool, the
parser, the decoding, the errors, and the next call over the same connection. Nothing waits: a thousand inputs run
each second. `__main__` runs this function under a fuzzer, and the suite runs it on inputs of its own.
"""

from __future__ import annotations

import json
import pickle
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from math import ceil
from typing import Any, Final
from unittest.mock import patch

from codepipeline_client import CodePipelineClient, Credentials, GetPipelineExecutionOutput, errors
from codepipeline_client._http.connection import Connection

from ..endpoint import INPUT, Outcome, outcome_of

TOKEN: Final = "a-token-that-nobody-may-see"
CREDENTIALS: Final = Credentials(access_key_id="AKID", secret_access_key="not-to-be-seen", session_token=TOKEN)
EXECUTION: Final = {
    "pipelineName": INPUT["pipeline_name"],
    "pipelineExecutionId": INPUT["pipeline_execution_id"],
    "status": "Succeeded",
    "pipelineVersion": 3,
}
GOOD_BODY: Final = json.dumps({"pipelineExecution": EXECUTION}).encode()
GOOD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(GOOD_BODY), GOOD_BODY)
"""A response that every call must be able to read, whatever came before."""
MAX_LENGTH: Final = 128 * 1024
"""Bytes of an input at most, so that a socket's buffer holds them."""
MAX_SECONDS: Final = 1.0
"""How long an input may take."""


def describe(outcome: Outcome) -> str:
    """Return all that the outcome of one attempt says: it can be encoded and pickled, and holds no secret."""
    if isinstance(outcome, GetPipelineExecutionOutput):
        assert outcome.response_metadata.attempts == 1
        text = repr(outcome.pipeline_execution)
    else:
        assert not isinstance(outcome, errors.RequestTimeoutError), "all was sent, and the connection closed"
        assert outcome.attempts == 1
        text = f"{type(outcome).__name__}: {outcome}"
        assert TOKEN not in text
        if isinstance(outcome, errors.ServiceError):
            text += f" {outcome.code} {outcome.message} {outcome.request_id}"
    text.encode()
    pickle.loads(pickle.dumps(outcome))
    return text


def encode(content: bytes, pieces: int = 1) -> bytes:
    """Return the input that has *content* come in so many pieces, 255 at most."""
    return bytes([pieces]) + content


class Target(ExitStack):
    """A client, and what is checked of each of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self._response, self._pieces = GOOD, 1
        self._socket, self._peer = socket.socketpair()

        def connect(connection: Any, *_: object) -> None:
            connection._socket = self._connect()

        self.enter_context(patch.object(Connection, "open", connect))
        self.callback(self._close)
        client = CodePipelineClient(
            region_name="eu-west-1",
            endpoint_url="http://127.0.0.1:1",
            credentials=CREDENTIALS,
            retry_mode="off",
            max_connections=1,
        )
        self._client = self.enter_context(client)

    def check(self, data: bytes) -> Outcome:
        """Return what a call ends with when it gets *data*, in time; the next call ends well in any case."""
        outcome, seconds = self._run(data)
        if seconds > MAX_SECONDS:  # the garbage collector may have come in, which it hardly does twice
            outcome, seconds = self._run(data)
        assert seconds <= MAX_SECONDS, f"{seconds:.1f} s"
        return outcome

    def _run(self, data: bytes) -> tuple[Outcome, float]:
        began = time.process_time()
        self._response, self._pieces = data[1 : MAX_LENGTH + 1], data[0] if data else 1
        outcome = outcome_of(self._client)
        describe(outcome)
        if self._socket.fileno() != -1:  # it is kept for the next call
            self._response, self._pieces = GOOD, 1
            after = outcome_of(self._client)
            assert isinstance(after, GetPipelineExecutionOutput), after
            assert after.raw == json.loads(GOOD_BODY), "the response to another request"
            self._socket.close()
        return outcome, time.process_time() - began

    def _connect(self) -> socket.socket:
        self._close()
        ours, self._peer = socket.socketpair()
        self._peer.settimeout(10)
        self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_LENGTH)
        self._socket = PreparedSocket(ours.detach(), self._respond)
        return self._socket

    def _respond(self) -> list[int]:
        """Send the response, and return the lengths of the pieces that it is to be read in."""
        self._peer.sendall(self._response)
        size = len(self._response)
        length = max(1, ceil(size / max(1, self._pieces)))
        return [length] * ceil(size / length)

    def _close(self) -> None:
        self._socket.close()
        self._peer.close()


class PreparedSocket(socket.socket):
    """A socket over which a response has come as soon as a request was sent, in pieces, followed by its end."""

    def __init__(self, fileno: int, respond: Callable[[], list[int]]) -> None:
        super().__init__(fileno=fileno)
        self._respond = respond
        self._lengths: list[int] = []

    def sendall(self, data: object, flags: int = 0, /) -> None:
        """Send nothing, and have the response come."""
        self._lengths = self._respond()

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Return the next piece, or what of it there is room for, and nothing at the end."""
        length = self._lengths.pop() if self._lengths else 0
        if length > bufsize:
            self._lengths.append(length - bufsize)
        return super().recv(min(length, bufsize), flags)
