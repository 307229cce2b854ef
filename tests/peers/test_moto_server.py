"""Our clients and a moto server: a service that was written by others, and that checks signatures with botocore."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from codepipeline_client import CodePipelineClient, Credentials, errors, models
from tests.endpoint import get, settings_in

Facts = Mapping[str, str]
"""What serve_moto.py says of the server: where it is, who may ask, and for which execution."""

ABSENT_ID: Final = "ffffffff-89ab-4cde-8f01-23456789abcd"


@pytest.fixture(scope="module")
def moto(python_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Facts]:
    """A moto server with one execution, which was started through boto3."""
    settings = settings_in(os.environ)
    without_settings = {name: value for name, value in os.environ.items() if name not in settings}
    with subprocess.Popen(
        [python_of("moto"), Path(__file__).parent / "theirs" / "serve_moto.py"],
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


def options_for(moto: Facts) -> dict[str, Any]:
    """Return the arguments of a client with the credentials that moto issued."""
    credentials = Credentials(access_key_id=moto["access_key_id"], secret_access_key=moto["secret_access_key"])
    return {"endpoint_url": moto["endpoint_url"], "region_name": moto["region_name"], "credentials": credentials}


def input_of(moto: Facts) -> Facts:
    return {each: moto[each] for each in ("pipeline_name", "pipeline_execution_id")}


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
def test_an_execution_that_boto3_started_is_read_whole(moto: Facts, kind: str) -> None:
    """moto labels its JSON as HTML and leaves members null; neither disturbs."""
    output = get(kind, input_of(moto), **options_for(moto))
    assert output.pipeline_execution == models.PipelineExecution(
        pipeline_name=moto["pipeline_name"],
        pipeline_execution_id=moto["pipeline_execution_id"],
        status=models.PipelineExecutionStatus.SUCCEEDED,
        pipeline_version=1,
        variables=(models.ResolvedPipelineVariable(name="stage", resolved_value="live"),),
        trigger=models.ExecutionTrigger(trigger_type=models.TriggerType.START_PIPELINE_EXECUTION, trigger_detail=""),
    )
    assert output.response_metadata.request_id


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"pipeline_name": "other"}, errors.PipelineNotFoundException, "does not have a pipeline with name 'other'"),
        ({"pipeline_execution_id": ABSENT_ID}, errors.PipelineExecutionNotFoundException, ABSENT_ID),
        ({"secret_access_key": "guessed"}, errors.ServiceError, "SignatureDoesNotMatch"),
        ({"access_key_id": "AKIASTRANGER"}, errors.ServiceError, "InvalidClientTokenId"),
    ],
)
def test_what_moto_refuses_is_a_typed_error(
    moto: Facts, changes: Facts, error: type[errors.ServiceError], words: str
) -> None:
    """moto refuses credentials as XML: the HTTP status stands for the code, and the body is shown."""
    known = {**moto, **changes}
    with pytest.raises(error, match=words) as caught:
        get("sync", input_of(known), **options_for(known))
    assert caught.value.http_status_code == (403 if error is errors.ServiceError else 400)
    assert caught.value.request_id


def test_what_we_start_is_listed_and_read(moto: Facts) -> None:
    """moto ends it at once."""
    with CodePipelineClient(**options_for(moto)) as client:
        started = client.start_pipeline_execution(pipeline_name="web", variables={"stage": "prod"})
        execution = client.wait_for_pipeline_execution(started, timeout=30)
        listed = [each.pipeline_execution_id for each in client.iter_pipeline_executions(pipeline_name="web")]
        with pytest.raises(errors.PipelineNotFoundException):
            client.start_pipeline_execution(pipeline_name="other")
    assert execution.status == "Succeeded"
    assert execution.variable_values == {"stage": "prod"}
    assert started.pipeline_execution_id in listed
