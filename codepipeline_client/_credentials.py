"""
Where keys come from, and when it is time for others.

How fresh keys are is a pure rule. A refresh runs in a thread that no call owns, one at a time, and all who need it
share its future. Nothing here waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from math import inf
from threading import Thread
from typing import TYPE_CHECKING

from attrs import evolve

from ._discretion import because
from ._freshness import Freshness, Held
from ._key_sources import (
    AsyncCredentialsLike,
    AsyncCredentialsProvider,
    CredentialsLike,
    CredentialsProvider,
    flaws,
    source_of,
)
from ._message import Credentials
from ._refreshes import Refresh, Refreshes
from .errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from anyio.lowlevel import EventLoopToken

__all__ = [
    "AsyncCredentialsLike",
    "AsyncCredentialsProvider",
    "CredentialsCache",
    "CredentialsLike",
    "CredentialsProvider",
    "Freshness",
    "Held",
]


class CredentialsCache:
    """
    The keys of one source. Threads, event loops and forked processes may share it.

    Raises ConfigurationError when *credentials* are nothing to get keys from.
    """

    def __init__(
        self,
        credentials: object,
        *,
        profile_name: str | None = None,
        region_name: str | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        allow_async: bool,
    ) -> None:
        source = source_of(credentials, profile_name, region_name, now, allow_async=allow_async)
        if isinstance(source, str):
            del credentials  # perhaps bare keys, which must not show among the variables of a traceback
            raise ConfigurationError(source)
        self._source = source
        self._now = now
        self._monotonic = monotonic  # the machine's, whatever the client's clock is: a thread hangs in real time
        self._held: Held | None = None
        self._refreshes: dict[int, Refreshes] = {}
        self._is_closed = False

    def lease(self) -> Credentials | Future[Credentials]:
        """Return keys to sign with, or those to come. Raises CredentialsError. Async: call it on the event loop."""
        held = self._held
        freshness = Freshness.DUE if held is None else held.freshness(self._now())
        if held is None or freshness is Freshness.DUE:
            return self._refreshed(held)
        if freshness is Freshness.AGING:
            self._refreshed(held)
        return held.credentials

    def renew(self, stale: Credentials) -> Credentials | Future[Credentials]:
        """Return other keys than *stale*, which the service calls expired. CredentialsError when there are none."""
        with self._here().lock:
            if self._held is not None and _keys(self._held.credentials) == _keys(stale):
                self._held = self._held._replace(ends=-inf)
        found = self.lease()
        if isinstance(found, Credentials):
            return _returned(self._changed(found, stale))
        renewal = Refresh()
        found.add_done_callback(lambda done: renewal.settle(done.exception() or self._changed(done.result(), stale)))
        return renewal

    def close(self) -> None:
        """Let those fail who wait for keys: they are not wanted any more."""
        here = self._here()
        with here.lock:
            self._is_closed = True
            waited_for = here.take_all()
        for refresh in waited_for:
            refresh.settle(_not_wanted())

    def _changed(self, found: Credentials, stale: Credentials) -> Credentials | CredentialsError:
        if _keys(found) != _keys(stale):
            return found
        name = self._source.name
        return CredentialsError(
            f"the service calls the credentials expired, and {name} gives no others: renew them there"
        )

    def _here(self) -> Refreshes:
        # By process: a fork's child has neither the parent's threads, nor whoever would release its locks.
        return self._refreshes.setdefault(os.getpid(), Refreshes())

    def _refreshed(self, seen: Held | None) -> Credentials | Future[Credentials]:
        here = self._here()
        ready = self._source.at_once()
        if ready is not None:
            with here.lock:
                outcome = self._kept(ready)
            return _returned(outcome)
        loop = _current_loop() if self._source.is_per_loop else None
        with here.lock:
            held = self._held
            if held is not None and held is not seen and held.ends > self._now():
                return held.credentials  # a refresh has ended since the caller looked
            if self._is_closed:
                raise _not_wanted()
            return here.under_way(loop, self._monotonic()) or self._started(here, loop)

    def _started(self, here: Refreshes, loop: EventLoopToken | None) -> Future[Credentials]:
        refresh = Refresh(self._monotonic())
        run = Thread(target=self._run, args=(refresh, here, loop), name="codepipeline_client-credentials", daemon=True)
        try:
            run.start()
        except RuntimeError as error:  # no thread to be had, or the interpreter is ending
            refresh.settle(self._kept(because("no thread could be started to fetch credentials", error)))
        else:
            here.begin(refresh, loop)
        return refresh

    def _run(self, refresh: Refresh, here: Refreshes, loop: EventLoopToken | None) -> None:
        try:
            fetched = self._source.ask(loop)
            with here.lock:
                here.end(refresh, loop)
                outcome = self._kept(fetched)
        except BaseException as error:  # noqa: BLE001 — a clock that fails, a failure that fails to tell its message
            error.__cause__ = error.__context__ = None
            outcome = because("the refresh of the credentials broke off", error.with_traceback(None))
        refresh.settle(outcome)

    def _kept(self, fetched: object) -> Credentials | CredentialsError:
        """Keep what was fetched. Where that is nothing to use, the keys at hand do until they end."""
        held, now = self._held, self._now()
        usable = _usable(fetched, self._source.name, now)
        if isinstance(usable, Held):
            self._held = usable
            return usable.credentials
        if held is None or held.ends <= now:
            return usable
        if not _was_cut_off(usable):
            self._held = held._replace(tried=now)
        return held.credentials


def _current_loop() -> EventLoopToken:
    from anyio.lowlevel import current_token

    return current_token()


def _usable(fetched: object, name: str, now: float) -> Held | CredentialsError:
    """Return what was fetched as keys to hold; an error, which shows none of it, when it cannot be used."""
    if isinstance(fetched, CredentialsError):
        return fetched
    if not isinstance(fetched, Credentials):
        return CredentialsError(f"{name} gave a {type(fetched).__name__}, not Credentials of codepipeline_client")
    wrong = flaws(fetched)
    if wrong:
        return CredentialsError(f"{name} gave credentials that cannot be used: {'; '.join(wrong)}")
    ends = inf if fetched.expires_at is None else fetched.expires_at.timestamp()
    if ends <= now:
        return CredentialsError(
            f"{name} gave credentials that ended at {fetched.expires_at}: get new ones, or correct this machine's clock"
        )
    return Held(credentials=fetched, ends=ends, tried=now)


def _keys(credentials: Credentials) -> Credentials:
    """Return *credentials* without their end, to compare: a source may tell it anew for the same keys."""
    return evolve(credentials, expires_at=None)


def _not_wanted() -> CredentialsError:
    return CredentialsError("the credentials are not wanted any more: their client was closed")


def _returned(outcome: Credentials | CredentialsError) -> Credentials:
    if isinstance(outcome, CredentialsError):
        raise outcome
    return outcome


def _was_cut_off(error: CredentialsError) -> bool:
    """True when a fetch did not fail, but was not let finish: its event loop ended, say."""
    cause = error.__cause__
    return isinstance(cause, CancelledError) or not isinstance(cause, Exception | None)
