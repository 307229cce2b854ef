"""
Credentials in memory, and when they are refreshed.

One refresh at a time serves all callers. It has its own thread: a cancelled caller cancels no other, and an early
refresh delays no call.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import datetime
from math import inf
from typing import Final, NamedTuple, cast

import anyio
from attrs import evolve

from .._protocol.sigv4 import Credentials
from .._threads import ProcessLock, SharedFuture, monotonic, run_in_thread, wait
from ..errors import ConfigurationError, CredentialsError
from .providers import provider_of

_ADVISORY_WINDOW: Final = 15 * 60.0
"""Seconds before the expiry from which a refresh is due in the background, as in botocore."""
_MANDATORY_WINDOW: Final = 10 * 60.0
"""Seconds before the expiry from which callers wait for it."""
_RETRY_INTERVAL: Final = 30.0
_PATIENCE: Final = 300.0
_CLOSED: Final = "the client was closed while credentials were being fetched"


class FetchedCredentials(NamedTuple):
    """Credentials in the cache. All times are in seconds since the epoch."""

    credentials: Credentials
    expires: float
    """Infinite if they do not expire."""
    tried: float
    """When they were fetched, or when the last refresh failed."""

    def are_fresh(self, now: float) -> bool:
        """Return whether no refresh is due. Until they expire, refreshes have a minimum interval."""
        left = self.expires - now
        return left >= _ADVISORY_WINDOW or (left > 0 and 0 <= now - self.tried < _RETRY_INTERVAL)


class _Refresh(SharedFuture[Credentials]):
    """A refresh in progress. Waits for it are in a ``with`` statement."""

    started = -inf
    patience = 1.0
    """Seconds after which it is started again, if an exception of a signal handler kept it from running or it hangs."""

    def __init__(self, loop: anyio.lowlevel.EventLoopToken | None) -> None:
        super().__init__()
        self.loop = loop
        self._had_echo = _has_echo()

    def __enter__(self) -> None:
        """Begin to wait."""

    def __exit__(self, *exc_info: object) -> None:
        """Turn the echo on again when a wait fails: a source that asks for an MFA code has turned it off."""
        if self._had_echo and exc_info[0] is not None:  # a timeout, Ctrl-C, a cancellation
            _has_echo(turn_on=True)


class CachedCredentials:
    """The credentials of one source, for all threads, event loops and forked processes that use it."""

    def __init__(
        self,
        source: object,
        *,
        profile_name: str | None = None,
        region_name: str | None = None,
        now: Callable[[], float],
        allow_async: bool,
    ) -> None:
        provider = provider_of(source, profile_name, region_name, now, allow_async=allow_async)
        if isinstance(provider, ConfigurationError):
            del source  # may be bare secrets, which must not be among the variables of the traceback
            raise provider
        self._provider: Final = provider
        self._now: Final = now
        self._lock: Final = ProcessLock()
        self._cached: FetchedCredentials | None = None
        self._refreshes: dict[tuple[int, anyio.lowlevel.EventLoopToken | None], _Refresh] = {}
        """By process, since a forked child has none of its parent's threads, and by event loop for async providers."""
        self._is_closed = False

    def fresh(self) -> Credentials | None:
        """Return the cached credentials. None without any, or if a refresh is due. Never waits, takes no lock."""
        cached = self._cached
        return cached.credentials if cached and cached.are_fresh(self._now()) else None

    def get(self, stale: Credentials | None = None, timeout: float | None = None) -> Credentials:
        """
        Return credentials to sign with, for threads. Waits for a refresh if one is due, *timeout* seconds at most.

        Never returns the *stale* ones, which the service rejected as expired. Raises CredentialsError or TimeoutError.
        """
        found = self._find(stale, None)
        if isinstance(found, _Refresh):
            with found:  # which turns the echo on again if the wait fails
                found = found.result(timeout)
        return self._unless_stale(found, stale)

    async def get_async(self, stale: Credentials | None = None, timeout: float | None = None) -> Credentials:
        """Return the same, for tasks on asyncio or trio."""
        found = self._find(stale, anyio.lowlevel.current_token() if self._provider.is_custom else None)
        if isinstance(found, _Refresh):
            with found, anyio.fail_after(timeout):
                found = await wait(found)
        return self._unless_stale(found, stale)

    def close(self) -> None:
        """Fetch nothing more. Callers that wait get a CredentialsError at once."""
        with self._lock():
            self._is_closed = True
            refreshes = [refresh for (pid, _), refresh in self._refreshes.items() if pid == os.getpid()]
        for refresh in refreshes:
            refresh.settle(CredentialsError(_CLOSED))

    def _find(self, stale: Credentials | None, loop: anyio.lowlevel.EventLoopToken | None) -> Credentials | _Refresh:
        with self._lock():
            cached = self._cached
            if cached and stale and _sign_alike(cached.credentials, stale):
                cached = self._cached = cached._replace(expires=-inf)
            now = self._now()
            if cached and cached.are_fresh(now):
                return cached.credentials
            immediate = self._provider.call_at_once()
            if immediate is not None:
                return self._keep(immediate)
            if self._is_closed:
                raise CredentialsError(_CLOSED)
            self._refreshes = {each: known for each, known in list(self._refreshes.items()) if not known.done()}
            key, moment = (os.getpid(), loop), monotonic()
            refresh = self._refreshes[key] = self._refreshes.get(key) or _Refresh(loop)
            must_start = moment - refresh.started >= refresh.patience  # it is new, or it hangs
            if must_start:
                refresh.started = moment
        if must_start:  # without the lock: under gevent, to start a thread is to switch to one that may want the lock
            try:
                run_in_thread(lambda: self._run(refresh, self._provider.fetch), name="codepipeline_client-credentials")
            except RuntimeError as error:  # a limit of the system, or the interpreter is ending
                failure = CredentialsError(f"no thread could be started to fetch credentials: {error}")
                self._run(refresh, lambda _: failure)
        return cached.credentials if cached and cached.expires - now >= _MANDATORY_WINDOW else refresh

    def _run(self, refresh: _Refresh, fetch: Callable[[anyio.lowlevel.EventLoopToken | None], object]) -> None:
        refresh.patience = max(_PATIENCE, 2 * refresh.patience)  # since each start costs a thread
        try:
            fetched = fetch(refresh.loop)
            with self._lock():
                found = self._keep(fetched)
            refresh.settle(found)
        except BaseException as error:  # noqa: BLE001 - callers wait for the outcome
            refresh.settle(error.with_traceback(None))

    def _keep(self, fetched: object) -> Credentials:
        """Put what was fetched into the cache. If it is unusable, the cached credentials are used until they expire."""
        now, cached = self._now(), self._cached
        usable = _validated(fetched, self._provider.name, now)
        if isinstance(usable, CredentialsError):
            if cached is None or cached.expires <= now:
                raise usable
            usable = cached._replace(tried=now)
        self._cached = usable
        return usable.credentials

    def _unless_stale(self, found: Credentials, stale: Credentials | None) -> Credentials:
        if stale and _sign_alike(found, stale):
            raise CredentialsError(
                f"the service rejected the credentials as expired, and {self._provider.name} returned the same ones: "
                "renew them"
            )
        return found


def _validated(fetched: object, name: str, now: float) -> FetchedCredentials | CredentialsError:
    """Return what the provider of that *name* gave, for the cache. An error, which shows none of it, if unusable."""
    if isinstance(fetched, CredentialsError):
        return fetched
    if not isinstance(fetched, Credentials):
        return CredentialsError(f"{name} returned {type(fetched).__name__}, not codepipeline_client.Credentials")
    expires_at = cast("object", fetched.expires_at)  # of any type, as the others
    fields: dict[str, object] = {"access_key_id": fetched.access_key_id, "secret_access_key": fetched.secret_access_key}
    if fetched.session_token is not None:
        fields["session_token"] = fetched.session_token
    problems = [
        f"{field} must be visible ASCII without spaces, and not empty"
        for field, text in fields.items()
        if not isinstance(text, str) or not re.fullmatch("[!-~]+", text)
    ]
    expires = expires_at.timestamp() if isinstance(expires_at, datetime) and expires_at.utcoffset() is not None else inf
    if expires == inf and expires_at is not None:
        problems.append("expires_at must be a datetime with a time zone, or None")
    if problems:
        return CredentialsError(f"{name} gave credentials that cannot be used: {'; '.join(problems)}")
    if expires <= now:
        return CredentialsError(
            f"{name} gave credentials that expired at {expires_at}: get new ones, or correct this machine's clock"
        )
    return FetchedCredentials(fetched, expires, tried=now)


def _sign_alike(credentials: Credentials, others: Credentials) -> bool:
    """Return whether they differ at most in the expiry: a source may tell another one each time."""
    return evolve(credentials, expires_at=None) == evolve(others, expires_at=None)


def _has_echo(*, turn_on: bool = False) -> bool:
    """Return whether this process has a terminal that shows what is typed. With *turn_on*, it does so from now on."""
    try:
        import termios  # not on Windows, where a prompt does not change the terminal

        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except (ImportError, OSError):
        return False
    try:
        attributes = termios.tcgetattr(terminal)
        is_on = bool(attributes[3] & termios.ECHO)
        # To change it from the background would stop the process.
        if turn_on and not is_on and os.tcgetpgrp(terminal) == os.getpgrp():
            attributes[3] |= termios.ECHO
            termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        return is_on
    except (OSError, termios.error):  # it has hung up
        return False
    finally:
        os.close(terminal)
