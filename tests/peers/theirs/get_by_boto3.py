"""
Run by boto3's Python, with a pipeline's name and an execution's id: call the endpoint that the environment names.

Prints one JSON line: the response, or the error.
"""

from __future__ import annotations

import importlib
import json
import sys


def main(pipeline_name: str, pipeline_execution_id: str) -> None:
    # By name: the type checkers run where it is not installed.
    boto3 = importlib.import_module("boto3")
    client_error = importlib.import_module("botocore.exceptions").ClientError
    try:
        response = boto3.client("codepipeline").get_pipeline_execution(
            pipelineName=pipeline_name, pipelineExecutionId=pipeline_execution_id
        )
    except client_error as error:
        response = error.response
    print(json.dumps(response, default=lambda created: created.timestamp()))


main(*sys.argv[1:])
