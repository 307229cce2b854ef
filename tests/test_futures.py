"""Futures: made once, awaited by many, on whatever loop."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import anyio
import pytest

from codepipeline_client import CredentialsError
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


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_a_future_is_awaited_without_a_thread_for_each_who_waits(backend: str) -> None:
    async def main() -> None:
        future: Future[str] = Future()
        results: list[str] = []

        async def one() -> None:
            results.append(await settled(future))

        before = threading.active_count()
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(one)
            await anyio.wait_all_tasks_blocked()
            assert threading.active_count() == before
            threading.Thread(target=future.set_result, args=("value",)).start()
        assert results == ["value"] * 50
        assert await settled(future) == "value"

    anyio.run(main, backend=backend)


def test_a_cancelled_wait_leaves_the_future_to_others(backend: str) -> None:
    async def main() -> None:
        future: Future[str] = Future()
        with anyio.move_on_after(0):
            await settled(future)
        assert not future.cancelled()
        future.set_result("value")
        assert await settled(future) == "value"

    anyio.run(main, backend=backend)


def test_a_future_may_outlive_the_loop_that_waited_for_it(backend: str) -> None:
    future: Future[str] = Future()

    async def main() -> None:
        with anyio.move_on_after(0):
            await settled(future)

    anyio.run(main, backend=backend)
    future.set_result("value")
    assert future.result() == "value"


def test_a_failed_future_raises_in_the_task(backend: str) -> None:
    async def main() -> Any:
        future: Future[str] = Future()
        future.set_exception(CredentialsError("no"))
        return await settled(future)

    with pytest.raises(CredentialsError):
        anyio.run(main, backend=backend)
