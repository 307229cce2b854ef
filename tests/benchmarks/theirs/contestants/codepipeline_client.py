"""This package, with everything on that is on unless somebody switches it off."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import TypedDict

PACKAGE = "codepipeline_client"
DOOR = "CodePipelineClient"


class Asked(TypedDict):
    pipeline_name: str
    pipeline_execution_id: str


ASKED = Asked(pipeline_name="web", pipeline_execution_id="7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31")


def ask() -> bool:
    from codepipeline_client import CodePipelineClient

    with CodePipelineClient() as client:
        return client.get_pipeline_execution(**ASKED).pipeline_execution.status.is_successful


@contextmanager
def to_sync() -> Generator[Callable[[], object]]:
    from codepipeline_client import CodePipelineClient

    with CodePipelineClient() as client:
        yield lambda: client.get_pipeline_execution(**ASKED)


@asynccontextmanager
async def to_async() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    from codepipeline_client import AsyncCodePipelineClient

    async with AsyncCodePipelineClient() as client:
        yield lambda: client.get_pipeline_execution(**ASKED)


def further() -> object:
    from codepipeline_client import CodePipelineClient

    return CodePipelineClient()


def further_asked() -> object:
    from codepipeline_client import CodePipelineClient

    client = CodePipelineClient()
    client.get_pipeline_execution(**ASKED)
    return client


@contextmanager
def to_sign() -> Generator[Callable[[], object]]:
    from contestants import _material

    from codepipeline_client import Credentials
    from codepipeline_client._signing import sign

    keys = Credentials(access_key_id=_material.ACCESS_KEY_ID, secret_access_key=_material.SECRET_ACCESS_KEY)
    yield lambda: sign(
        method="POST",
        target="/",
        headers=[("Host", _material.HOST), *_material.HEADERS.items()],
        body=_material.BODY,
        credentials=keys,
        region_name="eu-west-1",
        service_name="codepipeline",
        now=time.time(),
    )


@contextmanager
def to_decode() -> Generator[Callable[[], object]]:
    from contestants import _material

    from codepipeline_client import GetPipelineExecutionInput, ResponseMetadata
    from codepipeline_client._awsjson import decode
    from codepipeline_client._message import Response
    from codepipeline_client.operations import GET_PIPELINE_EXECUTION

    asked = GetPipelineExecutionInput(**ASKED)
    response = Response(status_code=200, headers=_material.ANSWER_HEADERS, body=_material.ANSWER)
    metadata = ResponseMetadata(
        request_id=None, http_status_code=200, http_headers=_material.ANSWER_HEADERS, attempts=1
    )
    yield lambda: GET_PIPELINE_EXECUTION.from_wire(
        decode("GetPipelineExecution", response), asked, metadata, "eu-west-1"
    )
