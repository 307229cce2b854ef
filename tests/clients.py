"""Clients of both kinds, which tests call alike: in a thread, and in tasks on asyncio and trio."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import frozen

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient
from tests.loops import LOOPS

KINDS = ["sync", "asyncio", "trio"]
Open = Callable[..., AbstractContextManager[Any]]
"""Opens a client, which is called as the sync one. Its arguments are changes to the client's."""


@frozen
class Blocking:
    """Calls an async client, or iterates over what it returned, as if it were sync."""

    portal: BlockingPortal
    inner: Any

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(arguments: dict[str, Any], *given: Any) -> Any:
            result = getattr(self.inner, name)(*given, **arguments)
            if isinstance(result, Coroutine):
                return await cast("Coroutine[Any, Any, object]", result)
            return Blocking(self.portal, result)

        return lambda *given, **arguments: self.portal.call(call, arguments, *given)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self.portal.call(anext, self.inner)
        except StopAsyncIteration:
            raise StopIteration from None


@contextmanager
def opened(kind: str | Mapping[str, Any] | None, **options: Any) -> Generator[Any]:
    """Open a client of a kind, or one in a loop of LOOPS, which is called as the sync one."""
    loop = LOOPS.get(kind) if isinstance(kind, str) else kind
    if loop is None:
        with CodePipelineClient(**options) as client:
            yield client
        return
    with (
        start_blocking_portal(**loop) as portal,
        portal.wrap_async_context_manager(AsyncCodePipelineClient(**options)) as client,
    ):
        yield Blocking(portal, client)


def let_settle(threads: Iterable[threading.Thread]) -> None:
    """Return when none of *threads* has moved for a while: each waits for something."""
    seen: list[tuple[int, int]] = []
    still = 0
    while still < 10:
        frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented, in spite of its name
        now = [(id(frames[thread.ident]), frames[thread.ident].f_lasti) for thread in threads if thread.ident in frames]
        still = still + 1 if now == seen else 0
        seen = now
        time.sleep(0.01)
