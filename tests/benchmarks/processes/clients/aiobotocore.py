"""aiobotocore, with its defaults."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from clients._data import WIRE_INPUT


def first_call() -> object:
    import asyncio

    async def main() -> object:
        async with open_async() as call:
            return await call()

    return asyncio.run(main())


@asynccontextmanager
async def open_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    # By name, here and in the other clients: the type checkers run where it is not installed.
    session = importlib.import_module("aiobotocore.session").get_session()
    async with session.create_client("codepipeline") as client:
        yield lambda: client.get_pipeline_execution(**WIRE_INPUT)
