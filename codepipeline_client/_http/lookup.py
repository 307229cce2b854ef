"""
Look up the addresses of a host, each lookup in a daemon thread: one that hangs can be left alone.

Opens no connection.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias, TypeVar

from .._threads import SharedFuture, run_in_thread

T = TypeVar("T")

Addresses: TypeAlias = list[tuple[int, tuple[str, int]]]
"""Each with its address family."""

_STUCK_AFTER: Final = 5.0
"""Seconds after which another lookup of the same host is begun: resolvers ask the next server after five."""


class Lookups:
    """The lookups of one process. The same host is looked up once at a time, for all that ask."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._running: dict[tuple[str, int], tuple[SharedFuture[Addresses], float, float]] = {}

    def find(self, host: str, port: int) -> Addresses | SharedFuture[Addresses]:
        """
        Return the addresses, at once for a host that is an address.

        A lookup that is stuck is replaced by another one, each time after twice as long, so that few threads hang.
        Raises OSError when no thread can be started.
        """
        with suppress(OSError):
            return look_up(host, port, socket.AI_NUMERICHOST)
        key, now = (host, port), self._monotonic()
        running, began, patience = self._running.get(key, (None, now, _STUCK_AFTER / 2))
        if running is not None and now - began < patience:
            return running
        found = in_thread(partial(look_up, host, port))
        self._running[key] = found, now, patience * 2  # two threads at once only mean two lookups
        found.add_done_callback(lambda _: self._running.pop(key, None))
        return found


def in_thread(work: Callable[[], T]) -> SharedFuture[T]:
    """Run *work* in a thread of its own. Raises OSError when no thread can be started."""
    try:
        return run_in_thread(work, name="codepipeline_client")
    except RuntimeError as error:
        raise OSError(f"no thread could be started: {error}") from error


def look_up(host: str, port: int, flags: int = 0) -> Addresses:
    """Ask the system's resolver. Raises gaierror."""
    # As bytes, since Python loads its tables of international names for a text; ours are in ASCII already.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=flags)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
    return [(family, (str(address[0]), port)) for family, _, _, _, address in found]
