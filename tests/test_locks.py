"""Locks: one holder at a time, and none that a fork leaves behind."""

from __future__ import annotations

import os
import threading

import pytest

from codepipeline_client._locks import ProcessLock


def test_one_thread_at_a_time_holds_it() -> None:
    lock, inside, most = ProcessLock(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(500):
            with lock():
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_another_process_has_one_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a fork, by the child's own number: the parent's lock is held, and nobody there will release it."""
    lock, here = ProcessLock(), os.getpid()
    with lock(), monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: here + 1)
        for _ in range(2):
            with lock():
                pass
