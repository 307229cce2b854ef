"""
Credentials in memory, and who refreshes them.

One refresh at a time serves all callers that need it. It runs in a thread of its own, so a caller that is cancelled or
times out cancels nobody else's, and an early refresh delays no call.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable
from math import inf
from threading import RLock
from typing import Final, TypeAlias

from anyio.lowlevel import EventLoopToken, current_token
from attrs import Factory, define, evolve

from .._protocol.sigv4 import Credentials
from .._threads import SharedFuture, run_in_thread, wait
from ..errors import CredentialsError
from .expiry import ExpiryState, FetchedCredentials
from .providers import Provider, provider_of, validated
from .redaction import credentials_error, redact

_Outcome: TypeAlias = Credentials | CredentialsError

_HANGS_AFTER: Final = 300.0
_CLOSED: Final = CredentialsError("the client was closed while credentials were being fetched")


class CachedCredentials:
    """
    The credentials of one source. Threads, event loops and forked processes may share it.

    Raises ConfigurationError if nothing can be fetched from *source*. *monotonic* is real time even where *now* is
    not: it tells how long a fetch hangs.
    """

    def __init__(
        self,
        source: object,
        *,
        profile_name: str | None = None,
        region_name: str | None = None,
        now: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
        allow_async: bool,
    ) -> None:
        provider = provider_of(source, profile_name, region_name, now, allow_async=allow_async)
        if not isinstance(provider, Provider):
            del source  # may be bare secrets, which must not be among the variables of the traceback
            raise provider
        self._provider: Final = provider
        self._now: Final = now
        self._monotonic: Final = monotonic
        self._cached: FetchedCredentials | None = None
        self._processes: dict[int, _Process] = {}
        self._is_closed = False

    def fresh(self) -> Credentials | None:
        """Return the cached credentials. None if a refresh is due, or there are none. Never waits, takes no lock."""
        cached = self._cached
        return cached.credentials if cached and cached.state(self._now()) is ExpiryState.FRESH else None

    def get(self, *, stale: Credentials | None = None, timeout: float | None = None) -> Credentials:
        """
        Return credentials to sign with, for threads. Waits for a refresh if one is due, *timeout* seconds at most.

        *stale* are credentials that the service just called expired: others are returned. Raises CredentialsError
        if there are none, TimeoutError if they do not come in time.
        """
        found = self._find(stale, None)
        return self._checked(found.result(timeout) if isinstance(found, SharedFuture) else found, stale)

    async def get_async(self, *, stale: Credentials | None = None) -> Credentials:
        """Return credentials to sign with, for tasks on asyncio or trio. As `get`, but the caller limits the time."""
        loop = None
        if self._provider.may_be_async:
            loop = current_token()
        found = self._find(stale, loop)
        return self._checked(await wait(found) if isinstance(found, SharedFuture) else found, stale)

    def close(self) -> None:
        """Fetch nothing more. Callers that wait get a CredentialsError at once."""
        process = self._process()
        with process.lock:
            self._is_closed = True
            refreshes = list(process.refreshes.values())
        for refresh in refreshes:
            refresh.outcome.settle(_CLOSED)

    def _find(self, stale: Credentials | None, loop: EventLoopToken | None) -> _Outcome | SharedFuture[_Outcome]:
        """Return the credentials, or the outcome of a refresh to wait for."""
        process = self._process()
        with process.lock:
            cached = self._cached
            if cached and stale and _sign_alike(cached.credentials, stale):
                cached = self._cached = cached._replace(expires=-inf)
            state = cached.state(self._now()) if cached else ExpiryState.MANDATORY
            if cached and state is ExpiryState.FRESH:
                return cached.credentials
            immediate = self._provider.call_at_once()
            if immediate is not None:
                return self._kept(immediate)
            if self._is_closed:
                return _CLOSED
            refresh, must_start = process.join(loop, self._monotonic())
        if must_start:  # without the lock: under gevent, to start a thread is to switch to one that may want the lock
            try:
                run_in_thread(lambda: self._run(refresh, self._provider.fetch), name="codepipeline_client-credentials")
            except RuntimeError as error:  # a limit of the system, or the interpreter is ending
                failure = credentials_error(
                    "no thread could be started to fetch credentials", error.with_traceback(None)
                )
                self._run(refresh, lambda _: failure)
        return cached.credentials if cached and state is ExpiryState.ADVISORY else refresh.outcome

    def _run(self, refresh: _Refresh, fetch: Callable[[EventLoopToken | None], object]) -> None:
        process = self._process()
        try:
            fetched = fetch(refresh.loop)
            with process.lock:
                outcome = self._kept(fetched)
        except BaseException as error:  # noqa: BLE001 - the user's clock may fail, and callers wait for the outcome
            outcome = credentials_error("the refresh of the credentials broke off", redact(error))
        with process.lock:
            if process.refreshes.get(refresh.loop) is refresh:
                del process.refreshes[refresh.loop]
        refresh.outcome.settle(outcome)

    def _kept(self, fetched: object) -> _Outcome:
        """Put what was fetched into the cache. If it is unusable, the cached credentials are used until they expire."""
        now, cached = self._now(), self._cached
        usable = validated(fetched, self._provider.name, now)
        if isinstance(usable, FetchedCredentials):
            self._cached = usable
            return usable.credentials
        if cached and cached.expires > now:
            self._cached = cached._replace(tried=now)
            return cached.credentials
        return usable

    def _checked(self, outcome: _Outcome, stale: Credentials | None) -> Credentials:
        if isinstance(outcome, CredentialsError):
            # A copy for each caller: a shared error would collect the frames and the fields of all.
            raise copy.copy(outcome) from outcome.__cause__
        if stale and _sign_alike(outcome, stale):
            raise CredentialsError(
                f"the service calls the credentials expired, and {self._provider.name} gives no others: "
                "renew them there"
            )
        return outcome

    def _process(self) -> _Process:
        # A forked child has neither its parent's threads, nor one that would release the locks they held.
        return self._processes.setdefault(os.getpid(), _Process())


@define(eq=False)
class _Refresh:
    """A refresh in progress."""

    loop: EventLoopToken | None
    """The event loop that it depends on, if any."""
    began: float
    attempts: int = 1
    outcome: SharedFuture[_Outcome] = Factory(SharedFuture[_Outcome])


class _Process:
    """The refreshes of one process: one for all callers, or one for each event loop if the provider may need it."""

    def __init__(self) -> None:
        self.lock = RLock()  # reentrant, since a signal handler may close the cache
        self.refreshes: dict[EventLoopToken | None, _Refresh] = {}

    def join(self, loop: EventLoopToken | None, now: float) -> tuple[_Refresh, bool]:
        """
        Return the refresh to wait for, and whether the caller must start it.

        One that hangs is started again after some minutes. The minutes double each time, so that a source that never
        responds occupies few threads.
        """
        refresh = self.refreshes.get(loop)
        if refresh is None:
            refresh = self.refreshes[loop] = _Refresh(loop, now)
        elif now - refresh.began < _HANGS_AFTER * 2 ** (refresh.attempts - 1):
            return refresh, False
        else:
            refresh.began, refresh.attempts = now, refresh.attempts + 1
        return refresh, True


def _sign_alike(credentials: Credentials, others: Credentials) -> bool:
    """Return whether they differ at most in the expiry: a source may tell another one each time."""
    return evolve(credentials, expires_at=None) == evolve(others, expires_at=None)
