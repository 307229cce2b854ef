"""What the tests of credentials share: sources, clocks, planted secrets, and where secrets could show."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from math import inf
from typing import Final

import anyio
from attrs import Factory, define

from codepipeline_client import Credentials
from codepipeline_client._credentials.cache import CachedCredentials

NOW: Final = 1_800_000_000.0
MINUTE: Final = 60.0
LIMIT: Final = 30.0
"""How long a test waits for what should come at once, in seconds."""

SECRET: Final = "Pl4ntedSecretKey+AbCdEfGhIjKlMnOpQrStUv/"
TOKEN: Final = "Pl4ntedSessionToken" + 6 * "ZyXwVuTsRqPoNmLkJiHg9" + "=="
OTHER: Final = "Pl4ntedSourceKey/aBcDeFgHiJkLmNoPqRsTuV+"
PLANTED: Final = (SECRET, TOKEN, OTHER)
"""What must be seen nowhere; as long as the real ones, and of the same letters."""


def credentials(number: int = 1, *, minutes: float | None = None) -> Credentials:
    """Return credentials that differ by *number*, and expire *minutes* after NOW."""
    expires_at = None if minutes is None else datetime.fromtimestamp(NOW + minutes * MINUTE, UTC)
    return Credentials(
        access_key_id=f"AKIA{number}", secret_access_key=SECRET, session_token=TOKEN, expires_at=expires_at
    )


def cache_of(source: object, now: Callable[[], float] = lambda: NOW, *, allow_async: bool = False) -> CachedCredentials:
    return CachedCredentials(source, now=now, allow_async=allow_async)


def get(cache: CachedCredentials, stale: Credentials | None = None) -> Credentials:
    return cache.get(stale=stale, timeout=LIMIT)


async def get_async(cache: CachedCredentials) -> Credentials:
    with anyio.fail_after(LIMIT):
        return await cache.get_async()


def wait_for_refreshes() -> None:
    for thread in threading.enumerate():
        if thread.name == "codepipeline_client-credentials":
            thread.join(LIMIT)


@define
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@define
class Source:
    """A provider that gives its outcomes in turn, the last one again and again. The first calls wait for its gate."""

    outcomes: tuple[Credentials | BaseException, ...]
    waiting_calls: float = inf
    calls: int = 0
    entered: threading.Semaphore = Factory(lambda: threading.Semaphore(0))
    gate: threading.Event = Factory(threading.Event)

    def __call__(self) -> Credentials:
        outcome = self.outcomes[min(self.calls, len(self.outcomes) - 1)]
        self.calls += 1
        self.entered.release()
        assert self.calls > self.waiting_calls or self.gate.wait(LIMIT)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def open_source(*outcomes: Credentials | BaseException) -> Source:
    return Source(outcomes, waiting_calls=0)


def from_botocore(profile_name: str | None = None) -> Credentials:
    """Return what botocore itself finds: the oracle."""
    found = import_module("botocore.session").Session(profile=profile_name).get_credentials().get_frozen_credentials()
    return Credentials(access_key_id=found.access_key, secret_access_key=found.secret_key, session_token=found.token)


def shown(error: BaseException) -> Iterator[str]:
    """Yield what a log, a debugger, a pickle or a crash reporter can make of *error* and of those behind it."""
    seen: list[BaseException] = []
    ahead = [error]
    while ahead:
        one = ahead.pop()
        seen.append(one)
        yield from (str(one), repr(one), repr(one.args), repr(vars(one)), repr(pickle.dumps(one)))
        yield repr(getattr(one, "object", None))
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if not frame.f_code.co_name.startswith("test_"):  # whose own variables are the test's business
                for value in frame.f_locals.values():
                    with suppress(AttributeError):  # of an object whose constructor has failed
                        yield repr(value)
        behind: list[BaseException | None] = [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        ahead += [other for other in behind if other is not None and other not in seen]


def hidden(error: BaseException) -> bool:
    """True when of what was planted, not even the half can be seen."""
    return not any(secret[:20] in text for text in shown(error) for secret in PLANTED)
