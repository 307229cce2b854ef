"""
An endpoint with sample executions, for people to try things on: what it tells them, and how it ends.

Imported when it is asked for, since the test kit takes time to import.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import click

from .. import _endpoint
from .._clock import Clock
from ..models import PipelineExecution
from ..testing import LocalCodePipeline
from ._columns import wrapped
from ._endings import PROGRAM
from ._samples import JOURNEYS, SAMPLES
from ._signals import told_to_stop
from ._terminal import say, width
from ._view import Row, laid_out

_A_MOMENT: Final = 1.0
"""
Seconds that the main thread sleeps at a time while others serve.

Not more, since a signal that comes just before a sleep begins is heard when it is over.
"""
_KEPT: Final = 100
"""Requests that are kept, though nobody looks at them: it may run for days."""


def serve_samples(clock: Clock, *, port: int, region_name: str) -> None:
    """Serve the samples, say how to ask for them, and return after Ctrl-C or SIGTERM."""
    _endpoint.check_region(region_name)
    endpoint = LocalCodePipeline(port=port, region_name=region_name, now=clock.time, max_requests=_KEPT)
    for execution in SAMPLES:
        endpoint.put_execution(execution)
    for journey in JOURNEYS:
        endpoint.script_execution(journey.steps)
    try:
        with told_to_stop(), _listening(endpoint, port):
            say(invitation(endpoint.endpoint_url, endpoint.environ, windows=os.name == "nt", columns=width()))
            while True:
                clock.sleep(_A_MOMENT)
    except KeyboardInterrupt:
        say("\nStopped.")


def invitation(url: str, environ: Mapping[str, str], *, windows: bool, columns: int | None) -> str:
    """Return what `serve_samples` prints: where the endpoint is, the settings to copy, and what there is to ask for."""
    first, journey = SAMPLES[0], JOURNEYS[0].end
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
            f"{PROGRAM} wait {journey.pipeline_name} {journey.pipeline_execution_id}",
            "",
            f"The executions of the pipeline {first.pipeline_name}:",
            "",
            laid_out(
                [
                    *(Row(each.kind, (each.end.pipeline_execution_id,)) for each in JOURNEYS),
                    *(Row(_kind(each), (each.pipeline_execution_id,)) for each in SAMPLES),
                ],
                width=columns,
            ),
        ]
    )


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
