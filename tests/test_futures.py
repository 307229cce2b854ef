"""Futures: made once, awaited by many, on whatever loop."""

from __future__ import annotations

import os
import threading
import traceback
from concurrent.futures import CancelledError

import anyio
import pytest

from codepipeline_client import ConfigurationError, CredentialsError
from codepipeline_client._futures import Once, settled


def test_a_value_is_made_once_for_all_who_want_it() -> None:
    made: list[str] = []
    gate = threading.Event()

    def make() -> str:
        gate.wait()
        made.append("x")
        return "value"

    once = Once(make)
    futures = [once.started() for _ in range(10)]
    assert not futures[0].done()
    gate.set()
    assert {future.result() for future in futures} == {"value"}
    assert once.started().result() == once.value == "value"
    assert made == ["x"]


@pytest.mark.parametrize("failure", [CredentialsError("no"), KeyboardInterrupt()], ids=["ours", "any"])
def test_a_failure_reaches_all_who_wait_and_is_not_kept(failure: BaseException) -> None:
    outcomes: list[BaseException | str] = [failure, "value"]

    def make() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    once = Once(make)
    assert once.started().exception() is failure
    assert once.started().result() == "value"


def test_a_thread_that_cannot_be_started_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    once = Once(lambda: "value")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(ConfigurationError, match="no thread could be started"):
            once.started().result()
    assert once.started().result() == "value"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_its_parents_thread() -> None:
    gate = threading.Event()
    once = Once(lambda: gate.wait(0 if os.getpid() != parent else None) or "made")
    parent = os.getpid()
    pending = once.started()
    child = os.fork()
    if child == 0:
        os._exit(0 if once.started().result(5) == "made" else 1)
    assert os.waitpid(child, 0)[1] == 0
    gate.set()
    assert pending.result() is True


def test_a_failure_shows_no_variable_of_the_work() -> None:
    def make() -> str:
        password = "planted"
        try:
            raise KeyError(len(password))
        except KeyError as error:
            raise ValueError("no") from error

    shown: list[str] = []
    error = Once(make).started().exception()
    while error is not None:
        shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
        error = error.__cause__
    assert "ValueError" in "".join(shown)
    assert "password = 'planted'" not in "".join(shown)


def test_a_close_ends_the_waits_of_threads_and_leaves_the_work_alone() -> None:
    gate, made = threading.Event(), threading.Event()

    def make() -> str:
        gate.wait()
        made.set()
        return "value"

    once = Once(make)
    future = once.started()
    once.close()
    once.close()
    for waited_for in (future, once.started()):
        with pytest.raises(CancelledError):
            waited_for.result(0)
    gate.set()
    assert made.wait(5)


def test_nothing_is_begun_after_a_close() -> None:
    made: list[str] = []
    once = Once(lambda: made.append("x"))
    once.close()
    assert once.started().cancelled()
    assert made == []


def test_what_was_made_before_a_close_stays() -> None:
    once = Once(lambda: "value")
    assert once.started().result() == "value"
    once.close()
    assert once.started().result() == once.value == "value"


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("failure", [None, CredentialsError("no")], ids=["value", "failure"])
def test_work_that_ends_after_a_close_is_told_to_nobody(failure: Exception | None) -> None:
    gate = threading.Event()

    def make() -> str:
        gate.wait()
        if failure is not None:
            raise failure
        return "value"

    before = set(threading.enumerate())
    once = Once(make)
    future = once.started()
    (worker,) = set(threading.enumerate()) - before
    once.close()
    gate.set()
    worker.join(5)
    assert future.cancelled()


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_close_ends_the_waits_of_tasks(backend: str) -> None:
    gate = threading.Event()
    once = Once(gate.wait)
    ended: list[str] = []

    async def one() -> None:
        with pytest.raises(CancelledError):
            await settled(once.started())
        ended.append("x")

    async def main() -> None:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(one)
                await anyio.wait_all_tasks_blocked()
                once.close()

    try:
        anyio.run(main, backend=backend)
    finally:
        gate.set()
    assert ended == ["x"] * 3
