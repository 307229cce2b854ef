"""
Fixtures: a running endpoint, clients that talk to it, and a clock that takes no time for them all.

pytest imports this, and with it the package, in every session of an environment that has it installed. botocore,
which takes the longest, is left to the fixture that needs it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client import AsyncCodePipelineClient, CodePipelineClient
    from .fake_clock import FakeClock
    from .local_codepipeline import LocalCodePipeline


@pytest.fixture
def codepipeline_clock() -> FakeClock:
    """A clock on which sleeping takes no time. In a test that has it, the endpoint and the clients go by it."""
    from .fake_clock import FakeClock

    return FakeClock()


@pytest.fixture
def local_codepipeline(request: pytest.FixtureRequest) -> Iterator[LocalCodePipeline]:
    """A CodePipeline endpoint on loopback, new for each test: put executions there and look at its requests."""
    from .local_codepipeline import LocalCodePipeline

    clock = _clock_of(request)
    with LocalCodePipeline(now=clock.time if clock else time.time) as endpoint:
        yield endpoint


@pytest.fixture
def codepipeline_client(
    local_codepipeline: LocalCodePipeline, request: pytest.FixtureRequest
) -> Iterator[CodePipelineClient]:
    """A client that talks to the endpoint of `local_codepipeline`, closed when the test is over."""
    from ..client import CodePipelineClient

    with CodePipelineClient(
        region_name=local_codepipeline.region_name,
        endpoint_url=local_codepipeline.endpoint_url,
        credentials=local_codepipeline.credentials,
        clock=_clock_of(request),
    ) as client:
        yield client


@pytest.fixture
def async_codepipeline_client(
    local_codepipeline: LocalCodePipeline, request: pytest.FixtureRequest
) -> AsyncCodePipelineClient:
    """A client that talks to the endpoint of `local_codepipeline`: the test does ``async with`` on it."""
    from ..client import AsyncCodePipelineClient

    return AsyncCodePipelineClient(
        region_name=local_codepipeline.region_name,
        endpoint_url=local_codepipeline.endpoint_url,
        credentials=local_codepipeline.credentials,
        clock=_clock_of(request),
    )


def _clock_of(request: pytest.FixtureRequest) -> FakeClock | None:
    if "codepipeline_clock" not in request.fixturenames:
        return None
    clock: FakeClock = request.getfixturevalue("codepipeline_clock")
    return clock
