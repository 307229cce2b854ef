"""A call that is interrupted while it waits: no frame of it keeps the signed request."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from math import inf
from typing import Any, Final

import anyio
import httpx
import pytest
import trio

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, CodePipelineError, Credentials
from codepipeline_client.testing import LocalCodePipeline, faults
from tests.clients import let_settle

SECRETS: Final = ("planted/secret+key/0123456789", "planted/session+token/0123456789==", "Signature=")
CREDENTIALS: Final = Credentials(access_key_id="AKID", secret_access_key=SECRETS[0], session_token=SECRETS[1])
WANTED: Final[Any] = {"pipeline_name": "web", "pipeline_execution_id": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"}
Call = Callable[[], Coroutine[Any, Any, object]]


class SoftTimeLimit(Exception):
    """What an alarm, or the time limit of a task queue, may raise at any moment."""


def raise_soft_time_limit(*_: object) -> None:
    raise SoftTimeLimit


def soon(service: LocalCodePipeline, interrupt: Callable[[], object]) -> None:
    """Interrupt the main thread while a request waits for its response."""

    def wait() -> None:
        while not service.requests:
            time.sleep(0.001)
        let_settle([threading.main_thread()])
        interrupt()

    threading.Thread(target=wait, daemon=True).start()


def signal_soon(service: LocalCodePipeline) -> None:
    soon(service, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))


async def cancel_soon(service: LocalCodePipeline, call: Call) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(call())
    soon(service, lambda: loop.call_soon_threadsafe(task.cancel))
    await task


async def time_out_soon(service: LocalCodePipeline, call: Call) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        soon(service, lambda: loop.call_soon_threadsafe(limit.reschedule, loop.time()))
        await call()


async def fail_soon(service: LocalCodePipeline, call: Call) -> None:
    token = trio.lowlevel.current_trio_token()
    with trio.fail_after(inf) as scope:
        soon(service, lambda: token.run_sync_soon(setattr, scope, "deadline", -inf))
        await call()


def variables_of(error: BaseException) -> Iterator[str]:
    """Yield the variables of our frames as reporters show them that look into bytes and collections."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if f"{os.sep}codepipeline_client{os.sep}" in frame.f_code.co_filename:
            yield from inside(tuple(frame.f_locals.values()))


def inside(value: Any, depth: int = 6) -> Iterator[str]:
    if isinstance(value, bytes | bytearray):
        yield bytes(value).decode("latin-1")
    elif isinstance(value, httpx.Headers):
        yield from inside(value.raw, depth)
    elif depth and isinstance(value, tuple | list | set | frozenset):
        for each in value:  # pyright: ignore[reportUnknownVariableType] - of anything
            yield from inside(each, depth - 1)
    else:
        yield repr(value)


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system sends a thread no signals")
@pytest.mark.parametrize("uses_httpx", [False, True], ids=["own-engine", "httpx"])
@pytest.mark.parametrize(
    ("kind", "interrupt"),
    [
        pytest.param("sync", signal.default_int_handler, id="sync-ctrl-c"),
        pytest.param("sync", raise_soft_time_limit, id="sync-alarm"),
        pytest.param("asyncio", None, id="asyncio-ctrl-c"),
        pytest.param("asyncio", time_out_soon, id="asyncio-timeout"),
        pytest.param("asyncio", cancel_soon, id="asyncio-cancel"),
        pytest.param("trio", None, id="trio-ctrl-c"),
        pytest.param("trio", fail_soon, id="trio-timeout"),
    ],
)
def test_an_interrupted_call_keeps_no_signed_request(
    local_codepipeline: LocalCodePipeline, kind: str, interrupt: Any, uses_httpx: bool
) -> None:
    service = local_codepipeline
    service.inject(faults.Hang(), times=None)
    options: dict[str, Any] = {"region_name": "eu-west-1", "endpoint_url": service.endpoint_url}
    options |= {"credentials": CREDENTIALS, "timeout": None, "read_timeout": None}

    def sync() -> None:
        before = signal.signal(signal.SIGINT, interrupt)
        try:
            with CodePipelineClient(**options, transport=httpx.HTTPTransport() if uses_httpx else None) as client:
                signal_soon(service)
                client.get_pipeline_execution(**WANTED)
        finally:
            signal.signal(signal.SIGINT, before)

    async def main() -> None:
        transport = httpx.AsyncHTTPTransport() if uses_httpx else None
        async with AsyncCodePipelineClient(**options, transport=transport) as client:
            if interrupt is not None:
                await interrupt(service, partial(client.get_pipeline_execution, **WANTED))
            signal_soon(service)
            await client.get_pipeline_execution(**WANTED)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - each library has its own
        sync() if kind == "sync" else anyio.run(main, backend=kind)
    assert not isinstance(caught.value, CodePipelineError)
    shown: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        trace = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown += [line for line in trace.format() if "test_interrupted.py" not in line]
        shown += variables_of(error)
        error = error.__context__
    text = "\n".join(shown)
    assert "_http/transport.py" in text or "httpcore" in text, "the request was sent"
    assert [secret for secret in SECRETS if secret in text] == []
