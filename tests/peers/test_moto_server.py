"""Our clients and a moto server: a service that was written by others, and that checks signatures with botocore."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import anyio
import pytest

from codepipeline_client import (
    AsyncCodePipelineClient,
    CodePipelineClient,
    Credentials,
    ExecutionTrigger,
    PipelineExecution,
    PipelineExecutionNotFoundException,
    PipelineExecutionStatus,
    PipelineNotFoundException,
    ResolvedPipelineVariable,
    ServiceError,
    TriggerType,
)

Facts = Mapping[str, str]
"""What serve_moto.py says of the server: where it is, who may ask, and for which execution."""

ABSENT_ID: Final = "ffffffff-89ab-4cde-8f01-23456789abcd"


@pytest.fixture(scope="module")
def moto(python_of: Callable[[str], str], theirs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    """A moto server with one execution, which was started through boto3."""
    without_settings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with subprocess.Popen(
        [python_of("moto"), theirs / "serve_moto.py"],
        env={**without_settings, "HOME": os.fspath(tmp_path_factory.mktemp("home"))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it tells of each request there
        text=True,
    ) as server:
        assert server.stdin
        assert server.stdout
        facts: Facts = json.loads(server.stdout.readline())
        yield facts
        server.stdin.close()


def expected(moto: Facts) -> PipelineExecution:
    """Return the execution as moto makes it."""
    return PipelineExecution(
        pipeline_name=moto["pipeline_name"],
        pipeline_execution_id=moto["pipeline_execution_id"],
        status=PipelineExecutionStatus.SUCCEEDED,
        pipeline_version=1,
        variables=(ResolvedPipelineVariable(name="stage", resolved_value="live"),),
        trigger=ExecutionTrigger(trigger_type=TriggerType.START_PIPELINE_EXECUTION, trigger_detail=""),
    )


@pytest.fixture
def client(moto: Facts) -> Iterator[CodePipelineClient]:
    """A client with the credentials that moto issued."""
    with CodePipelineClient(
        endpoint_url=moto["endpoint_url"], region_name=moto["region_name"], credentials=credentials_of(moto)
    ) as client:
        yield client


def credentials_of(moto: Facts, **changes: str) -> Credentials:
    known = {**moto, **changes}
    return Credentials(access_key_id=known["access_key_id"], secret_access_key=known["secret_access_key"])


def test_an_execution_that_boto3_started_is_read_whole(moto: Facts, client: CodePipelineClient) -> None:
    """moto labels its JSON as HTML and leaves members null; neither disturbs."""
    output = client.get_pipeline_execution(
        pipeline_name=moto["pipeline_name"], pipeline_execution_id=moto["pipeline_execution_id"]
    )
    assert output.pipeline_execution == expected(moto)
    assert output.response_metadata.request_id


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_async_client_reads_the_same(moto: Facts, backend: str) -> None:
    """On either loop."""

    async def read() -> PipelineExecution:
        async with AsyncCodePipelineClient(
            endpoint_url=moto["endpoint_url"], region_name=moto["region_name"], credentials=credentials_of(moto)
        ) as client:
            output = await client.get_pipeline_execution(
                pipeline_name=moto["pipeline_name"], pipeline_execution_id=moto["pipeline_execution_id"]
            )
            return output.pipeline_execution

    assert anyio.run(read, backend=backend) == expected(moto)


def test_an_absent_pipeline_is_its_typed_error(client: CodePipelineClient) -> None:
    """By moto's own message, with the id of the request."""
    with pytest.raises(PipelineNotFoundException, match="does not have a pipeline with name 'other'") as caught:
        client.get_pipeline_execution(pipeline_name="other", pipeline_execution_id=ABSENT_ID)
    assert caught.value.http_status_code == 400
    assert caught.value.request_id


def test_an_absent_execution_is_its_typed_error(moto: Facts, client: CodePipelineClient) -> None:
    """The pipeline is there, the execution is not."""
    with pytest.raises(PipelineExecutionNotFoundException, match=ABSENT_ID):
        client.get_pipeline_execution(pipeline_name=moto["pipeline_name"], pipeline_execution_id=ABSENT_ID)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"secret_access_key": "guessed"}, "SignatureDoesNotMatch", id="wrong-secret"),
        pytest.param({"access_key_id": "AKIASTRANGER"}, "InvalidClientTokenId", id="unknown-key"),
    ],
)
def test_what_moto_refuses_as_xml_is_still_a_typed_error(moto: Facts, changes: Facts, code: str) -> None:
    """moto has no JSON form for these two: the HTTP status stands for the code, and the body is shown."""
    stranger = CodePipelineClient(
        endpoint_url=moto["endpoint_url"], region_name=moto["region_name"], credentials=credentials_of(moto, **changes)
    )
    with stranger, pytest.raises(ServiceError, match=code) as caught:
        stranger.get_pipeline_execution(
            pipeline_name=moto["pipeline_name"], pipeline_execution_id=moto["pipeline_execution_id"]
        )
    assert caught.value.http_status_code == 403
    assert caught.value.request_id
