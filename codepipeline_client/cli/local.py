"""
Commands that need no account: an endpoint with sample executions, and a demonstration on such an endpoint.

Imported only for these commands, since the test kit takes time to import.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from functools import partial
from typing import Final

from attrs import evolve

from .._call.reports import AttemptReport
from .._config.endpoint import check_region
from ..clock import Clock
from ..errors import CodePipelineError, printable
from ..models import PipelineExecution, PipelineExecutionStatus
from ..testing import LocalCodePipeline, ReceivedRequest, Shown, make_action_execution, make_pipeline_execution
from .exit_codes import PROGRAM
from .output import Row, as_table, elapsed, explain, fitted, rows_of, say, timestamp
from .progress import FollowingClient, progress_on_stderr, stop_signals_raise

_sample = partial(make_pipeline_execution, pipeline_version=3, variables=[{"name": "BRANCH", "resolved_value": "main"}])
_SUCCEEDED: Final = _sample()
_FAILED: Final = _sample(
    pipeline_execution_id="e90c47b6-58d2-4a1b-b3f7-06d5a8e2c914",
    status="Failed",
    status_summary="The action Smoke of the stage Deploy failed: 1 of 24 checks",
)
_CAUSE: Final = f"FailedPipelineExecutionId: {_FAILED.pipeline_execution_id}"
SAMPLES: Final = {
    "Succeeded": _SUCCEEDED,
    "InProgress": _sample(pipeline_execution_id="b24d9e07-3c1f-4f5a-8e62-91a7c0d4f583", status="InProgress"),
    "Failed": _FAILED,
    "Succeeded, a rollback": _sample(
        pipeline_execution_id="1d6b83fa-c720-49e5-9f08-e4b35a7d2c60",
        trigger={"trigger_type": "AutomatedRollback", "trigger_detail": _CAUSE},
        execution_type="ROLLBACK",
        rollback_metadata={"rollback_target_pipeline_execution_id": _SUCCEEDED.pipeline_execution_id},
    ),
    "Stopped": _sample(
        pipeline_execution_id="5a0f2e91-d843-4b7c-a6d5-3e9c71b08f24",
        status="Stopped",
        status_summary="Stopped by hand: the wrong branch",
        artifact_revisions=[],
        trigger={"trigger_type": "StartPipelineExecution", "trigger_detail": "arn:aws:iam::111122223333:user/alex"},
    ),
}
"""Executions of the pipeline ``web``, one for each outcome."""
SCRIPTED_SAMPLES: Final = {
    "Succeeds in a minute": (60.0, evolve(_SUCCEEDED, pipeline_execution_id="0c7be3d4-81f6-4e29-b5a0-7d4f92c6e138")),
    "Fails in 30 seconds": (30.0, evolve(_FAILED, pipeline_execution_id="9f15d062-4ae7-4c3b-8d90-2b6c71e5fa43")),
}
"""Executions of the pipeline ``web`` to wait for: how many seconds each is InProgress, and how it ends."""
ACTIONS: Final = (
    make_action_execution(stage_name="Deploy", action_name="Smoke", status="Failed", error_message="1 of 24 checks"),
    make_action_execution(),
)


def put_samples(endpoint: LocalCodePipeline) -> None:
    """Put the samples there, the one that Succeeded as the newest, and script those to wait for and to start."""
    for seconds, end in SCRIPTED_SAMPLES.values():
        endpoint.script_execution(_steps(seconds, end))
    endpoint.put_action_executions(SCRIPTED_SAMPLES["Fails in 30 seconds"][1], ACTIONS)
    for execution in reversed(SAMPLES.values()):
        endpoint.put_execution(execution)
    endpoint.put_action_executions(_FAILED, ACTIONS)
    endpoint.script_starts(_steps(30.0, _SUCCEEDED)[1:], pipeline_name="web")  # by time: a list is no poll


def serve_samples(clock: Clock, *, port: int, region_name: str) -> None:
    """Serve the samples, print how to use them, and return after Ctrl-C or SIGTERM."""
    check_region(region_name)
    endpoint = LocalCodePipeline(port=port, region_name=region_name, now=clock.time, max_requests=1000)
    put_samples(endpoint)
    try:
        with stop_signals_raise(), endpoint:
            say(instructions(endpoint.endpoint_url, endpoint.environ, windows=os.name == "nt"))
            logged: set[int] = set()
            while True:
                clock.sleep(0.25)  # until requests are logged, and a signal is handled that comes just before this
                requests = endpoint.requests
                for request in requests:
                    if request.number not in logged:
                        _log(request, clock.time())
                logged = {request.number for request in requests}
    except KeyboardInterrupt:
        say("\nStopped.")
    except OSError as error:
        words = f"port {port} of this machine cannot be used: {error.strerror}; choose another with --port"
        raise CodePipelineError(words) from error


def _log(request: ReceivedRequest, now: float) -> None:
    operation = request.headers.get("x-amz-target", "").rpartition(".")[2] or f"{request.method} {request.path}"
    which = [(request.input or {}).get(name) for name in ("name", "pipelineName", "pipelineExecutionId")]
    parts = (timestamp(now), request.status_code, request.error_code, operation, *which)
    explain(printable("  ".join(str(part) for part in parts if part is not None)))


def instructions(url: str, environ: Mapping[str, str], *, windows: bool) -> str:
    """Return what `serve_samples` prints: where the endpoint is, the settings to copy, and the commands to try."""
    samples = {label: end for label, (_, end) in SCRIPTED_SAMPLES.items()} | SAMPLES
    ids = {label: execution.pipeline_execution_id for label, execution in samples.items()}
    settings = [f"export {name}={shlex.quote(value)}" for name, value in environ.items()]
    if windows:
        in_cmd = [f"set {name}={value}" for name, value in environ.items()]
        in_powershell = [f"$env:{name} = '{value}'" for name, value in environ.items()]
        settings = ["In cmd:", *in_cmd, "In PowerShell:", *in_powershell]
    commands = (f"get web {ids['Succeeded']}", f"wait web {ids['Succeeds in a minute']}", "start web --wait")
    paragraphs = (
        f"CodePipeline on this machine: {url}\nCtrl-C stops it.",
        "\n".join(fitted("To use it with any AWS client, set these variables in another terminal:")),
        "\n".join(settings),
        "Then try:",
        "\n".join([f"{PROGRAM} {command}" for command in commands]),
        "The executions of the pipeline web:",
        as_table((label, [execution_id]) for label, execution_id in ids.items()),
    )
    return "\n\n".join(paragraphs)


def demonstrate(clock: Clock) -> None:
    """Start and follow an execution by signed requests over HTTP, and print what happened."""
    say("\n".join(fitted("Starts and follows a sample execution on this machine: no account, no network.")) + "\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:  # an error in settings must not end the demo
        del os.environ[name]
    attempts: list[AttemptReport] = []
    with LocalCodePipeline(now=clock.time) as endpoint:
        endpoint.script_starts(_steps(3.0, _SUCCEEDED), pipeline_name="web")
        os.environ.update(endpoint.environ, AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
        began = clock.monotonic()
        with FollowingClient(clock=clock, on_attempt=attempts.append) as client, stop_signals_raise():
            started = client.start_pipeline_execution(pipeline_name="web")
            with progress_on_stderr(client, has_changes=True) as progress:
                execution = client.wait_for_pipeline_execution(
                    started, timeout=60.0, poll_interval=0.5, max_poll_interval=0.5, on_poll=progress.polled
                )
        polled = f"{len(endpoint.requests) - 1} times in {elapsed(clock.monotonic() - began)}, until it had finished"
        request, attempt = endpoint.requests[-1], attempts[-1]
        response = f"HTTP {attempt.http_status_code}, the signature was valid"
        signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].replace(";", ", ")
        happened: list[Row] = [
            ("Polled", [polled]),
            ("Signed", [f"AWS Signature Version 4 for codepipeline in {endpoint.region_name}", f"over {signed}"]),
            ("Sent", [f"over HTTP to {endpoint.endpoint_url}", request.headers["x-amz-target"]]),
            ("Response", [response, f"request id {attempt.request_id}"]),
            ("Returned", [f"{type(execution).__name__}, {execution.status!r}"]),
        ]
    following: list[Row] = [
        (f"{PROGRAM} serve", ["a local endpoint that keeps running"]),
        (f"{PROGRAM} get NAME", ["the latest execution of your own pipeline, from AWS"]),
        (f"{PROGRAM} wait NAME", ["the same, once it has finished"]),
    ]
    say("\n\n".join([as_table(happened), as_table(rows_of(execution)), "Next:", as_table(following)]))


def _steps(seconds: float, end: PipelineExecution) -> tuple[Shown | PipelineExecution, ...]:
    """Return the steps of an execution that begins with the first request, and is *end* after so many *seconds*."""
    running = evolve(end, status=PipelineExecutionStatus.IN_PROGRESS, status_summary=None)
    return Shown(evolve(running, artifact_revisions=()), polls=1), Shown(running, seconds=seconds), end
