"""Keys to come: who waits for whom when a source hangs, and after the client is closed."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from codepipeline_client import Credentials, CredentialsError
from codepipeline_client._credentials import CredentialsCache
from codepipeline_client._refreshes import Refresh, Refreshes

KEYS = Credentials(access_key_id="AKID", secret_access_key="s")
LATEST = 10


class Source:
    """A provider that hangs as often as told, and answers then."""

    def __init__(self, hangs: int) -> None:
        self.hangs = hangs
        self.asked = 0
        self.gate = threading.Event()

    def __call__(self) -> Credentials:
        self.asked += 1
        if self.asked <= self.hangs:
            self.gate.wait(LATEST)
        return KEYS


def to_come(found: Credentials | Future[Credentials]) -> Future[Credentials]:
    assert isinstance(found, Future)
    return found


def test_a_source_that_hung_is_asked_again_some_minutes_later() -> None:
    """Else a client that lives for months would fail from then on."""
    source, now = Source(hangs=1), [0.0]
    cache = CredentialsCache(source, now=lambda: 0.0, monotonic=lambda: now[0], allow_async=False)
    hung = to_come(cache.lease())
    now[0] = 299.0
    assert cache.lease() is hung
    now[0] = 300.0
    assert to_come(cache.lease()).result(LATEST) == KEYS
    assert cache.lease() == KEYS
    source.gate.set()
    assert hung.result(LATEST) == KEYS
    assert source.asked == 2


def test_a_source_that_answers_nobody_is_asked_ever_more_seldom() -> None:
    """Each time costs a thread."""
    refreshes, now, begun = Refreshes(), 0.0, 0
    while now < 30 * 86400:
        if refreshes.under_way(None, now) is None:
            refreshes.begin(Refresh(now), None)
            begun += 1
        now += 60.0
    assert 8 < begun < 20


def test_the_end_of_one_that_hung_does_not_end_the_next() -> None:
    refreshes = Refreshes()
    hung, following = Refresh(0.0), Refresh(300.0)
    refreshes.begin(hung, None)
    assert refreshes.under_way(None, 300.0) is None
    refreshes.begin(following, None)
    refreshes.end(hung, None)
    assert refreshes.under_way(None, 301.0) is following
    refreshes.end(following, None)
    assert refreshes.under_way(None, 301.0) is None


def test_who_settles_second_is_not_heard() -> None:
    refresh = Refresh()
    refresh.settle(KEYS)
    refresh.settle(CredentialsError("too late"))
    assert refresh.result() == KEYS


def test_after_a_close_nobody_asks_and_nobody_waits() -> None:
    """Also one who looked before the close, and comes after it."""
    source = Source(hangs=1)
    cache = CredentialsCache(source, now=lambda: 0.0, allow_async=False)
    waited_for = to_come(cache.lease())
    cache.close()
    with pytest.raises(CredentialsError, match="their client was closed"):
        waited_for.result(LATEST)
    with pytest.raises(CredentialsError, match="their client was closed"):
        cache.lease()
    source.gate.set()
    assert source.asked == 1
