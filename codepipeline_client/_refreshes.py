"""
Keys to come: who fetches them, for whom, and since when.

Neither fetches nor waits.
"""

from __future__ import annotations

import copy
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Final

from ._message import Credentials

if TYPE_CHECKING:
    from anyio.lowlevel import EventLoopToken

_STALLED: Final = 300.0


class Refresh(Future[Credentials]):
    """Keys to come. No waiter can cancel it, and each gets an error of its own, to raise and to write on."""

    def __init__(self, began: float = 0.0) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self.began: Final = began
        """When it was asked for, in seconds that never run backwards."""

    def settle(self, outcome: Credentials | BaseException) -> None:
        """Give the keys, or say why there are none. Who comes second is not heard."""
        with suppress(InvalidStateError):
            if isinstance(outcome, BaseException):
                self.set_exception(outcome)
            else:
                self.set_result(outcome)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return why there are none, when it is known."""
        error = super().exception(timeout)
        return error and _twin(error)

    def result(self, timeout: float | None = None) -> Credentials:
        """Return the keys, when they are there."""
        error = super().exception(timeout)
        if error is not None:
            raise _twin(error)
        return super().result()


class Refreshes:
    """What is under way in one process: a refresh, or one on each event loop of a provider that may be async."""

    def __init__(self) -> None:
        self.lock: Final = Lock()
        self._under_way: dict[EventLoopToken | None, Refresh] = {}
        self._stalled = 0

    def under_way(self, loop: EventLoopToken | None, now: float) -> Refresh | None:
        """
        Return the refresh to wait for. None when there is none, or when it has hung for minutes: then start another.

        The more of them hang, the longer the next one may, so that a source that answers nobody keeps few threads.
        """
        refresh = self._under_way.get(loop)
        if refresh is None or refresh.done():
            return None
        if now - refresh.began < _STALLED * 2**self._stalled:
            return refresh
        self._stalled += 1
        return None

    def begin(self, refresh: Refresh, loop: EventLoopToken | None) -> None:
        """Take note that a refresh has begun."""
        self._under_way[loop] = refresh

    def end(self, refresh: Refresh, loop: EventLoopToken | None) -> None:
        """Take note that a refresh is over: the source answers."""
        self._stalled = 0
        if self._under_way.get(loop) is refresh:
            del self._under_way[loop]

    def take_all(self) -> tuple[Refresh, ...]:
        """Return all that are under way, and forget them."""
        taken = tuple(self._under_way.values())
        self._under_way.clear()
        return taken


def _twin(error: BaseException) -> BaseException:
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
