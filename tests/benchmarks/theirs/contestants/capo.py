"""capo-codepipeline, as it comes."""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

PACKAGE = "capo_codepipeline"
DOOR = "CodePipelineClient"
ASKED = {"pipeline_name": "web", "pipeline_execution_id": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"}


def new(client: str) -> Any:
    found = importlib.import_module("capo_codepipeline")  # by name: the checkers run where it is not there
    return getattr(found, client)(endpoint=os.environ["AWS_ENDPOINT_URL"])


def ask() -> str:
    with new("CodePipelineClient") as client:
        status: str = client.get_pipeline_execution(**ASKED)["pipeline_execution"]["status"]
        return status


@contextmanager
def to_sync() -> Generator[Callable[[], object]]:
    with new("CodePipelineClient") as client:
        yield lambda: client.get_pipeline_execution(**ASKED)


@asynccontextmanager
async def to_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    async with new("AsyncCodePipelineClient") as client:
        yield lambda: client.get_pipeline_execution(**ASKED)


def further() -> object:
    return new("CodePipelineClient")


def further_asked() -> object:
    client = new("CodePipelineClient")
    client.get_pipeline_execution(**ASKED)
    return client


@contextmanager
def to_decode() -> Generator[Callable[[], object]]:
    import json

    from contestants import _material

    output = importlib.import_module("capo_codepipeline.types.get_pipeline_execution_output")
    yield lambda: output.deserialize_aws_json_1_1(json.loads(_material.ANSWER))
