"""
The demonstration: an execution on this machine, followed to its end over real HTTP.

Imported when it is asked for, since the test kit takes time to import.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from .._clock import Clock
from .._reports import AttemptReport
from ..client import CodePipelineClient
from ..models import PipelineExecution
from ..testing import LocalCodePipeline, ReceivedRequest
from ..waiting import Pace
from ._columns import wrapped
from ._durations import span
from ._endings import PROGRAM
from ._follow import wait_for_end
from ._samples import DEMONSTRATION
from ._signals import told_to_stop
from ._terminal import say, width
from ._view import Row, as_rows, laid_out

_PACE: Final = Pace(timeout=60.0, poll_interval=0.5, max_poll_interval=0.5, not_found_grace=0.0)


def demonstrate(clock: Clock) -> None:
    """Follow an execution by signed calls over HTTP, and tell what happened."""
    say(
        "\n".join(
            [*wrapped("One execution on this machine, followed to its end: no account, no network.", width=width()), ""]
        )
    )
    answers: list[AttemptReport] = []
    with LocalCodePipeline(now=clock.time) as endpoint:
        reference = endpoint.script_execution(DEMONSTRATION.steps)
        with _unconfigured():
            client = CodePipelineClient(
                region_name=endpoint.region_name,
                endpoint_url=endpoint.endpoint_url,
                credentials=endpoint.credentials,
                clock=clock,
                on_attempt=answers.append,
            )
        began = clock.monotonic()
        with client, told_to_stop():
            execution = wait_for_end(client, reference, _PACE, clock)
        seconds = clock.monotonic() - began
        say(what_happened(endpoint.endpoint_url, endpoint.requests, answers, execution, seconds, columns=width()))


def what_happened(
    url: str,
    received: Sequence[ReceivedRequest],
    answers: Sequence[AttemptReport],
    execution: PipelineExecution,
    seconds: float,
    *,
    columns: int | None,
) -> str:
    """Return what `demonstrate` prints: what happened to the calls, by what the endpoint received, and the result."""
    request, answer = received[-1], answers[-1]
    scope, signed = _signature(request.headers["authorization"])
    happened = (
        Row("Asked", (f"{len(received)} times in {span(seconds)}, until it had ended",)),
        Row("Signed", (f"AWS Signature Version 4 for {scope}", f"over {signed}")),
        Row("Sent", (f"over HTTP to {url}", request.headers["x-amz-target"])),
        Row(
            "Answered", (f"HTTP {answer.http_status_code}, the signature was right", f"request id {answer.request_id}")
        ),
        Row("Typed", (f"{type(execution).__name__}, {execution.status!r}",)),
    )
    following = (
        Row(f"{PROGRAM} serve", ("an endpoint that stays",)),
        Row(f"{PROGRAM} get NAME ID", ("an execution of yours, from AWS",)),
        Row(f"{PROGRAM} wait NAME ID", ("the same, when it has ended",)),
    )
    parts = (laid_out(happened, width=columns), laid_out(as_rows(execution), width=columns), "Next:")
    return "\n\n".join([*parts, laid_out(following, width=columns)])


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


def _signature(authorization: str) -> tuple[str, str]:
    """Return the scope and the signed headers that an Authorization header tells of."""
    parts = dict(part.split("=", 1) for part in authorization.partition(" ")[2].split(", "))
    _, _, region_name, service_name, _ = parts["Credential"].split("/")
    return f"{service_name} in {region_name}", parts["SignedHeaders"].replace(";", ", ")
