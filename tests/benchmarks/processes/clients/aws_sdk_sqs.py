"""AWS's own typed SDK. It has no CodePipeline, so GetQueueUrl of SQS, an operation of the same protocol family."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def open_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    new_input = importlib.import_module("aws_sdk_sqs.models").GetQueueUrlInput
    async with importlib.import_module("aws_sdk_sqs.client").AsyncSQSClient() as client:
        yield lambda: client.get_queue_url(new_input(queue_name="web"))
