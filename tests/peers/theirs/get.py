"""
Run by a peer's Python, with the peer's name, a pipeline's name and an execution's id.

Calls the endpoint that the environment names, and prints one JSON line: the response, or the error.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from typing import Any


def by_boto3(**names: str) -> Any:
    # By name, here and below: the type checkers run where it is not installed.
    return importlib.import_module("boto3").client("codepipeline").get_pipeline_execution(**names)


async def by_aiobotocore(**names: str) -> Any:
    session = importlib.import_module("aiobotocore.session").get_session()
    async with session.create_client("codepipeline") as client:
        return await client.get_pipeline_execution(**names)


def main(peer: str, pipeline_name: str, pipeline_execution_id: str) -> None:
    names = {"pipelineName": pipeline_name, "pipelineExecutionId": pipeline_execution_id}
    client_error = importlib.import_module("botocore.exceptions").ClientError
    try:
        response = by_boto3(**names) if peer == "boto3" else asyncio.run(by_aiobotocore(**names))
    except client_error as error:
        response = error.response
    print(json.dumps(response, default=lambda created: created.timestamp()))


main(*sys.argv[1:])
