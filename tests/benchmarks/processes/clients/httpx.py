"""Bare httpx: no signature, no types, no retries."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from clients._data import BODY, HEADERS

URL = os.environ["AWS_ENDPOINT_URL"]
TIMEOUT = 60.0
"""Seconds. With httpx's 5, some of 512 calls in flight fail."""


def first_call() -> object:
    with open_sync() as call:
        return call()["pipelineExecution"]["status"]


@contextmanager
def open_sync() -> Generator[Callable[[], Any]]:
    with httpx.Client(timeout=TIMEOUT) as client:
        yield lambda: client.post(URL, content=BODY, headers=HEADERS).json()


@asynccontextmanager
async def open_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    async with httpx.AsyncClient(timeout=TIMEOUT) as client:

        async def call() -> object:
            return (await client.post(URL, content=BODY, headers=HEADERS)).json()

        yield call
