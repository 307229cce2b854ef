"""
The fixtures, as a user's own tests see them: each case is a test file that pytest runs.
"""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

pytest_plugins = ("pytester",)

PLUGIN = "codepipeline_client.testing.pytest_plugin"


def run(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    """Run a test file with the plugin, whether or not the package is installed here, which would load it by itself."""
    (pytester.path / "test_of_a_user.py").write_text(dedent(text), encoding="utf-8")
    named = ("-p", "no:codepipeline_client", "-p", PLUGIN)
    return pytester.runpytest_inprocess(*named, "-p", "no:randomly", "-p", "no:cacheprovider", "-W", "error", *options)


def test_the_endpoint_runs_for_one_test_and_is_new_for_the_next(pytester: pytest.Pytester) -> None:
    """Nothing that a test puts there or asks reaches another test, and it is stopped behind each."""
    run(
        pytester,
        """
        import threading
        import urllib.error
        import urllib.request

        import pytest

        endpoints = []

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it_runs(local_codepipeline, turn):
            assert local_codepipeline not in endpoints
            endpoints.append(local_codepipeline)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(local_codepipeline.endpoint_url)
            refused.value.close()
            assert refused.value.code == 404
            assert len(local_codepipeline.requests) == 1

        def test_it_is_stopped():
            assert "not running" in repr(endpoints[0]) and "not running" in repr(endpoints[1])
            assert not [thread for thread in threading.enumerate() if "LocalCodePipeline" in thread.name]
        """,
    ).assert_outcomes(passed=3)


def test_the_client_talks_to_the_endpoint_and_is_closed_behind_the_test(pytester: pytest.Pytester) -> None:
    """Nothing has to be configured, whatever the environment says."""
    run(
        pytester,
        """
        import pytest

        from codepipeline_client import ConfigurationError, PipelineNotFoundException
        from codepipeline_client.testing import make_pipeline_execution

        clients = []

        @pytest.fixture(autouse=True)
        def another_account(monkeypatch):
            monkeypatch.setenv("AWS_REGION", "eu-west-1")
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
            monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

        def test_it_asks(codepipeline_client, local_codepipeline):
            clients.append(codepipeline_client)
            execution = make_pipeline_execution(status="Failed")
            asked = dict(
                pipeline_name=execution.pipeline_name, pipeline_execution_id=execution.pipeline_execution_id
            )
            with pytest.raises(PipelineNotFoundException):
                codepipeline_client.get_pipeline_execution(**asked)
            local_codepipeline.put_execution(execution)
            assert codepipeline_client.get_pipeline_execution(**asked).pipeline_execution == execution

        def test_it_is_closed():
            with pytest.raises(ConfigurationError):
                clients[0].get_pipeline_execution(pipeline_name="web", pipeline_execution_id="x")
        """,
    ).assert_outcomes(passed=2)


def test_the_async_client_is_entered_by_the_test_in_a_loop_of_its_own(pytester: pytest.Pytester) -> None:
    """On asyncio and on trio, with no other plugin."""
    run(
        pytester,
        """
        import anyio
        import pytest

        from codepipeline_client.testing import make_pipeline_execution

        @pytest.mark.parametrize("backend", ["asyncio", "trio"])
        def test_it_asks(async_codepipeline_client, local_codepipeline, backend):
            execution = make_pipeline_execution(trigger=None)
            local_codepipeline.put_execution(execution)

            async def main():
                async with async_codepipeline_client as client:
                    return await client.get_pipeline_execution(
                        pipeline_name=execution.pipeline_name,
                        pipeline_execution_id=execution.pipeline_execution_id,
                    )

            assert anyio.run(main, backend=backend).pipeline_execution == execution
        """,
    ).assert_outcomes(passed=2)


def test_with_the_clock_nobody_waits(pytester: pytest.Pytester) -> None:
    """Endpoint and clients go by it in a test that has it, directly or by another fixture, and by the real one else."""
    run(
        pytester,
        """
        import time

        import anyio
        import pytest

        from codepipeline_client.testing import FakeClock, make_pipeline_execution

        EXECUTION = make_pipeline_execution()
        WANTED = dict(
            pipeline_name=EXECUTION.pipeline_name, pipeline_execution_id=EXECUTION.pipeline_execution_id
        )

        @pytest.fixture
        def far_future(codepipeline_clock):
            codepipeline_clock.advance(10 * 365 * 86400)

        def test_sync(codepipeline_client, local_codepipeline, codepipeline_clock):
            local_codepipeline.put_execution(EXECUTION)
            codepipeline_client.get_pipeline_execution(**WANTED)
            assert local_codepipeline.requests[0].headers["x-amz-date"] == "20260101T000000Z"

        def test_async(async_codepipeline_client, local_codepipeline, far_future):
            local_codepipeline.put_execution(EXECUTION)

            async def main():
                async with async_codepipeline_client as client:
                    await client.get_pipeline_execution(**WANTED)

            anyio.run(main)
            assert local_codepipeline.requests[0].headers["x-amz-date"] == "20351230T000000Z"

        def test_neither(codepipeline_client, local_codepipeline):
            local_codepipeline.put_execution(EXECUTION)
            codepipeline_client.get_pipeline_execution(**WANTED)
            assert local_codepipeline.requests[0].headers["x-amz-date"][:4] == time.strftime("%Y", time.gmtime())
        """,
    ).assert_outcomes(passed=3)


def test_pytest_lists_the_fixtures_with_what_they_are_for(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` is where a person looks them up."""
    listed = run(pytester, "", "--fixtures").stdout.str()
    ours = listed.partition(f"fixtures defined from {PLUGIN}")[2].partition("fixtures defined from")[0]
    for name in ("local_codepipeline", "codepipeline_client", "async_codepipeline_client", "codepipeline_clock"):
        assert f"\n{name} -- " in ours
    assert "no docstring available" not in ours


def test_the_plugin_does_not_bring_botocore_into_every_session() -> None:
    """The largest import waits until an endpoint is started."""
    program = f"import sys, {PLUGIN}; sys.exit('botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
