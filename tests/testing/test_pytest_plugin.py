"""The fixtures, as pytest gives them to tests where the package is installed."""

from __future__ import annotations

import subprocess
import sys
import time
from textwrap import dedent
from typing import Final

import anyio
import pytest

from codepipeline_client import AsyncCodePipelineClient, CodePipelineClient, PipelineExecution, errors
from codepipeline_client.testing import FakeClock, LocalCodePipeline
from tests.endpoint import EXECUTION, INPUT

pytest_plugins = ("pytester",)

PLUGIN: Final = "codepipeline_client.testing.pytest_plugin"


@pytest.fixture(autouse=True)
def another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that the clients of the fixtures do not use."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")


def get_by_each(client: CodePipelineClient, async_client: AsyncCodePipelineClient) -> list[PipelineExecution]:
    """Return what both clients get. The async one is entered in a loop of the test."""

    async def main() -> PipelineExecution:
        async with async_client:
            return (await async_client.get_pipeline_execution(**INPUT)).pipeline_execution

    return [client.get_pipeline_execution(**INPUT).pipeline_execution, anyio.run(main, backend="trio")]


def test_the_clients_use_the_endpoint(
    codepipeline_client: CodePipelineClient,
    async_codepipeline_client: AsyncCodePipelineClient,
    local_codepipeline: LocalCodePipeline,
) -> None:
    """And its time is the machine's."""
    with pytest.raises(errors.PipelineNotFoundException):
        codepipeline_client.get_pipeline_execution(**INPUT)
    local_codepipeline.put_execution(EXECUTION)
    assert get_by_each(codepipeline_client, async_codepipeline_client) == [EXECUTION] * 2
    sent = local_codepipeline.requests[0].headers["x-amz-date"]
    assert sent[:4] == time.strftime("%Y", time.gmtime())


@pytest.fixture
def far_future(codepipeline_clock: FakeClock) -> None:
    codepipeline_clock.advance(10 * 365 * 86400)


@pytest.mark.usefixtures("far_future")
def test_the_clock_is_that_of_the_endpoint_and_of_the_clients(
    codepipeline_client: CodePipelineClient,
    async_codepipeline_client: AsyncCodePipelineClient,
    local_codepipeline: LocalCodePipeline,
) -> None:
    """Also when only another fixture uses it."""
    local_codepipeline.put_execution(EXECUTION)
    get_by_each(codepipeline_client, async_codepipeline_client)
    assert {request.headers["x-amz-date"] for request in local_codepipeline.requests} == {"20351230T000000Z"}


def test_each_test_has_its_own_and_all_is_closed_after_it(pytester: pytest.Pytester) -> None:
    """The plugin is named here, so that it is loaded whether or not the package is installed."""
    test = """
        import threading
        import pytest
        seen = []

        @pytest.mark.parametrize("number", [1, 2])
        def test_open(local_codepipeline, codepipeline_client, number):
            assert local_codepipeline not in seen and local_codepipeline.endpoint_url
            seen.extend([local_codepipeline, codepipeline_client])

        def test_closed():
            assert len(seen) == 4 and "not running" in repr(seen[0]) and "not running" in repr(seen[2])
            with pytest.raises(Exception, match="closed"):
                seen[1].get_pipeline_execution(pipeline_name="web", pipeline_execution_id="x")
            assert not [thread for thread in threading.enumerate() if "LocalCodePipeline" in thread.name]
    """
    (pytester.path / "test_of_a_user.py").write_text(dedent(test), encoding="utf-8")
    options = ("-p", "no:codepipeline_client", "-p", PLUGIN, "-p", "no:randomly", "-p", "no:cacheprovider")
    pytester.runpytest_inprocess(*options, "-W", "error").assert_outcomes(passed=3)
    listed = pytester.runpytest_inprocess(*options, "--fixtures").stdout.str()
    ours = listed.partition(f"fixtures defined from {PLUGIN}")[2].partition("fixtures defined from")[0]
    for name in ("local_codepipeline", "codepipeline_client", "async_codepipeline_client", "codepipeline_clock"):
        assert f"\n{name} -- " in ours
    assert "no docstring available" not in ours


def test_the_plugin_does_not_import_botocore() -> None:
    """The largest import waits until an endpoint is started."""
    program = f"import sys, {PLUGIN}; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
