"""
A lock that neither a fork nor an interrupt leaves locked for ever.
"""

from __future__ import annotations

import os
from threading import Lock


class ProcessLock:
    """
    One lock for each process: a forked child has no thread that would release what a thread of the parent held.

    Call it for the lock of this process. That is Python's own, since an exception that a signal handler raises may
    come between the statements of an ``__enter__`` in Python, and then nothing would release the lock.
    """

    __slots__ = ("_locks",)

    def __init__(self) -> None:
        self._locks = {os.getpid(): Lock()}

    def __call__(self) -> Lock:
        """Return the lock, for a ``with`` statement."""
        own = os.getpid()
        lock = self._locks.get(own)
        return self._locks.setdefault(own, Lock()) if lock is None else lock
