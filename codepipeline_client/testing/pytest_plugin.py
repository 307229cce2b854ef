"""
Fixtures: a running endpoint, and clients that talk to it.

pytest imports this, and with it the package, in every session of an environment that has it installed. botocore,
which takes the longest, is left to the fixture that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client import AsyncCodePipelineClient, CodePipelineClient
    from .local_codepipeline import LocalCodePipeline


@pytest.fixture
def local_codepipeline() -> Iterator[LocalCodePipeline]:
    """A CodePipeline endpoint on loopback, new for each test: put executions there and look at its requests."""
    from .local_codepipeline import LocalCodePipeline

    with LocalCodePipeline() as endpoint:
        yield endpoint


@pytest.fixture
def codepipeline_client(local_codepipeline: LocalCodePipeline) -> Iterator[CodePipelineClient]:
    """A client that talks to the endpoint of `local_codepipeline`, closed when the test is over."""
    from ..client import CodePipelineClient

    with CodePipelineClient(
        region_name=local_codepipeline.region_name,
        endpoint_url=local_codepipeline.endpoint_url,
        credentials=local_codepipeline.credentials,
    ) as client:
        yield client


@pytest.fixture
def async_codepipeline_client(local_codepipeline: LocalCodePipeline) -> AsyncCodePipelineClient:
    """A client that talks to the endpoint of `local_codepipeline`: the test does ``async with`` on it."""
    from ..client import AsyncCodePipelineClient

    return AsyncCodePipelineClient(
        region_name=local_codepipeline.region_name,
        endpoint_url=local_codepipeline.endpoint_url,
        credentials=local_codepipeline.credentials,
    )
