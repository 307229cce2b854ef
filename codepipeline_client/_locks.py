"""
A lock that a fork cannot leave locked for ever.

In a forked child there is no thread that would release what another thread of the parent held.
"""

from __future__ import annotations

import os
from threading import Lock
from types import TracebackType


class ProcessLock:
    """One lock for each process."""

    __slots__ = ("_locks",)

    def __init__(self) -> None:
        self._locks = {os.getpid(): Lock()}

    def __enter__(self) -> None:
        own = os.getpid()
        lock = self._locks.get(own)
        if lock is None:
            lock = self._locks.setdefault(own, Lock())
        lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._locks[os.getpid()].release()
