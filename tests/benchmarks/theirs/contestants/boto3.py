"""boto3, as it comes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

PACKAGE = "boto3"
DOOR = "client"
ASKED = {"pipelineName": "web", "pipelineExecutionId": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"}


def new_client() -> Any:
    return importlib.import_module("boto3").client("codepipeline")  # by name: the checkers run where it is not there


def ask() -> str:
    status: str = new_client().get_pipeline_execution(**ASKED)["pipelineExecution"]["status"]
    return status


@contextmanager
def to_sync() -> Generator[Callable[[], object]]:
    client = new_client()
    yield lambda: client.get_pipeline_execution(**ASKED)


def further() -> object:
    return new_client()


def further_asked() -> object:
    client = new_client()
    client.get_pipeline_execution(**ASKED)
    return client


@contextmanager
def to_sign() -> Generator[Callable[[], object]]:
    from contestants import _material

    auth = importlib.import_module("botocore.auth")
    new_request = importlib.import_module("botocore.awsrequest").AWSRequest
    new_keys = importlib.import_module("botocore.credentials").Credentials
    signer = auth.SigV4Auth(new_keys(_material.ACCESS_KEY_ID, _material.SECRET_ACCESS_KEY), "codepipeline", "eu-west-1")
    request = new_request("POST", f"https://{_material.HOST}/", _material.HEADERS, _material.BODY)
    yield lambda: signer.add_auth(request)  # the same one, so that building it does not count


@contextmanager
def to_decode() -> Generator[Callable[[], object]]:
    from contestants import _material

    client = new_client()
    shape = client.meta.service_model.operation_model("GetPipelineExecution").output_shape
    parser = importlib.import_module("botocore.parsers").create_parser("json")
    answer = {"status_code": 200, "headers": _material.ANSWER_HEADERS, "body": _material.ANSWER}
    yield lambda: parser.parse(answer, shape)
