"""
What an endpoint received, as far back as it is kept.

Shared by the threads of the endpoint and of its tests.
"""

from __future__ import annotations

from collections import deque
from threading import Lock

from .._arguments import count_of
from .received import ReceivedRequest


class Journal:
    """The last requests, the oldest first."""

    def __init__(self, *, max_requests: int) -> None:
        self._lock = Lock()
        self._received: deque[ReceivedRequest] = deque(maxlen=count_of("max_requests", max_requests))

    @property
    def received(self) -> tuple[ReceivedRequest, ...]:
        """What was written and is still kept."""
        with self._lock:
            return tuple(self._received)

    def write(self, received: ReceivedRequest) -> None:
        """Keep a request, and forget the oldest one when there are too many."""
        with self._lock:
            self._received.append(received)

    def clear(self) -> None:
        """Forget every request."""
        with self._lock:
            self._received.clear()
