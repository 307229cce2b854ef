"""
The clients that are compared, with their defaults: a function for each client and kind of call, which returns the call.

A client is imported by name where it is used, since each process has one of them, and the type checkers have few.
Nothing is closed: the process ends without it.
"""

from __future__ import annotations

import os
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Call = Callable[[], Any]
    AsyncCall = Callable[[], Awaitable[Any]]

INPUT: Final = {"pipeline_name": "web", "pipeline_execution_id": "7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31"}
WIRE_INPUT: Final = {"pipelineName": INPUT["pipeline_name"], "pipelineExecutionId": INPUT["pipeline_execution_id"]}
BODY: Final = b'{"pipelineExecutionId":"7f3a1c52-9b0e-4d68-a1f4-2c6e8d0b9a31","pipelineName":"web"}'
HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "CodePipeline_20150709.GetPipelineExecution",
}
ACCESS_KEY_ID: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET_ACCESS_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HOST: Final = "codepipeline.eu-west-1.amazonaws.com"
HEADERS_TO_SIGN: Final = {**HEADERS, "User-Agent": "codepipeline-client/0.2.0 ua/2.1 os/linux#6.18.44 md/arch#x86_64"}
URL: Final = os.environ.get("AWS_ENDPOINT_URL", "")


def codepipeline_client_sync() -> Call:
    client = import_module("codepipeline_client").CodePipelineClient()
    return lambda: client.get_pipeline_execution(**INPUT)


async def codepipeline_client_async() -> AsyncCall:
    client = import_module("codepipeline_client").AsyncCodePipelineClient()
    return lambda: client.get_pipeline_execution(**INPUT)


def codepipeline_client_sign() -> Call:
    new_credentials = import_module("codepipeline_client").Credentials
    credentials = new_credentials(access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY)
    headers = [("Host", HOST), *HEADERS_TO_SIGN.items()]
    sign = import_module("codepipeline_client._protocol.sigv4").sign
    return lambda: sign(
        method="POST",
        target="/",
        headers=headers,
        body=BODY,
        credentials=credentials,
        region_name="eu-west-1",
        service_name="codepipeline",
        now=time.time(),
    )


def httpx_sync() -> Call:
    client = import_module("httpx").Client(timeout=60)  # with httpx's 5 seconds, some of 512 calls in flight fail
    return lambda: client.post(URL, content=BODY, headers=HEADERS).json()


async def httpx_async() -> AsyncCall:
    client = import_module("httpx").AsyncClient(timeout=60)

    async def call() -> object:
        return (await client.post(URL, content=BODY, headers=HEADERS)).json()

    return call


def boto3_sync() -> Call:
    client = import_module("boto3").client("codepipeline")
    return lambda: client.get_pipeline_execution(**WIRE_INPUT)


def boto3_sign() -> Call:
    credentials = import_module("botocore.credentials").Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    signer = import_module("botocore.auth").SigV4Auth(credentials, "codepipeline", "eu-west-1")
    request = import_module("botocore.awsrequest").AWSRequest("POST", f"https://{HOST}/", HEADERS_TO_SIGN, BODY)
    return lambda: signer.add_auth(request)  # always the same one, so that creating it does not count


def capo_sync() -> Call:
    client = import_module("capo_codepipeline").CodePipelineClient(endpoint=URL).__enter__()
    return lambda: client.get_pipeline_execution(**INPUT)


async def capo_async() -> AsyncCall:
    client = await import_module("capo_codepipeline").AsyncCodePipelineClient(endpoint=URL).__aenter__()
    return lambda: client.get_pipeline_execution(**INPUT)


async def aiobotocore_async() -> AsyncCall:
    session = import_module("aiobotocore.session").get_session()
    client = await session.create_client("codepipeline").__aenter__()
    return lambda: client.get_pipeline_execution(**WIRE_INPUT)


async def aws_sdk_sqs_async() -> AsyncCall:
    """AWS's own typed SDK has no CodePipeline, so GetQueueUrl of SQS, an operation of the same protocol family."""
    new_input = import_module("aws_sdk_sqs.models").GetQueueUrlInput
    client = await import_module("aws_sdk_sqs.client").AsyncSQSClient().__aenter__()
    return lambda: client.get_queue_url(new_input(queue_name="web"))
