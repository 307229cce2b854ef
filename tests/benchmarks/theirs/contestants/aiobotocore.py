"""aiobotocore, as it comes."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

PACKAGE = "aiobotocore.session"
DOOR = "get_session"
ASKED = {"pipelineName": "web", "pipelineExecutionId": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"}


def ask() -> object:
    import asyncio

    async def main() -> object:
        async with to_async() as call:
            return await call()

    return asyncio.run(main())


@asynccontextmanager
async def to_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    session = importlib.import_module("aiobotocore.session").get_session()  # by name: the checkers run without it
    async with session.create_client("codepipeline") as client:
        yield lambda: client.get_pipeline_execution(**ASKED)
