"""``serve`` and ``demo``: what needs no machine but this one."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
from pathlib import Path

import httpx
import pytest

from codepipeline_client import CodePipelineClient
from codepipeline_client.cli.commands import run
from codepipeline_client.cli.local import instructions, put_samples
from codepipeline_client.testing import FakeClock, LocalCodePipeline
from tests.cli.terminal import Clock, Shell
from tests.endpoint import options_for


def test_serve_is_there_as_it_says(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The printed settings and commands, as a shell takes them, get the printed executions."""
    clock, codes = Clock(), dict[str, int]()

    def try_it() -> None:
        lines = capfd.readouterr().out.splitlines()
        with monkeypatch.context() as shell:
            for line in lines:
                if line.startswith("export "):
                    shell.setenv(*shlex.split(line)[1].split("=", 1))
            get, wait, start = (shlex.split(line)[1:] for line in lines if line.startswith("codepipeline-client "))
            assert run(get, clock=clock) == 0
            assert run(start[:2], clock=clock) == 0
            for line in lines[lines.index("The executions of the pipeline web:") + 2 :]:
                kind, _, execution_id = line.rpartition("  ")
                codes[kind.strip()] = run(["get", "web", execution_id], clock=clock)
                assert (wait[2] == execution_id) == (kind.strip() == "Succeeds in a minute")
                with CodePipelineClient(clock=clock) as client:
                    reasons = client.failed_actions(("web", execution_id))
                assert [each.action_name for each in reasons] == ["Smoke"] * kind.startswith("Fail")
            assert run(["get", "wbe", wait[2]], clock=clock) == 20
            httpx.get(f"{os.environ['AWS_ENDPOINT_URL_CODEPIPELINE']}/x")
        capfd.readouterr()
        clock.on_sleep = look_again

    def look_again() -> None:
        clock.on_sleep = lambda: signal.raise_signal(signal.SIGINT)

    clock.on_sleep = try_it
    assert run(["serve"], clock=clock) == 0
    assert codes == {
        **dict.fromkeys(("Succeeds in a minute", "Fails in 30 seconds", "InProgress"), 10),
        "Succeeded": 0,
        "Failed": 11,
        "Succeeded, a rollback": 0,
        "Stopped": 12,
    }
    stdout, stderr = capfd.readouterr()
    first, *others, before_last, last = stderr.splitlines()
    assert (stdout, len(others)) == ("\nStopped.\n", 1 + 2 * len(codes))
    assert others[0] == "2026-01-01T00:00:00Z  200  StartPipelineExecution  web"
    assert first.startswith("2026-01-01T00:00:00Z  200  GetPipelineExecution  web  7f3a1c52-")
    assert "Z  400  PipelineNotFoundException  GetPipelineExecution  wbe  0c7be3d4-" in before_last
    assert last.endswith("  GET /x")


def test_what_is_started_at_serve_succeeds_in_time() -> None:
    """A list is no poll."""
    clock = FakeClock()
    with LocalCodePipeline(now=clock.time) as endpoint:
        put_samples(endpoint)
        with CodePipelineClient(**options_for(endpoint, clock=clock)) as client:
            client.start_pipeline_execution(pipeline_name="web")
            for seconds, status in ((0, "InProgress"), (29, "InProgress"), (1, "Succeeded")):
                clock.advance(seconds)
                latest = client.latest_pipeline_execution(pipeline_name="web")
                assert latest is not None
                assert latest.status == status


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminated"])
def test_serve_ends_well_when_it_is_told_to(sent: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    clock.on_sleep = lambda: signal.raise_signal(sent)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert run(["serve", "--port", str(port), "--region", "eu-west-1"], clock=clock) == 0
    printed = capfd.readouterr().out
    assert f"export AWS_ENDPOINT_URL_CODEPIPELINE=http://127.0.0.1:{port}\n" in printed
    assert "export AWS_REGION=eu-west-1\n" in printed
    assert printed.endswith("\nStopped.\n")


def test_a_port_that_is_taken_is_one_line(local_codepipeline: LocalCodePipeline, shell: Shell) -> None:
    port = local_codepipeline.endpoint_url.rpartition(":")[2]
    ended = shell("serve", "--port", port)
    message, hint = ended.complaint
    assert ended.code == 1
    assert message.startswith(f"port {port} of this machine cannot be used: ")
    assert hint == "choose another with --port"


def test_a_region_that_is_none_is_refused_before_anyone_signs_for_it(shell: Shell) -> None:
    ended = shell("serve", "--region", "eu west")
    assert ended.code == 22
    assert ended.complaint[0].startswith("--region 'eu west' ")


def test_the_settings_are_printed_for_the_shells_of_windows() -> None:
    environ = {"AWS_REGION": "us-east-1", "AWS_SESSION_TOKEN": ""}
    lines = instructions("http://127.0.0.1:1", environ, windows=True).splitlines()
    assert {"set AWS_REGION=us-east-1", "set AWS_SESSION_TOKEN="} <= set(lines)
    assert {"$env:AWS_REGION = 'us-east-1'", "$env:AWS_SESSION_TOKEN = ''"} <= set(lines)
    assert not any(line.startswith("export") for line in lines)


# ---- Demo


def test_demo_tells_what_happened_and_shows_the_result(capfd: pytest.CaptureFixture[str]) -> None:
    """Started, followed, signed, sent, answered, typed; and what to do next. A test waits none of the seconds."""
    clock = FakeClock()
    assert run(["demo"], clock=clock) == 0
    stdout, stderr = capfd.readouterr()
    assert sum(clock.slept) < 4
    assert [line.split()[1] for line in stderr.splitlines()] == ["InProgress", "InProgress", "Succeeded"]
    assert re.fullmatch(
        r"Starts and follows a sample execution on this machine: no account, no network\.\n"
        r"\n"
        r"Polled    [6-9] times in 0:03, until it had finished\n"
        r"Signed    AWS Signature Version 4 for codepipeline in us-east-1\n"
        r"          over content-type, host, x-amz-date, x-amz-target\n"
        r"Sent      over HTTP to http://127\.0\.0\.1:[0-9]+\n"
        r"          CodePipeline_20150709\.GetPipelineExecution\n"
        r"Response  HTTP 200, the signature was valid\n"
        r"          request id [0-9a-f-]{36}\n"
        r"Returned  PipelineExecution, PipelineExecutionStatus\.SUCCEEDED\n"
        r"\n"
        r"Pipeline   web\n(?:[A-Z ].*\n)+"
        r"\n"
        r"Next:\n"
        r"\n"
        r"codepipeline-client serve      a local endpoint that keeps running\n"
        r"codepipeline-client get NAME   the latest execution of your own pipeline, from AWS\n"
        r"codepipeline-client wait NAME  the same, once it has finished\n",
        stdout,
    )


def test_demo_can_be_stopped(capfd: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    clock.on_sleep = lambda: signal.raise_signal(signal.SIGINT)
    assert run(["demo"], clock=clock) == 130
    assert "Traceback" not in capfd.readouterr().err


def test_demo_does_not_mind_how_the_machine_is_set_up(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is the first thing that people run, and settings that it needs none of may be broken."""
    broken = tmp_path / "config"
    broken.write_text("[default\nregion")
    settings = {"AWS_CONFIG_FILE": str(broken), "AWS_PROFILE": "absent", "AWS_USE_FIPS_ENDPOINT": "true"}
    for name, value in {**settings, "AWS_REGION": "not a region", "HTTP_PROXY": "http://proxy.invalid:1"}.items():
        monkeypatch.setenv(name, value)
    assert run(["demo"], clock=FakeClock()) == 0
