"""
The commands that need no machine but this one: what they do and what they tell.

Imported when one of them runs, since the test kit takes time to import.
"""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import click

from .. import _endpoint
from .._clock import Clock
from ..client import CodePipelineClient
from ..models import PipelineExecution
from ..operations.get_pipeline_execution import GetPipelineExecutionOutput
from ..testing import LocalCodePipeline, ReceivedRequest
from ._endings import PROGRAM
from ._samples import SAMPLES, SUCCEEDED
from ._terminal import say, width
from ._view import Row, as_rows, laid_out, wrapped

_LONG: Final = 3600.0
"""Seconds that the main thread sleeps at a time while others serve."""


def serve_samples(clock: Clock, *, port: int, region_name: str) -> None:
    """Serve the samples, say how to ask for them, and return after Ctrl-C or SIGTERM."""
    _endpoint.check_region(region_name)
    endpoint = LocalCodePipeline(port=port, region_name=region_name)
    for execution in SAMPLES:
        endpoint.put_execution(execution)
    try:
        with _sigterm_as_ctrl_c(), _listening(endpoint, port):
            say(invitation(endpoint.endpoint_url, endpoint.environ, windows=os.name == "nt", columns=width()))
            while True:
                clock.sleep(_LONG)
    except KeyboardInterrupt:
        say("\nStopped.")


def demonstrate(clock: Clock) -> None:
    """Ask for a sample by a signed call over HTTP, and tell what happened."""
    with LocalCodePipeline() as endpoint:
        endpoint.put_execution(SUCCEEDED)
        with _unconfigured():
            client = CodePipelineClient(
                region_name=endpoint.region_name,
                endpoint_url=endpoint.endpoint_url,
                credentials=endpoint.credentials,
                clock=clock,
            )
        with client:
            output = client.get_pipeline_execution(
                pipeline_name=SUCCEEDED.pipeline_name, pipeline_execution_id=SUCCEEDED.pipeline_execution_id
            )
        (received,) = endpoint.requests
        say(what_happened(endpoint.endpoint_url, received, output, columns=width()))


def invitation(url: str, environ: Mapping[str, str], *, windows: bool, columns: int | None) -> str:
    """Return what `serve_samples` prints: where the endpoint is, the settings to copy, and what there is to ask for."""
    first = SAMPLES[0]
    return "\n".join(
        [
            f"CodePipeline on this machine: {url}",
            "Ctrl-C stops it.",
            "",
            *wrapped("For another terminal, so that any AWS client there asks it:", width=columns),
            "",
            *_settings(environ, windows=windows),
            "",
            "Then try:",
            "",
            f"{PROGRAM} get {first.pipeline_name} {first.pipeline_execution_id}",
            "",
            f"The executions of the pipeline {first.pipeline_name}:",
            "",
            laid_out([Row(_kind(each), (each.pipeline_execution_id,)) for each in SAMPLES], width=columns),
        ]
    )


def what_happened(
    url: str, received: ReceivedRequest, output: GetPipelineExecutionOutput, *, columns: int | None
) -> str:
    """Return what `demonstrate` prints: what happened to the call, by what the endpoint received, and the result."""
    metadata = output.response_metadata
    scope, signed = _signature(received.headers["authorization"])
    happened = (
        Row("Signed", (f"AWS Signature Version 4 for {scope}", f"over {signed}")),
        Row("Sent", (f"over HTTP to {url}", received.headers["x-amz-target"])),
        Row(
            "Answered",
            (f"HTTP {metadata.http_status_code}, the signature was right", f"request id {metadata.request_id}"),
        ),
        Row("Typed", (f"{type(output.pipeline_execution).__name__}, {output.pipeline_execution.status!r}",)),
    )
    return "\n".join(
        [
            *wrapped("One call, answered on this machine: no account, no network.", width=columns),
            "",
            laid_out(happened, width=columns),
            "",
            laid_out(as_rows(output.pipeline_execution), width=columns),
            "",
            "Next:",
            "",
            laid_out(
                [
                    Row(f"{PROGRAM} serve", ("an endpoint that stays",)),
                    Row(f"{PROGRAM} get NAME ID", ("an execution of yours, from AWS",)),
                ],
                width=columns,
            ),
        ]
    )


@contextmanager
def _unconfigured() -> Generator[None]:
    """Hide this machine's AWS settings, so that no slip in them ends the demo. A client looks when it is made."""
    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    os.environ.update(dict.fromkeys(files, os.devnull))
    try:
        yield
    finally:
        for name in files:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _sigterm_as_ctrl_c() -> Generator[None]:
    """Let SIGTERM do what Ctrl-C does: containers send it, and shells keep Ctrl-C from what runs behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _listening(endpoint: LocalCodePipeline, port: int) -> Generator[None]:
    with ExitStack() as running:
        try:
            running.enter_context(endpoint)
        except OSError as error:
            raise click.ClickException(
                f"port {port} of this machine cannot be listened on: {error.strerror}: choose another with --port"
            ) from error
        yield


def _settings(environ: Mapping[str, str], *, windows: bool) -> Sequence[str]:
    """Return the lines that set *environ*, for the shells of the system."""
    if not windows:
        return [f"export {name}={shlex.quote(value)}" for name, value in environ.items()]
    return [
        "In cmd:",
        *(f"set {name}={value}" for name, value in environ.items()),
        "In PowerShell:",
        *(f"$env:{name} = '{value}'" for name, value in environ.items()),
    ]


def _kind(execution: PipelineExecution) -> str:
    return f"{execution.status}, a rollback" if execution.rollback_metadata else execution.status


def _signature(authorization: str) -> tuple[str, str]:
    """Return the scope and the signed headers that an Authorization header tells of."""
    parts = dict(part.split("=", 1) for part in authorization.partition(" ")[2].split(", "))
    _, _, region_name, service_name, _ = parts["Credential"].split("/")
    return f"{service_name} in {region_name}", parts["SignedHeaders"].replace(";", ", ")
