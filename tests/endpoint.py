"""Calls of the clients to an endpoint on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import anyio.lowlevel

from codepipeline_client import CodePipelineClient, CodePipelineError, GetPipelineExecutionOutput
from codepipeline_client.clock import Clock
from codepipeline_client.testing import LocalCodePipeline, make_pipeline_execution
from tests.clients import opened
from tests.loops import LOOPS

EXECUTION: Final = make_pipeline_execution()
"""The execution that the endpoint of the fixture `service` has."""
INPUT: Final[dict[str, Any]] = {
    "pipeline_name": EXECUTION.pipeline_name,
    "pipeline_execution_id": EXECUTION.pipeline_execution_id,
}
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_SETTINGS: Final = ("AWS_", *_PROXIES, "REQUESTS_CA_BUNDLE", "SSL", "FORCE_COLOR", "TTY_", "OTEL_")
Outcome = GetPipelineExecutionOutput | CodePipelineError
Ask = Callable[..., GetPipelineExecutionOutput]


def settings_in(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that would change what a client, the command line or a tracer does."""
    return [name for name in environ if name.upper().startswith(_SETTINGS)]


class NoPauses(Clock):
    """The machine's clock, on which a pause takes no time."""

    def sleep(self, seconds: float) -> None: ...

    async def sleep_async(self, seconds: float) -> None:
        await anyio.lowlevel.checkpoint()


def options_for(service: LocalCodePipeline, **more: object) -> dict[str, Any]:
    """Return the arguments of a client that uses *service*, and does not pause before a retry."""
    return {
        "region_name": service.region_name,
        "endpoint_url": service.endpoint_url,
        "credentials": service.credentials,
        "clock": NoPauses(),
        **more,
    }


def get(kind: str, arguments: Mapping[str, Any] = INPUT, **options: Any) -> GetPipelineExecutionOutput:
    """Make one call with a new client: a "sync" one, or one in the loop of that name."""
    (outcome,) = call(LOOPS.get(kind), arguments=arguments, **options)
    if isinstance(outcome, CodePipelineError):
        raise outcome
    return outcome


def call(
    loop: Mapping[str, Any] | None,
    count: int = 1,
    *,
    before: Callable[[], object] = lambda: None,
    arguments: Mapping[str, Any] = INPUT,
    **options: Any,
) -> list[Outcome]:
    """Make calls with one client, one after the other, each after *before*: a sync one, or one in a *loop* of LOOPS."""
    outcomes: list[Outcome] = []
    with opened(loop, **options) as client:
        for _ in range(count):
            before()
            outcomes.append(outcome_of(client, **arguments))
    return outcomes


def outcome_of(client: CodePipelineClient, **arguments: Any) -> Outcome:
    """Return what a call ends with; of arguments that are not given, those for the execution."""
    try:
        return client.get_pipeline_execution(**INPUT | arguments)
    except CodePipelineError as error:
        return error


def succeeded(outcome: Outcome, attempts: int) -> bool:
    assert isinstance(outcome, GetPipelineExecutionOutput), outcome
    return outcome.pipeline_execution == EXECUTION and outcome.response_metadata.attempts == attempts
