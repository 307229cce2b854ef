"""capo-codepipeline, with its defaults."""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from clients._data import INPUT


def first_call() -> object:
    with open_sync() as call:
        return call()["pipeline_execution"]["status"]


@contextmanager
def open_sync() -> Generator[Callable[[], Any]]:
    new_client = importlib.import_module("capo_codepipeline").CodePipelineClient
    with new_client(endpoint=os.environ["AWS_ENDPOINT_URL"]) as client:
        yield lambda: client.get_pipeline_execution(**INPUT)


@asynccontextmanager
async def open_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    new_client = importlib.import_module("capo_codepipeline").AsyncCodePipelineClient
    async with new_client(endpoint=os.environ["AWS_ENDPOINT_URL"]) as client:
        yield lambda: client.get_pipeline_execution(**INPUT)
