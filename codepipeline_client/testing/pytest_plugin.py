"""
Fixtures: a running endpoint, clients that use it, and a clock on which no pause takes time.

pytest imports this, and with it the package, in every session of an environment where the package is installed. Only
an endpoint that starts imports botocore, the slowest import.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from ..async_client import AsyncCodePipelineClient
from ..client import CodePipelineClient
from .fake_clock import FakeClock
from .local_codepipeline import LocalCodePipeline


@pytest.fixture
def codepipeline_clock() -> FakeClock:
    """A clock on which sleeping takes no time. In a test that uses it, the endpoint and the clients use it too."""
    return FakeClock()


@pytest.fixture
def local_codepipeline(request: pytest.FixtureRequest) -> Iterator[LocalCodePipeline]:
    """A CodePipeline endpoint on loopback, new for each test: put executions there and look at its requests."""
    clock = _clock_of(request)
    with LocalCodePipeline(now=clock.time if clock else time.time) as endpoint:
        yield endpoint


@pytest.fixture
def codepipeline_client(
    local_codepipeline: LocalCodePipeline, request: pytest.FixtureRequest
) -> Iterator[CodePipelineClient]:
    """A client that uses the endpoint of `local_codepipeline`. It is closed after the test."""
    with CodePipelineClient(**_settings(local_codepipeline, request)) as client:
        yield client


@pytest.fixture
def async_codepipeline_client(
    local_codepipeline: LocalCodePipeline, request: pytest.FixtureRequest
) -> AsyncCodePipelineClient:
    """A client that uses the endpoint of `local_codepipeline`. The test enters it with ``async with``."""
    return AsyncCodePipelineClient(**_settings(local_codepipeline, request))


def _settings(endpoint: LocalCodePipeline, request: pytest.FixtureRequest) -> dict[str, Any]:
    return {
        "region_name": endpoint.region_name,
        "endpoint_url": endpoint.endpoint_url,
        "credentials": endpoint.credentials,
        "clock": _clock_of(request),
    }


def _clock_of(request: pytest.FixtureRequest) -> FakeClock | None:
    is_used = "codepipeline_clock" in request.fixturenames
    clock: FakeClock | None = request.getfixturevalue("codepipeline_clock") if is_used else None
    return clock
