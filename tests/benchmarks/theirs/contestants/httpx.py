"""httpx by itself: neither signed nor typed, and never tried again."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

PACKAGE = "httpx"
DOOR = "Client"
URL = os.environ["AWS_ENDPOINT_URL"]
HEADERS = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
}
BODY = b'{"pipelineExecutionId":"7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31","pipelineName":"web"}'
PATIENCE = 60.0
"""Seconds, in the place of 5: with 512 in flight, some of its calls would fail."""


def ask() -> str:
    import httpx

    with httpx.Client() as client:
        status: str = client.post(URL, content=BODY, headers=HEADERS).json()["pipelineExecution"]["status"]
        return status


@contextmanager
def to_sync() -> Generator[Callable[[], object]]:
    import httpx

    with httpx.Client(timeout=PATIENCE) as client:
        yield lambda: client.post(URL, content=BODY, headers=HEADERS).json()


@asynccontextmanager
async def to_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    import httpx

    async with httpx.AsyncClient(timeout=PATIENCE) as client:

        async def call() -> object:
            return (await client.post(URL, content=BODY, headers=HEADERS)).json()

        yield call


def further() -> object:
    import httpx

    return httpx.Client()


def further_asked() -> object:
    import httpx

    client = httpx.Client()
    client.post(URL, content=BODY, headers=HEADERS).json()
    return client
