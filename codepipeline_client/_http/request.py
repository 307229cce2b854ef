"""
One request: its bytes, and how long each of its steps may take.

No I/O. The limits are httpx's timeouts, none of them longer than what is left of the whole call.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import inf
from typing import Final

import anyio
import httpx

from ..clock import DEADLINE, Deadline

_TIMEOUTS: Final[dict[str, type[httpx.TimeoutException]]] = {
    "pool": httpx.PoolTimeout,
    "connect": httpx.ConnectTimeout,
    "write": httpx.WriteTimeout,
    "read": httpx.ReadTimeout,
    "call": httpx.ReadTimeout,
}


class RequestBytes(bytes):
    """A request as it is sent. Its repr hides it, since a traceback may show local variables."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return no part of the request."""
        return f"<RequestBytes: {len(self)} bytes>"


def encode(method: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes = b"") -> RequestBytes:
    """Return a request as bytes. Raises LocalProtocolError when a header would end the line that it is on."""
    line = b"%b %b HTTP/1.1" % (method.encode("ascii"), target)
    head, breaks = RequestBytes(b"\r\n".join([line, *map(b": ".join, headers), b"\r\n"])), len(headers) + 2
    if head.count(b"\r") != breaks or head.count(b"\n") != breaks or head.count(b"\0"):
        raise httpx.LocalProtocolError("a header of the request contains a line break or a NUL")
    return RequestBytes(head + body)


class StepTimer:
    """The time limits of one request, which goes from step to step: "pool", "connect", "write", "read"."""

    __slots__ = ("_call_ends", "_ends", "_scope", "_timeouts", "step")

    def __init__(self, request: httpx.Request, scope: anyio.CancelScope | None = None) -> None:
        """For a task, *scope* is the one cancel scope of the request: its deadline is moved from step to step."""
        deadline = request.extensions.get(DEADLINE)
        self._timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        self._call_ends = time.monotonic() + deadline.left() if isinstance(deadline, Deadline) else inf
        self._scope = scope
        self.begin("read")

    def begin(self, step: str) -> None:
        """Give *step* its time from now. The step "call" has no limit but the whole call's."""
        limit = self._timeouts.get(step)
        self.step = step
        self._ends = self._call_ends if limit is None else min(self._call_ends, time.monotonic() + limit)
        if self._scope is not None:
            self._scope.deadline = inf if self._ends == inf else anyio.current_time() + self._ends - time.monotonic()

    def timeout(self, among: int = 1) -> float | None:
        """Return the seconds that are left for each of so many: None without a limit. Raises TimeoutError."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return None if left == inf else left / among

    def timeouts(self) -> dict[str, float | None]:
        """Return httpx's timeouts for a request that is sent now. Raises TimeoutError when the time is over."""
        timeouts: dict[str, float | None] = {}
        for step in ("connect", "write", "pool", "read"):
            self.begin(step)
            timeouts[step] = self.timeout()
        self.begin("call")
        return timeouts

    def failure(self, error: TimeoutError) -> httpx.TimeoutException:
        """Return the error of a step that took too long. A mock may have given *error* words of its own."""
        return _TIMEOUTS[self.step](str(error) if self.step == "call" else "")
