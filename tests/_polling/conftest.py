"""Clients of both kinds, which the tests call alike: in a thread, and in tasks on asyncio and trio."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import frozen

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient
from codepipeline_client.testing import FakeClock, LocalCodePipeline

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


@pytest.fixture
def clock(codepipeline_clock: FakeClock) -> FakeClock:
    return codepipeline_clock


@pytest.fixture
def service(local_codepipeline: LocalCodePipeline) -> LocalCodePipeline:
    return local_codepipeline


@pytest.fixture
def options(service: LocalCodePipeline, clock: FakeClock) -> dict[str, Any]:
    """What a client of *service* is made with."""
    return {
        "region_name": service.region_name,
        "endpoint_url": service.endpoint_url,
        "credentials": service.credentials,
        "clock": clock,
    }


@pytest.fixture(params=["sync", "asyncio", "trio"])
def open_client(request: pytest.FixtureRequest, options: dict[str, Any]) -> Open:
    @contextmanager
    def open_client(**changes: Any) -> Generator[Any]:
        given = {**options, **changes}
        if request.param == "sync":
            with CodePipelineClient(**given) as client:
                yield client
            return
        with (
            start_blocking_portal(request.param) as portal,
            portal.wrap_async_context_manager(AsyncCodePipelineClient(**given)) as client,
        ):
            yield Blocking(portal, client)

    return open_client
