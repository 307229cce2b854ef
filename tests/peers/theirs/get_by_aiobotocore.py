"""
Run by aiobotocore's Python, with a pipeline's name and an execution's id: call the endpoint that the environment names.

Prints one JSON line: the response, or the error.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys


async def main(pipeline_name: str, pipeline_execution_id: str) -> None:
    # By name: the type checkers run where it is not installed.
    session = importlib.import_module("aiobotocore.session").get_session()
    client_error = importlib.import_module("botocore.exceptions").ClientError
    async with session.create_client("codepipeline") as client:
        try:
            response = await client.get_pipeline_execution(
                pipelineName=pipeline_name, pipelineExecutionId=pipeline_execution_id
            )
        except client_error as error:
            response = error.response
    print(json.dumps(response, default=lambda created: created.timestamp()))


asyncio.run(main(*sys.argv[1:]))
