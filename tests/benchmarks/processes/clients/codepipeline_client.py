"""This package, with its defaults."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from clients._data import ACCESS_KEY_ID, BODY, HEADERS_TO_SIGN, HOST, INPUT, SECRET_ACCESS_KEY


def first_call() -> object:
    with open_sync() as call:
        return call().pipeline_execution.status


@contextmanager
def open_sync() -> Generator[Callable[[], Any]]:
    from codepipeline_client import CodePipelineClient  # here, so that a program's start loads what it needs

    with CodePipelineClient() as client:
        yield lambda: client.get_pipeline_execution(**INPUT)


@asynccontextmanager
async def open_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    from codepipeline_client import AsyncCodePipelineClient

    async with AsyncCodePipelineClient() as client:
        yield lambda: client.get_pipeline_execution(**INPUT)


@contextmanager
def open_sign() -> Generator[Callable[[], object]]:
    from codepipeline_client import Credentials
    from codepipeline_client._protocol.sigv4 import sign

    credentials = Credentials(access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY)
    headers = [("Host", HOST), *HEADERS_TO_SIGN.items()]
    yield lambda: sign(
        method="POST",
        target="/",
        headers=headers,
        body=BODY,
        credentials=credentials,
        region_name="eu-west-1",
        service_name="codepipeline",
        now=time.time(),
    )
