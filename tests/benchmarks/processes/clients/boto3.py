"""boto3, with its defaults."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from clients._data import ACCESS_KEY_ID, BODY, HEADERS_TO_SIGN, HOST, SECRET_ACCESS_KEY, WIRE_INPUT


def first_call() -> object:
    with open_sync() as call:
        return call()["pipelineExecution"]["status"]


@contextmanager
def open_sync() -> Generator[Callable[[], Any]]:
    client = importlib.import_module("boto3").client("codepipeline")
    yield lambda: client.get_pipeline_execution(**WIRE_INPUT)


@contextmanager
def open_sign() -> Generator[Callable[[], object]]:
    new_credentials = importlib.import_module("botocore.credentials").Credentials
    new_signer = importlib.import_module("botocore.auth").SigV4Auth
    signer = new_signer(new_credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), "codepipeline", "eu-west-1")
    new_request = importlib.import_module("botocore.awsrequest").AWSRequest
    request = new_request("POST", f"https://{HOST}/", HEADERS_TO_SIGN, BODY)
    yield lambda: signer.add_auth(request)  # always the same one, so that creating it does not count
